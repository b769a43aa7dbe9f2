//! Messages, frames and bytes that only look like messages.
//!
//! A vector is read from bytes and compared as JSON, written and compared as bytes, and built from JSON and written
//! once more. What Kafka refuses to read has to be refused; what it reads, however odd, has to be read alike.

use super::{Outcome, Tally, files, hex, same};
use kafka_proto::any::{ApiType, MessageType, messages, to_bytes};
use kafka_proto::api::ApiKey;
use kafka_proto::bytes::Bytes;
use kafka_proto::frame::{self, RequestHeader};
use kafka_proto::schema::Prefix;
use kafka_proto::wire::json::{read_json, to_json};
use kafka_proto::wire::{Reader, Writer};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn messages_match() {
    let known: BTreeMap<_, _> = messages().map(|of| (of.name, of)).collect();
    let mut seen = BTreeSet::new();
    let tally = Tally::run(&files("messages"), |_, line| {
        let name = line["name"].as_str().unwrap();
        match name {
            "RequestHeader" => return Some(header(request_header, line)),
            "ResponseHeader" => return Some(header(response_header, line)),
            _ => {}
        }
        let Some(of) = known.get(name) else {
            return Some(Err("is not known here".to_owned()));
        };
        seen.insert((name.to_owned(), line["version"].as_i64()));
        Some(if line.get("header").is_some() {
            frame(of, line)
        } else if line.get("error").is_some() {
            invalid(of, line)
        } else {
            message(of, line).and_then(|()| prefixed(of, line))
        })
    });
    tally.finish("messages");
    let versions: usize = messages().map(versions).sum();
    assert_eq!(seen.len(), versions, "some version of some message has no vector");
}

fn versions(of: &MessageType) -> usize {
    usize::try_from(of.versions.max - of.versions.min + 1).unwrap()
}

