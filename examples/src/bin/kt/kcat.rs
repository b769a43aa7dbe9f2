//! Records as kcat prints them: by a format of tokens (`-f`), or as JSON (`-J`).

use kafka_client::{RecordView, TimestampType};
use serde_json::{Value, json};
use std::io::{self, Write};

/// A format, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Key,
    KeyLength,
    Value,
    ValueLength,
    /// In four bytes, the highest first.
    BinaryValueLength,
    Timestamp,
    Headers,
}

impl Format {
    /// Reads a format such as `%k: %s\n`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' => literal.extend(escape(&mut rest)?),
                '%' => {
                    let token = match rest.next() {
                        Some('%') => {
                            literal.push(b'%');
                            continue;
                        }
                        Some('t') => Token::Topic,
                        Some('p') => Token::Partition,
                        Some('o') => Token::Offset,
                        Some('k') => Token::Key,
                        Some('K') => Token::KeyLength,
                        Some('s') => Token::Value,
                        Some('S') => Token::ValueLength,
                        Some('R') => Token::BinaryValueLength,
                        Some('T') => Token::Timestamp,
                        Some('h') => Token::Headers,
                        other => return Err(unknown(other)),
                    };
                    if !literal.is_empty() {
                        tokens.push(Token::Text(std::mem::take(&mut literal)));
                    }
                    tokens.push(token);
                }
                c => literal.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        if !literal.is_empty() {
            tokens.push(Token::Text(literal));
        }
        Ok(Self(tokens))
    }

    /// Writes a record.
    pub(crate) fn write(&self, out: &mut impl Write, record: &RecordView<'_>) -> io::Result<()> {
        for token in &self.0 {
            match token {
                Token::Text(text) => out.write_all(text)?,
                Token::Topic => out.write_all(record.topic().as_bytes())?,
                Token::Partition => write!(out, "{}", record.partition())?,
                Token::Offset => write!(out, "{}", record.offset())?,
                Token::Key => out.write_all(record.key().unwrap_or_default())?,
                Token::KeyLength => write!(out, "{}", length(record.key()))?,
                Token::Value => out.write_all(record.value().unwrap_or_default())?,
                Token::ValueLength => write!(out, "{}", length(record.value()))?,
                Token::BinaryValueLength => {
                    out.write_all(&length(record.value()).to_be_bytes())?;
                }
                Token::Timestamp => write!(out, "{}", record.timestamp_ms())?,
                Token::Headers => {
                    for (at, header) in record.headers().enumerate() {
                        let comma = if at == 0 { "" } else { "," };
                        write!(out, "{comma}{}=", header.key())?;
                        out.write_all(header.value().unwrap_or(b"NULL"))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn unknown(token: Option<char>) -> String {
    let token = token.map(String::from).unwrap_or_default();
    format!("there is no %{token}; there are %t %p %o %k %K %s %S %R %T %h and %%")
}

/// What a backslash and what follows it stand for.
fn escape(rest: &mut std::str::Chars<'_>) -> Result<Vec<u8>, String> {
    Ok(match rest.next() {
        Some('n') => b"\n".to_vec(),
        Some('r') => b"\r".to_vec(),
        Some('t') => b"\t".to_vec(),
        Some('0') => vec![0],
        Some('x') => {
            let digits: String = rest.by_ref().take(2).collect();
            let byte = u8::from_str_radix(&digits, 16);
            vec![byte.map_err(|_| format!("\\x{digits} is no byte: expected two hex digits"))?]
        }
        Some(c) => c.to_string().into_bytes(),
        None => return Err("nothing follows the last backslash".to_owned()),
    })
}

/// -1 where there is nothing.
fn length(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX))
}

/// A record as kcat's JSON envelope; `broker` is the leader of its partition, or -1.
pub(crate) fn envelope(record: &RecordView<'_>, kind: TimestampType, broker: i32) -> Value {
    let text = |bytes: Option<&[u8]>| bytes.map(String::from_utf8_lossy).map(|text| json!(text));
    let kind = match kind {
        TimestampType::CreateTime => "create",
        TimestampType::LogAppendTime => "logappend",
    };
    let mut value = json!({
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "tstype": if record.timestamp_ms() < 0 { "unknown" } else { kind },
        "ts": record.timestamp_ms(),
        "broker": broker,
        "key": text(record.key()),
        "payload": text(record.value()),
    });
    let headers = record
        .headers()
        .flat_map(|header| [json!(header.key()), text(header.value()).unwrap_or(Value::Null)]);
    let headers: Vec<Value> = headers.collect();
    if let (Value::Object(fields), false) = (&mut value, headers.is_empty()) {
        fields.insert("headers".to_owned(), Value::Array(headers));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_client::{ConsumerRecord, ProducerRecord};

    fn record() -> ConsumerRecord {
        let headers: [(&str, Option<&[u8]>); 2] = [("a", Some(b"1")), ("b", None)];
        let record = ProducerRecord::new("t", "v\"").partition(2).headers(&headers);
        ConsumerRecord::stored(&record.timestamp_ms(7), 3).unwrap()
    }

    #[test]
    fn every_token_has_its_meaning() {
        let format = Format::parse("%t[%p]@%o %T %k(%K)=%s(%S) %h 100%%\\x21\\t\\n").unwrap();
        let mut out = Vec::new();
        format.write(&mut out, &record().view()).unwrap();
        assert_eq!(out, b"t[2]@3 7 (-1)=v\"(2) a=1,b=NULL 100%!\t\n");
        let mut out = Vec::new();
        Format::parse("%R%s").unwrap().write(&mut out, &record().view()).unwrap();
        assert_eq!(out, [0, 0, 0, 2, b'v', b'"']);
    }

    #[test]
    fn wrong_formats_are_refused() {
        assert!(Format::parse("%x").unwrap_err().starts_with("there is no %x; there are %t"));
        assert!(Format::parse("%").is_err() && Format::parse("\\").is_err());
        assert!(Format::parse("\\xg1").unwrap_err().contains("two hex digits"));
    }

    #[test]
    fn the_envelope_has_kcats_fields() {
        let value = envelope(&record().view(), TimestampType::CreateTime, 1);
        let expected = json!({
            "topic": "t", "partition": 2, "offset": 3, "tstype": "create", "ts": 7, "broker": 1,
            "headers": ["a", "1", "b", null], "key": null, "payload": "v\"",
        });
        assert_eq!(value, expected);
    }
}
