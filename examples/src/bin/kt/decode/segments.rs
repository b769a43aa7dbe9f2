//! Batches and their records, as Kafka's dump tool prints them.

use super::base64::readable;
use super::stored;
use crate::failure::{Failure, Outcome};
use crate::output::{Format, Out};
use bytes::Bytes;
use kafka_proto::records::{Batch, Batches, Decompressor, Record, TimestampType};
use serde_json::{Map, Value, json};
use std::io::{self, Read};

/// What is in front of the rest of a batch: its base offset and the length of the rest.
const PREFIX: usize = 12;
/// How large a decompressed batch may be.
const LIMIT: usize = 1 << 30;

/// How segments are read and printed.
pub(super) struct Segments<'a> {
    /// The topic they are of, if that is known.
    pub(super) topic: Option<&'a str>,
    /// Whether records are printed too.
    pub(super) records: bool,
}

/// Whether it begins with a batch, as its checksum says.
pub(super) fn begins(bytes: &Bytes) -> bool {
    let first = Batches::with_legacy(bytes.clone()).next();
    matches!(first, Some(Ok(batch)) if batch.verify_crc().is_ok())
}

impl Segments<'_> {
    /// Prints batch by batch: no more than one is in memory.
    pub(super) fn print(&self, input: &mut impl Read, out: &mut Out) -> Outcome {
        let mut position = 0;
        let mut decompressor = Decompressor::new();
        while let Some(bytes) = whole(input).map_err(|error| at(position, &error))? {
            let size = bytes.len();
            let cut = || at(position, &format!("{size} bytes of a batch that is not whole"));
            let batch = Batches::with_legacy(bytes).next().ok_or_else(cut)?;
            let batch = batch.map_err(|error| at(position, &error))?;
            let json = describe(&batch, self.topic, &mut decompressor);
            self.show(json, position, out)?;
            position += size;
        }
        Ok(())
    }

    fn show(&self, mut json: Value, position: usize, out: &mut Out) -> Outcome {
        let records = json.as_object_mut().and_then(|json| json.remove("records"));
        json["position"] = json!(position);
        if out.format == Format::Json {
            if let (Some(records), true) = (records, self.records) {
                json["records"] = records;
            }
            return out.line(json);
        }
        out.line(batch_line(&json))?;
        let records = records.as_ref().and_then(Value::as_array).filter(|_| self.records);
        for record in records.into_iter().flatten() {
            out.line(format_args!("| {}", record_line(record, &json["timestampType"])))?;
        }
        Ok(())
    }
}

fn at(position: usize, error: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("at byte {position}: {error}"))
}

/// The bytes of the next batch, as far as they are there; `None` at the end.
fn whole(input: &mut impl Read) -> io::Result<Option<Bytes>> {
    let mut bytes = Vec::new();
    input.by_ref().take(PREFIX as u64).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if let Some(length) = bytes.get(8..PREFIX).and_then(|length| length.first_chunk()) {
        // No more is allocated than there is, whatever the length says.
        let length = u64::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        input.by_ref().take(length).read_to_end(&mut bytes)?;
    }
    Ok(Some(bytes.into()))
}

/// The batches in `bytes`, or why they are none.
pub(super) fn batches(bytes: Bytes, topic: Option<&str>) -> Result<Value, String> {
    let mut decompressor = Decompressor::new();
    let mut all = Vec::new();
    for batch in Batches::with_legacy(bytes) {
        let batch = batch.map_err(|error| error.to_string())?;
        all.push(describe(&batch, topic, &mut decompressor));
    }
    Ok(Value::Array(all))
}

fn describe(batch: &Batch, topic: Option<&str>, decompressor: &mut Decompressor) -> Value {
    let opened = batch.open(decompressor, LIMIT);
    // Old formats tell the offset of the last record only: the open batch has the first.
    let header = opened.as_ref().map_or(*batch.header(), |open| *open.header());
    let valid = batch.verify_crc();
    let kind = match header.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    let codec = batch.header().compression();
    let codec = codec.map_or("unknown".to_owned(), |codec| codec.to_string());
    let mut json = json!({
        "baseOffset": header.base_offset, "lastOffset": header.last_offset(),
        "count": header.count, "baseSequence": header.base_sequence,
        "lastSequence": header.last_sequence(), "producerId": header.producer_id,
        "producerEpoch": header.producer_epoch,
        "partitionLeaderEpoch": header.partition_leader_epoch,
        "isTransactional": header.is_transactional(), "isControl": header.is_control(),
        "deleteHorizonMs": header.delete_horizon(), "timestampType": kind,
        "maxTimestamp": header.max_timestamp, "size": batch.bytes().len(),
        "magic": batch.header().magic, "compression": codec, "crc": batch.header().crc,
        "isValid": valid.is_ok(),
    });
    match opened {
        Ok(open) => {
            let row = |record: Record<'_>| {
                let mut row = describe_record(&record);
                if header.is_control() {
                    row.insert("control".to_owned(), stored::control(&record));
                } else if let Some(known) =
                    topic.and_then(|topic| stored::of_topic(topic, record.key(), record.value()))
                {
                    row.insert("message".to_owned(), known);
                }
                Value::Object(row)
            };
            json["records"] = open.records().map(row).collect();
        }
        Err(error) => json["recordsError"] = json!(error.to_string()),
    }
    json
}