fn version(line: &Json) -> i16 {
    i16::try_from(line["version"].as_i64().unwrap()).unwrap()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn message(of: &MessageType, line: &Json) -> Outcome {
    let version = version(line);
    let cx = of.cx(version);
    if line["flexible"].as_bool() != Some(cx.flexible) {
        return Err("flexible in one only".to_owned());
    }
    let bytes = Bytes::from(hex(&line["hex"]));
    let known = line.get("hex_known").map_or_else(|| bytes.clone(), |known| hex(known).into());
    let mut reader = Reader::new(bytes);
    let read = of.decode(&mut reader, version).map_err(text)?;
    reader.finish().map_err(text)?;
    same("JSON values", &to_json(&*read, version).map_err(text)?, &line["json"])?;
    same("bytes written again", &to_bytes(&*read, cx).map_err(text)?, &known)?;
    let mut built = of.initial();
    read_json(&mut *built, &line["json"], version).map_err(text)?;
    // As text, in which a NaN equals itself.
    same("values read from JSON", &format!("{built:?}"), &format!("{read:?}"))?;
    same("bytes built from JSON", &to_bytes(&*built, cx).map_err(text)?, &known)
}

/// The bytes as they lie where the message is stored, behind what says which message it is.
fn prefixed(of: &MessageType, line: &Json) -> Outcome {
    let Some(prefix) = of.prefix else { return Ok(()) };
    let bytes = match line.get("prefixed_hex") {
        Some(prefixed) => Bytes::from(hex(prefixed)),
        None if prefix == Prefix::Nothing || line["case"] == "unknown-tags" => return Ok(()),
        None => return Err("has a prefix here only".to_owned()),
    };
    let (read, version) = of.from_stored(bytes.clone()).map_err(text)?;
    same("versions", &Some(i64::from(version)), &line["version"].as_i64())?;
    if line["case"] == "unknown-tags" {
        return Ok(());
    }
    same("prefixed bytes", &of.to_stored(&*read, version).map_err(text)?, &bytes)
}

/// What was read of a header, how many bytes it left, and what is written of it again.
type Header = (Json, usize, Bytes);

/// A header of either kind: good, cut or odd.
fn header(read: fn(Bytes, i16) -> Result<Header, String>, line: &Json) -> Outcome {
    let bytes = Bytes::from(hex(&line["hex"]));
    let (json, left, written) = match (read(bytes, version(line)), line["error"].as_str()) {
        (Err(_), Some(_)) => return Ok(()),
        (Ok(_), Some(why)) => return Err(format!("was read, while Kafka says {why}")),
        (read, None) => read?,
    };
    same("bytes left", &(left as u64), &line["bytes_left"].as_u64().unwrap_or(0))?;
    same("headers", &json, &line["json"])?;
    // Unknown tagged fields are not kept, as the docs of `wire` say.
    let known = ["rewritten_hex", "hex_known", "hex"].iter().find_map(|name| line.get(*name));
    same("bytes written again", &written, &hex(known.unwrap()).into())
}

fn request_header(bytes: Bytes, version: i16) -> Result<Header, String> {
    let mut reader = Reader::new(bytes);
    let header = RequestHeader::read(&mut reader, version).map_err(text)?;
    let mut writer = Writer::default();
    header.write(&mut writer, version).map_err(text)?;
    Ok((header_json(&header), reader.left(), writer.into_bytes()))
}

fn response_header(bytes: Bytes, version: i16) -> Result<Header, String> {
    let mut reader = Reader::new(bytes);
    let id = frame::read_response_header(&mut reader, version).map_err(text)?;
    let mut writer = Writer::default();
    frame::write_response_header(&mut writer, id, version);
    Ok((json!({ "correlationId": id }), reader.left(), writer.into_bytes()))
}

fn header_json(header: &RequestHeader) -> Json {
    json!({
        "requestApiKey": header.api_key.0,
        "requestApiVersion": header.version,
        "correlationId": header.correlation_id,
        "clientId": header.client_id.as_deref(),
    })
}

fn frame(of: &MessageType, line: &Json) -> Outcome {
    let key = of.number.filter(|_| of.prefix.is_none());
    let api = key.and_then(|key| ApiKey(key).messages()).ok_or("no API has such a frame")?;
    if of.name == api.request.name { request_frame(api, line) } else { response_frame(api, line) }
}

fn request_frame(api: &ApiType, line: &Json) -> Outcome {
    let bytes = Bytes::from(hex(&line["hex"]));
    let (header, body) = frame::decode_request_header(&bytes.slice(4..)).map_err(text)?;
    let (stated, found) = (&line["header"], header_json(&header));
    for (name, found) in found.as_object().unwrap() {
        if stated.get(name).is_some_and(|stated| stated != found) {
            return Err(format!("{name} of the header: {found}, Kafka has {}", stated[name]));
        }
    }
    let request = api.decode_request(body, header.version).map_err(text)?;
    let client_id = header.client_id.as_ref();
    let written = api.encode_request(&*request, header.version, header.correlation_id, client_id);
    same("frames", &written.map_err(text)?.into_bytes(), &bytes)
}

fn response_frame(api: &ApiType, line: &Json) -> Outcome {
    let version = version(line);
    let bytes = Bytes::from(hex(&line["hex"]));
    let (id, response) = api.decode_response(bytes.slice(4..), version).map_err(text)?;
    same("correlation ids", &Some(i64::from(id)), &line["header"]["correlationId"].as_i64())?;
    let written = api.encode_response(&*response, version, id).map_err(text)?;
    same("frames", &written.into_bytes(), &bytes)
}

fn invalid(of: &MessageType, line: &Json) -> Outcome {
    let version = version(line);
    let mut reader = Reader::new(hex(&line["hex"]).into());
    let read = of.decode(&mut reader, version);
    let refused = line["error"].as_str();
    let read = match (read, refused) {
        (Err(_), Some(_)) => return Ok(()),
        (Ok(_), Some(why)) => return Err(format!("was read, while Kafka says {why}")),
        (Err(error), None) => return Err(format!("Kafka reads it, but here {error}")),
        (Ok(read), None) => read,
    };
    same("bytes left", &Some(reader.left() as u64), &line["bytes_left"].as_u64())?;
    same("JSON values", &to_json(&*read, version).map_err(text)?, &line["json"])?;
    // Unknown tagged fields are not kept, as the docs of `wire` say.
    let has_unknown_tags = line["case"].as_str().is_some_and(|case| case.starts_with("unknown"));
    match line.get("rewritten_hex") {
        Some(rewritten) if !has_unknown_tags => {
            let written = to_bytes(&*read, of.cx(version)).map_err(text)?;
            same("bytes written again", &written, &hex(rewritten).into())
        }
        _ => Ok(()),
    }
}
