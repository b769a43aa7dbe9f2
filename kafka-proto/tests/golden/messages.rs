//! Messages, frames and bytes that only look like messages.
//!
//! A vector is read from bytes and compared as JSON, written and compared as bytes, and built from JSON and written
//! once more. What Kafka refuses to read has to be refused; what it reads, however odd, has to be read alike.

use super::{Tally, files, hex};
use kafka_proto::api::{EachApi, Request, each_api};
use kafka_proto::bytes::Bytes;
use kafka_proto::frame;
use kafka_proto::wire::json::{from_json, to_json};
use kafka_proto::wire::{Cx, Message, Reader, to_bytes};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn messages_match() {
    let checks = checks();
    let mut seen = BTreeSet::new();
    let tally = Tally::run(&files("messages"), |line| {
        let name = line["name"].as_str().unwrap();
        let checks = checks.get(name)?;
        seen.insert((name.to_owned(), line["version"].as_i64()));
        Some(if line.get("header").is_some() {
            (checks.frame)(line)
        } else if line.get("error").is_some() {
            (checks.invalid)(line)
        } else {
            (checks.message)(line)
        })
    });
    tally.finish("messages");
    let versions: usize = checks.values().map(|checks| checks.versions).sum();
    assert_eq!(seen.len(), versions, "some version of some message has no vector");
}

type Outcome = Result<(), String>;

/// What to do with the vectors of one message.
struct Checks {
    versions: usize,
    message: fn(&Json) -> Outcome,
    frame: fn(&Json) -> Outcome,
    invalid: fn(&Json) -> Outcome,
}

fn checks() -> BTreeMap<String, Checks> {
    struct Collect(BTreeMap<String, Checks>);
    impl EachApi for Collect {
        fn api<R: Request>(&mut self) {
            let versions = usize::try_from(R::VERSIONS.max - R::VERSIONS.min + 1).unwrap();
            let request = Checks {
                versions,
                message: message::<R, R>,
                frame: request_frame::<R>,
                invalid: invalid::<R, R>,
            };
            let response = Checks {
                versions,
                message: message::<R, R::Response>,
                frame: response_frame::<R>,
                invalid: invalid::<R, R::Response>,
            };
            self.0.insert(format!("{}Request", R::NAME), request);
            self.0.insert(format!("{}Response", R::NAME), response);
        }
    }
    let mut collect = Collect(BTreeMap::new());
    each_api(&mut collect);
    collect.0
}

fn version(line: &Json) -> i16 {
    i16::try_from(line["version"].as_i64().unwrap()).unwrap()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: &T, kafka: &T) -> Outcome {
    if ours == kafka {
        return Ok(());
    }
    Err(format!("{what} differ:\n  ours  {ours:?}\n  Kafka {kafka:?}"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn message<R: Request, M: Message>(line: &Json) -> Outcome {
    let version = version(line);
    let cx = Cx::new(version, R::is_flexible(version));
    if line["flexible"].as_bool() != Some(cx.flexible) {
        return Err("flexible in one only".to_owned());
    }
    let bytes = Bytes::from(hex(&line["hex"]));
    let known = line.get("hex_known").map_or_else(|| bytes.clone(), |known| hex(known).into());
    let mut reader = Reader::new(bytes);
    let read = M::decode(&mut reader, cx).map_err(text)?;
    reader.finish().map_err(text)?;
    same("JSON values", &to_json(&read, version).map_err(text)?, &line["json"])?;
    same("bytes written again", &to_bytes(&read, cx).map_err(text)?, &known)?;
    let built: M = from_json(&line["json"], version).map_err(text)?;
    same("values read from JSON", &built, &read)?;
    same("bytes built from JSON", &to_bytes(&built, cx).map_err(text)?, &known)
}

fn request_frame<R: Request>(line: &Json) -> Outcome {
    let bytes = Bytes::from(hex(&line["hex"]));
    let (header, body) = frame::decode_request_header(&bytes.slice(4..)).map_err(text)?;
    let stated = &line["header"];
    let found = serde_json::json!({
        "requestApiKey": header.api_key.0,
        "requestApiVersion": header.version,
        "correlationId": header.correlation_id,
        "clientId": header.client_id.as_deref(),
    });
    for (name, found) in found.as_object().unwrap() {
        if stated.get(name).is_some_and(|stated| stated != found) {
            return Err(format!("{name} of the header: {found}, Kafka has {}", stated[name]));
        }
    }
    let request: R = frame::decode_request(body, header.version).map_err(text)?;
    let client_id = header.client_id.as_ref();
    let written = frame::encode_request(&request, header.version, header.correlation_id, client_id);
    same("frames", &written.map_err(text)?.into_bytes(), &bytes)
}

fn response_frame<R: Request>(line: &Json) -> Outcome {
    let version = version(line);
    let bytes = Bytes::from(hex(&line["hex"]));
    let (id, response) = frame::decode_response::<R>(bytes.slice(4..), version).map_err(text)?;
    same("correlation ids", &Some(i64::from(id)), &line["header"]["correlationId"].as_i64())?;
    let written = frame::encode_response::<R>(&response, version, id).map_err(text)?;
    same("frames", &written.into_bytes(), &bytes)
}

fn invalid<R: Request, M: Message>(line: &Json) -> Outcome {
    let version = version(line);
    let cx = Cx::new(version, R::is_flexible(version));
    let mut reader = Reader::new(hex(&line["hex"]).into());
    let read = M::decode(&mut reader, cx);
    let refused = line["error"].as_str();
    let read = match (read, refused) {
        (Err(_), Some(_)) => return Ok(()),
        (Ok(_), Some(why)) => return Err(format!("was read, while Kafka says {why}")),
        (Err(error), None) => return Err(format!("Kafka reads it, but here {error}")),
        (Ok(read), None) => read,
    };
    same("bytes left", &Some(reader.left() as u64), &line["bytes_left"].as_u64())?;
    // Of a lone surrogate Java makes one U+FFFD, Rust one for each of its bytes.
    if line["case"] == "utf8-surrogate" {
        return Ok(());
    }
    same("JSON values", &to_json(&read, version).map_err(text)?, &line["json"])?;
    let has_unknown_tags = line["case"].as_str().is_some_and(|case| case.starts_with("unknown"));
    match line.get("rewritten_hex") {
        Some(rewritten) if !has_unknown_tags => {
            let written = to_bytes(&read, cx).map_err(text)?;
            same("bytes written again", &written, &hex(rewritten).into())
        }
        _ => Ok(()),
    }
}