fn describe_record(record: &Record<'_>) -> Map<String, Value> {
    let headers = record
        .headers()
        .map(|header| json!({"key": header.key(), "value": readable(header.value())}));
    let mut row = Map::new();
    row.insert("offset".to_owned(), json!(record.offset()));
    row.insert("timestamp".to_owned(), json!(record.timestamp()));
    row.insert("keySize".to_owned(), json!(size(record.key())));
    row.insert("valueSize".to_owned(), json!(size(record.value())));
    row.insert("headers".to_owned(), headers.collect());
    row.insert("key".to_owned(), readable(record.key()));
    row.insert("value".to_owned(), readable(record.value()));
    row
}

/// -1 where there is nothing.
fn size(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

fn batch_line(json: &Value) -> String {
    let mut line = String::new();
    let names = [
        "baseOffset",
        "lastOffset",
        "count",
        "baseSequence",
        "lastSequence",
        "producerId",
        "producerEpoch",
        "partitionLeaderEpoch",
        "isTransactional",
        "isControl",
    ];
    for name in names {
        line += &format!("{name}: {} ", json[name]);
    }
    // As Java prints what may be absent.
    let horizon = match &json["deleteHorizonMs"] {
        Value::Null => "OptionalLong.empty".to_owned(),
        ms => format!("OptionalLong[{ms}]"),
    };
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    line += &format!(
        "deleteHorizonMs: {horizon} position: {} {}: {} size: {} magic: {} compresscodec: {} \
         crc: {} isvalid: {}",
        json["position"],
        text("timestampType"),
        json["maxTimestamp"],
        json["size"],
        json["magic"],
        text("compression"),
        json["crc"],
        json["isValid"],
    );
    if let Some(error) = json["recordsError"].as_str() {
        line += &format!(" records: {error}");
    }
    line
}

fn record_line(record: &Value, timestamp_type: &Value) -> String {
    let mut line = format!(
        "offset: {} {}: {} keySize: {} valueSize: {}",
        record["offset"],
        timestamp_type.as_str().unwrap_or_default(),
        record["timestamp"],
        record["keySize"],
        record["valueSize"],
    );
    let headers = record["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let keys: Vec<&str> = headers.iter().filter_map(|header| header["key"].as_str()).collect();
    line += &format!(" headerKeys: [{}]", keys.join(","));
    for known in ["control", "message"] {
        if let Some(message) = record.get(known) {
            return format!("{line} {known}: {message}");
        }
    }
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if !record["key"].is_null() {
        line += &format!(" key: {}", plain(&record["key"]));
    }
    if !record["value"].is_null() {
        line += &format!(" payload: {}", plain(&record["value"]));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_proto::records::{BatchBuilder, Compression, Compressor, Stamp};

    fn batch() -> Bytes {
        let mut builder = BatchBuilder::new(Vec::new());
        builder.append(7, Some(b"k"), Some(b"v"), &[("h", Some(b"1"))]);
        builder.append(8, None, None, &[]);
        let mut compressor = Compressor::new(Compression::Lz4, None).unwrap();
        builder.seal(Stamp::NONE, &mut compressor).into()
    }

    #[test]
    fn a_batch_is_a_line_with_its_records_below() {
        assert!(begins(&batch()));
        let all = batches(batch(), None).unwrap();
        let line = batch_line(&all[0]);
        assert!(
            line.starts_with("baseOffset: 0 lastOffset: 1 count: 2 baseSequence: -1 "),
            "{line}"
        );
        assert!(line.contains("compresscodec: lz4 ") && line.ends_with("isvalid: true"), "{line}");
        let records = &all[0]["records"];
        let first = record_line(&records[0], &all[0]["timestampType"]);
        assert_eq!(
            first,
            "offset: 0 CreateTime: 7 keySize: 1 valueSize: 1 headerKeys: [h] key: k payload: v"
        );
        let second = record_line(&records[1], &all[0]["timestampType"]);
        assert_eq!(second, "offset: 1 CreateTime: 8 keySize: -1 valueSize: -1 headerKeys: []");
    }

    #[test]
    fn damage_is_told() {
        let mut bytes = batch().to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(!begins(&bytes.clone().into()));
        let all = batches(bytes.into(), None).unwrap();
        assert_eq!(all[0]["isValid"], false);
        assert!(whole(&mut &b""[..]).unwrap().is_none());
        let lies = [0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 1];
        assert_eq!(whole(&mut &lies[..]).unwrap().unwrap().len(), 13);
    }
}
