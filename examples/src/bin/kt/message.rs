//! A record as a line, as Kafka's `DefaultMessageFormatter` prints it.

use crate::values::Deserializer;
use kafka_client::{RecordView, TimestampType};
use kafka_proto::settings::{boolean, nearest};
use std::io::{self, Write};

/// What is printed of a record, as Kafka's properties say.
#[derive(Clone, Debug)]
pub(crate) struct LineFormat {
    timestamp: bool,
    partition: bool,
    offset: bool,
    epoch: bool,
    headers: bool,
    key: bool,
    value: bool,
    separator: Vec<u8>,
    end: Vec<u8>,
    headers_separator: Vec<u8>,
    null: Vec<u8>,
    pub(crate) key_as: Deserializer,
    pub(crate) value_as: Deserializer,
    headers_as: Deserializer,
}

impl Default for LineFormat {
    fn default() -> Self {
        Self {
            timestamp: false,
            partition: false,
            offset: false,
            epoch: false,
            headers: false,
            key: false,
            value: true,
            separator: b"\t".into(),
            end: b"\n".into(),
            headers_separator: b",".into(),
            null: b"null".into(),
            key_as: Deserializer::Text,
            value_as: Deserializer::Text,
            headers_as: Deserializer::Text,
        }
    }
}

const KEYS: [&str; 14] = [
    "print.timestamp",
    "print.partition",
    "print.offset",
    "print.epoch",
    "print.headers",
    "print.key",
    "print.value",
    "key.separator",
    "line.separator",
    "headers.separator",
    "null.literal",
    "key.deserializer",
    "value.deserializer",
    "headers.deserializer",
];

impl LineFormat {
    /// Sets one property.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let flag = || boolean(value).map_err(|error| format!("{key}={value}: {error}"));
        let bytes = || value.as_bytes().to_vec();
        match key {
            "print.timestamp" => self.timestamp = flag()?,
            "print.partition" => self.partition = flag()?,
            "print.offset" => self.offset = flag()?,
            "print.epoch" => self.epoch = flag()?,
            "print.headers" => self.headers = flag()?,
            "print.key" => self.key = flag()?,
            "print.value" => self.value = flag()?,
            "key.separator" => self.separator = bytes(),
            "line.separator" => self.end = bytes(),
            "headers.separator" => self.headers_separator = bytes(),
            "null.literal" => self.null = bytes(),
            "key.deserializer" => self.key_as = Deserializer::named(value)?,
            "value.deserializer" => self.value_as = Deserializer::named(value)?,
            "headers.deserializer" => self.headers_as = Deserializer::named(value)?,
            other => {
                let nearest = nearest(other, KEYS).map(|key| format!(": did you mean {key:?}?"));
                let known = || format!("; there are {}", KEYS.join(", "));
                let rest = nearest.unwrap_or_else(known);
                return Err(format!("the formatter has no property {other:?}{rest}"));
            }
        }
        Ok(())
    }

    /// Writes a record.
    pub(crate) fn write(
        &self,
        out: &mut impl Write,
        record: &RecordView<'_>,
        kind: TimestampType,
    ) -> io::Result<()> {
        let mut fields = Fields { out, separator: &self.separator, first: true };
        if self.timestamp {
            match (kind, record.timestamp_ms()) {
                (_, ..0) => fields.next()?.write_all(b"NO_TIMESTAMP")?,
                (TimestampType::LogAppendTime, ms) => write!(fields.next()?, "LogAppendTime:{ms}")?,
                (TimestampType::CreateTime, ms) => write!(fields.next()?, "CreateTime:{ms}")?,
            }
        }
        if self.partition {
            write!(fields.next()?, "Partition:{}", record.partition())?;
        }
        if self.offset {
            write!(fields.next()?, "Offset:{}", record.offset())?;
        }
        if self.epoch {
            write!(fields.next()?, "Epoch:{}", record.leader_epoch())?;
        }
        if self.headers {
            self.write_headers(fields.next()?, record)?;
        }
        if self.key {
            self.write_bytes(fields.next()?, self.key_as, record.key())?;
        }
        if self.value {
            self.write_bytes(fields.next()?, self.value_as, record.value())?;
        }
        // Kafka ends the line with its last field: without any there is none.
        if fields.first { Ok(()) } else { out.write_all(&self.end) }
    }

    fn write_headers(&self, out: &mut impl Write, record: &RecordView<'_>) -> io::Result<()> {
        let mut first = true;
        for header in record.headers() {
            if !first {
                out.write_all(&self.headers_separator)?;
            }
            first = false;
            write!(out, "{}:", header.key())?;
            self.write_bytes(out, self.headers_as, header.value())?;
        }
        if first { out.write_all(b"NO_HEADERS") } else { Ok(()) }
    }

    fn write_bytes(
        &self,
        out: &mut impl Write,
        kind: Deserializer,
        bytes: Option<&[u8]>,
    ) -> io::Result<()> {
        match bytes {
            Some(bytes) => kind.write(out, bytes),
            None => out.write_all(&self.null),
        }
    }
}

/// Fields of a line, separated.
struct Fields<'a, W> {
    out: &'a mut W,
    separator: &'a [u8],
    first: bool,
}

impl<W: Write> Fields<'_, W> {
    fn next(&mut self) -> io::Result<&mut W> {
        if !self.first {
            self.out.write_all(self.separator)?;
        }
        self.first = false;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_client::{ConsumerRecord, ProducerRecord};

    fn line(properties: &[(&str, &str)], record: &ProducerRecord<'_>) -> String {
        let mut format = LineFormat::default();
        properties.iter().for_each(|(key, value)| format.set(key, value).unwrap());
        let stored = ConsumerRecord::stored(&record.timestamp_ms(7), 3).unwrap();
        let mut out = Vec::new();
        format.write(&mut out, &stored.view(), TimestampType::CreateTime).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_a_line_of_the_fields_that_are_wanted() {
        let headers: [(&str, Option<&[u8]>); 2] = [("a", Some(b"1")), ("b", None)];
        let record = ProducerRecord::new("t", "v").key("k").partition(2).headers(&headers);
        assert_eq!(line(&[], &record), "v\n");
        let all = ["timestamp", "partition", "offset", "headers", "key"];
        let all = all.map(|field| format!("print.{field}"));
        let mut all: Vec<_> = all.iter().map(|key| (&**key, "true")).collect();
        assert_eq!(line(&all, &record), "CreateTime:7\tPartition:2\tOffset:3\ta:1,b:null\tk\tv\n");
        let bare = ProducerRecord::tombstone("t").partition(0);
        all.extend([("key.separator", "|"), ("null.literal", "-"), ("line.separator", ";")]);
        assert_eq!(line(&all, &bare), "CreateTime:7|Partition:0|Offset:3|NO_HEADERS|-|-;");
        assert_eq!(line(&[("print.value", "false")], &bare), "");
    }

    #[test]
    fn wrong_properties_are_refused() {
        let mut format = LineFormat::default();
        let error = format.set("print.keys", "true").unwrap_err();
        assert!(error.contains("did you mean \"print.key\"?"), "{error}");
        assert!(format.set("print.key", "maybe").unwrap_err().contains("print.key=maybe"));
    }
}
