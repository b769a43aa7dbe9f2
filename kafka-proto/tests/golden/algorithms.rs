//! Small rules that both sides follow alike: checksums, numbers, ids, timestamps, lz4's frames, places of groups.

use super::{Outcome, Tally, files, hex, same};
use kafka_proto::records::{
    BatchBuilder, BatchHeader, Compression, Compressor, Decompressor, Stamp, crc32c,
    increment_sequence, set_base_offset, set_log_append_time, varint,
};
use kafka_proto::stored::partition_of;
use kafka_proto::uuid::Uuid;
use kafka_proto::wire::{Reader, Writer};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Whose rules they are, where they are not those of this crate.
const ELSEWHERE: [(&str, &str); 7] = [
    ("murmur2", "compared in kafka-client"),
    ("assignors", "compared in kafka-client"),
    ("topic_names", "compared in kafka-broker-lite"),
    ("scram", "nothing here does it yet"),
    ("server_assignors", "nothing here does it yet"),
    ("streams_assignor", "nothing here does it yet"),
    ("topic_hash", "nothing here does it yet"),
];

#[test]
fn algorithms_match() {
    let mut elsewhere = BTreeMap::new();
    let tally = Tally::run(&files("algorithms"), |what, line| {
        if let Some((what, whose)) = ELSEWHERE.iter().find(|(other, _)| *other == what) {
            *elsewhere.entry((*what, *whose)).or_insert(0) += 1;
            return None;
        }
        Some(match what {
            "checksums" => {
                let ours = u64::from(crc32c(&hex(&line["hex"])));
                same("CRC-32C", &Some(ours), &line["crc32c"].as_u64())
            }
            "sequences" => sequences(line),
            "uuids" => uuids(line),
            "varints" if line.get("read_hex").is_some() => odd_varints(line),
            "varints" => varints(line),
            "coordinators" => coordinators(line),
            "lz4_frames" => lz4_frames(line),
            "timestamps" => timestamps(line),
            _ => Err(format!("{what} is not known here")),
        })
    });
    for ((what, whose), lines) in elsewhere {
        println!("{what}: {lines} lines, {whose}");
    }
    tally.finish("algorithms");
}

fn int(json: &Json) -> i32 {
    json.as_i64().unwrap().try_into().unwrap()
}

fn sequences(line: &Json) -> Outcome {
    let (sequence, by) = (int(&line["sequence"]), int(&line["by"]));
    same("incremented", &increment_sequence(sequence, by), &int(&line["incremented"]))?;
    same("decremented", &increment_sequence(sequence, -by), &int(&line["decremented"]))
}

fn uuids(line: &Json) -> Outcome {
    let id = Uuid(hex(&line["hex"]).try_into().unwrap());
    let text = line["string"].as_str().unwrap();
    same("text", &id.to_string().as_str(), &text)?;
    same("id", &text.parse(), &Ok(id))
}

fn varints(line: &Json) -> Outcome {
    let value = line["value"].as_i64().unwrap();
    let mut written = Vec::new();
    varint::write(&mut written, value);
    let long = hex(&line["varlong_hex"]);
    same("varlong", &written, &long)?;
    same("varlong read", &varint::read_i64(&long, &mut 0), &Some(value))?;
    if line.get("varint_hex").is_some() {
        let short = hex(&line["varint_hex"]);
        same("varint", &written, &short)?;
        let read = varint::read_i32(&short, &mut 0).map(i64::from);
        same("varint read", &read, &Some(value))?;
    }
    if line.get("unsigned_varint_hex").is_some() {
        // Java has no unsigned integers: negative ones stand for the larger half.
        let value =
            i32::try_from(value).map_or_else(|_| value.try_into().unwrap(), i32::cast_unsigned);
        let unsigned = hex(&line["unsigned_varint_hex"]);
        let mut writer = Writer::default();
        writer.unsigned_varint(value);
        same("unsigned varint", &writer.into_bytes(), &unsigned.clone().into())?;
        let read = Reader::new(unsigned.into()).unsigned_varint();
        same("unsigned varint read", &read.ok(), &Some(value))?;
    }
    Ok(())
}

/// Cut, too long, or longer than they have to be.
fn odd_varints(line: &Json) -> Outcome {
    let bytes = hex(&line["read_hex"]);
    let unsigned = Reader::new(bytes.clone().into()).unsigned_varint().ok();
    let kafka = line["unsigned_varint"].as_i64();
    let kafka = kafka.map(|value| i32::try_from(value).unwrap().cast_unsigned());
    same("unsigned varint", &unsigned, &kafka)?;
    let read = varint::read_i32(&bytes, &mut 0).map(i64::from);
    same("varint", &read, &line["varint"].as_i64())?;
    same("varlong", &varint::read_i64(&bytes, &mut 0), &line["varlong"].as_i64())
}

fn coordinators(line: &Json) -> Outcome {
    let id = line["id"].as_str().unwrap();
    for (count, kafka) in line["partitions"].as_object().unwrap() {
        let ours = partition_of(id, count.parse().unwrap());
        same(&format!("of {count}"), &Some(ours as u64), &kafka.as_u64())?;
    }
    let share = &line["share"];
    share["key"].as_str().map_or(Ok(()), |key| {
        same("share state", &Some(partition_of(key, 50) as u64), &share["of_50"].as_u64())
    })
}

fn lz4_frames(line: &Json) -> Outcome {
    let payload = hex(&line["payload_hex"]);
    let frame = hex(&line["frame_hex"]);
    let read = Decompressor::new().decompress(Compression::Lz4, &frame, payload.len());
    if line["broken_header_checksum"] == true {
        // What message format 0 had; `records` has whole sets of it.
        return read.map_or(Ok(()), |_| Err("a wrong header checksum was not seen".to_owned()));
    }
    same("payload", &read.map_err(|e| e.to_string())?, &payload.into())
}

fn timestamps(line: &Json) -> Outcome {
    let mut builder = BatchBuilder::new(Vec::new());
    for (index, timestamp) in line["appended"].as_array().unwrap().iter().enumerate() {
        let timestamp = timestamp.as_i64().unwrap();
        builder.append(timestamp, Some(b"k"), Some(format!("v{index}").as_bytes()), &[]);
    }
    let kafka = hex(&line["hex"]);
    let header = BatchHeader::parse(&kafka).unwrap();
    let stamp = Stamp { partition_leader_epoch: header.partition_leader_epoch, ..Stamp::NONE };
    let mut compressor = Compressor::new(header.compression().unwrap(), None).unwrap();
    let mut ours = builder.seal(stamp, &mut compressor);
    set_base_offset(&mut ours, header.base_offset);
    if line["timestamp_type"] == "LogAppendTime" {
        set_log_append_time(&mut ours, line["log_append_time"].as_i64().unwrap());
    }
    if header.compression() == Ok(Compression::None) {
        return same("batches", &ours, &kafka);
    }
    let ours = BatchHeader::parse(&ours).unwrap();
    same("headers", &BatchHeader { crc: header.crc, length: header.length, ..ours }, &header)
}
