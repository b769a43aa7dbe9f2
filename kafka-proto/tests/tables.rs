//! Error codes, versions of APIs, small numbers and features beside the tables in Kafka's own classes.
//!
//! `KAFKA_VECTORS` names a folder with such tables; without it those in `vectors/tables` are compared.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

use kafka_proto::any::{ApiType, to_bytes};
use kafka_proto::api::{APIS, ApiInfo};
use kafka_proto::frame;
use kafka_proto::records::Compression;
use kafka_proto::records::control::ControlType;
use kafka_proto::{ErrorCode, codes};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The lines of one table.
fn table(name: &str) -> Vec<Json> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let folder = std::env::var_os("KAFKA_VECTORS").map_or(committed, Into::into);
    let path = folder.join(format!("tables/{name}.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(json: &Json) -> i16 {
    json.as_i64().unwrap().try_into().unwrap()
}

#[test]
fn error_codes_are_kafkas() {
    let kafka = table("errors");
    assert_eq!(kafka.len(), ErrorCode::ALL.len());
    for line in kafka {
        let code = ErrorCode(number(&line["code"]));
        assert_eq!(code.name(), line["name"], "{line}");
        assert_eq!(code.is_retriable(), line["retriable"], "{line}");
        assert_eq!(code.is_stale_metadata(), line["invalid_metadata"], "{line}");
    }
}

#[test]
fn apis_have_kafkas_versions() {
    let ours: BTreeMap<i16, Json> = APIS.iter().map(of_ours).collect();
    let mut compared = 0;
    for line in table("apis") {
        let ours = ours.get(&number(&line["key"]));
        assert_eq!(ours.is_some(), line["has_valid_version"], "{line}");
        for (name, value) in ours.into_iter().flat_map(|ours| ours.as_object().unwrap()) {
            assert_eq!(*value, line[name], "{name} of {line}");
        }
        compared += usize::from(ours.is_some());
    }
    assert_eq!(compared, ours.len());
}

fn of_ours(api: &ApiType) -> (i16, Json) {
    let ApiInfo { key, name, versions, stable, .. } = api.info;
    let headers = (versions.min..=versions.max).map(|version| header_versions(api, version));
    let (requests, responses): (Vec<_>, Vec<_>) = headers.unzip();
    let ours = json!({
        "name": name,
        "oldest": versions.min,
        "latest": versions.max,
        "latest_stable": stable.max,
        "request_header_versions": requests,
        "response_header_versions": responses,
    });
    (key.0, ours)
}

/// Which headers frames of the version have: flexible ones are a byte longer.
fn header_versions(api: &ApiType, version: i16) -> (usize, usize) {
    let request = api.encode_request(&*api.request.initial(), version, 1, None);
    let request = request.unwrap().into_bytes();
    let (_, body) = frame::decode_request_header(&request.slice(4..)).unwrap();
    let response = api.response.initial();
    let bare = to_bytes(&*response, api.response.cx(version)).unwrap();
    let response = api.encode_response(&*response, version, 1).unwrap();
    (request.len() - 4 - body.len() - 10 + 1, response.len() - 8 - bare.len())
}

#[test]
fn small_numbers_are_kafkas() {
    let mut kafka: BTreeMap<String, BTreeMap<String, i16>> = BTreeMap::new();
    for line in table("enums") {
        let (of, name) = (line["enum"].as_str().unwrap(), line["name"].as_str().unwrap());
        kafka.entry(of.into()).or_default().insert(name.into(), number(&line["code"]));
    }
    let mut ours: BTreeMap<String, BTreeMap<String, i16>> = BTreeMap::new();
    for (of, names) in codes::all() {
        let names = names.into_iter().map(|(name, code)| (name.to_owned(), i16::from(code)));
        ours.insert(of.to_owned(), names.collect());
    }
    let codecs = Compression::ALL.map(|codec| (codec.name().to_uppercase(), codec as i16));
    ours.insert("CompressionType".to_owned(), codecs.into());
    let controls = kafka["ControlRecordType"].iter().filter(|(_, code)| **code >= 0);
    for (name, code) in controls {
        let ours = format!("{:?}", ControlType::from_number(*code)).to_uppercase();
        assert_eq!(ours, name.replace('_', ""));
    }
    kafka.remove("ControlRecordType");
    // A bit in the attributes of a batch; `golden` compares what it means.
    kafka.remove("TimestampType");
    assert_eq!(ours, kafka);
}

#[test]
fn features_are_kafkas() {
    let kafka = table("features");
    let (levels, features): (Vec<_>, Vec<_>) =
        kafka.iter().partition(|line| line["feature"] == codes::METADATA_VERSION);
    for feature in &features {
        let ours = codes::FEATURES.iter().find(|ours| ours.name == feature["feature"]).unwrap();
        assert_eq!(ours.min, number(&feature["min"]), "{feature}");
        assert_eq!(ours.max, number(&feature["latest_production"]), "{feature}");
    }
    assert_eq!(features.len() + 1, codes::FEATURES.len());
    for level in &levels {
        let ours = codes::metadata_release(number(&level["level"]));
        let kafka = level["version"].as_str().filter(|_| level["production"] == true);
        assert_eq!(ours, kafka, "{level}");
    }
    let ours = codes::FEATURES[0];
    let production = levels.iter().filter(|level| level["production"] == true);
    assert_eq!(production.count(), usize::try_from(ours.max - ours.min + 1).unwrap());
    assert_eq!(codes::metadata_release(ours.min - 1), None);
}
