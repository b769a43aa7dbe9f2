//! Record batches, control batches, and bytes that only look like batches.
//!
//! Reading has to match for all of them. Without compression a batch built from what Kafka says is in it has to have
//! Kafka's bytes; with it, the header has to match and the records have to be read back.

use super::{Outcome, Tally, files, hex, same};
use kafka_proto::bytes::Bytes;
use kafka_proto::records::control::{self, ControlType, EndTxnMarker};
use kafka_proto::records::{
    Batch, BatchBuilder, BatchHeader, Batches, Compression, Compressor, Decompressor, OpenBatch,
    RecordError, RecordErrorKind, Stamp, TimestampType, set_base_offset, set_log_append_time,
};
use serde_json::{Value as Json, json};

const LIMIT: usize = 8 << 20;

#[test]
fn batches_match() {
    Tally::run(&files("records"), |_, line| Some(check(line))).finish("records");
}

fn check(line: &Json) -> Outcome {
    if line.get("error").is_some_and(|error| !error.is_null()) {
        return match refusal(line) {
            Some(_) => Ok(()),
            None => Err(format!("was not refused, as Kafka does with {}", line["error"])),
        };
    }
    let ours = read(&hex(&line["hex"]).into()).map_err(|e| e.to_string())?;
    let kafka = line["batches"].as_array().unwrap();
    same("numbers of batches", &ours.len(), &kafka.len())?;
    for ((batch, open), kafka) in ours.iter().zip(kafka) {
        if batch.header().magic < 2 {
            same("old headers", &old_header_json(batch, open), &only_header(kafka))?;
            same("records", &without_headers(records_json(open)), &only_records(kafka))?;
            continue;
        }
        same("headers", &header_json(batch), &only_header(kafka))?;
        same("records", &records_json(open), &only_records(kafka))?;
        if kafka["control"] == true {
            check_control(batch, open, kafka)?;
        }
        // Bits that mean nothing, and deltas that do not fit the records, are read but never written.
        if line.get("error").is_none() {
            check_writing(batch, open, kafka)?;
        }
    }
    Ok(())
}

fn refusal(line: &Json) -> Option<RecordErrorKind> {
    read(&hex(&line["hex"]).into()).err().map(|error| {
        assert!(!error.to_string().is_empty());
        error.kind().clone()
    })
}

fn read(bytes: &Bytes) -> Result<Vec<(Batch, OpenBatch)>, RecordError> {
    let mut decompressor = Decompressor::new();
    Batches::with_legacy(bytes.clone())
        .map(|batch| {
            let batch = batch?;
            batch.verify_crc()?;
            let open = batch.open(&mut decompressor, LIMIT)?;
            Ok((batch, open))
        })
        .collect()
}

fn header_json(batch: &Batch) -> Json {
    let header = batch.header();
    json!({
        "base_offset": header.base_offset,
        "last_offset": header.last_offset(),
        "next_offset": header.last_offset().wrapping_add(1),
        "size": header.total_len(),
        "magic": header.magic,
        "partition_leader_epoch": header.partition_leader_epoch,
        "crc": header.crc,
        "attributes": header.attributes,
        "compression": header.compression().unwrap().name(),
        "timestamp_type": format!("{:?}", header.timestamp_type()),
        "max_timestamp": header.max_timestamp,
        "base_timestamp": header.base_timestamp,
        "last_offset_delta": header.last_offset_delta,
        "transactional": header.is_transactional(),
        "control": header.is_control(),
        "delete_horizon_ms": header.delete_horizon(),
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "last_sequence": header.last_sequence(),
        "count": header.count,
    })
}

/// What Kafka tells of a message of format 0 or 1, of which some is known when it is open.
fn old_header_json(batch: &Batch, open: &OpenBatch) -> Json {
    let (header, opened) = (batch.header(), open.header());
    let timestamp_type = match header.magic {
        0 => "NoTimestampType".to_owned(),
        _ => format!("{:?}", header.timestamp_type()),
    };
    json!({
        "base_offset": opened.base_offset,
        "last_offset": header.last_offset(),
        "next_offset": opened.last_offset().wrapping_add(1),
        "size": header.total_len(),
        "magic": header.magic,
        "crc": header.crc,
        "attributes": header.attributes,
        "compression": header.compression().unwrap().name(),
        "timestamp_type": timestamp_type,
        "max_timestamp": header.max_timestamp,
    })
}

/// As records of formats 0 and 1 are, which know no headers.
fn without_headers(mut records: Json) -> Json {
    for record in records.as_array_mut().unwrap() {
        record.as_object_mut().unwrap().remove("headers");
    }
    records
}

fn only_header(batch: &Json) -> Json {
    let mut header = batch.clone();
    header.as_object_mut().unwrap().remove("records");
    header
}

fn records_json(open: &OpenBatch) -> Json {
    let spelled = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    open.records()
        .map(|record| {
            let headers = record.headers();
            let headers = headers.map(|header| json!([header.key(), header.value().map(spelled)]));
            json!({
                "offset": record.offset(),
                "timestamp": record.timestamp(),
                "key_hex": record.key().map(spelled),
                "value_hex": record.value().map(spelled),
                "headers": headers.collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn only_records(batch: &Json) -> Json {
    let mut records = batch["records"].clone();
    for record in records.as_array_mut().unwrap() {
        for more in ["control_type", "control"] {
            record.as_object_mut().unwrap().remove(more);
        }
    }
    records
}

fn check_control(batch: &Batch, open: &OpenBatch, kafka: &Json) -> Outcome {
    let header = batch.header();
    for (record, kafka) in open.records().zip(kafka["records"].as_array().unwrap()) {
        let kind = ControlType::of(&record).map_err(|e| e.to_string())?;
        let name = format!("{kind:?}").to_uppercase();
        same("control types", &name, &kafka["control_type"].as_str().unwrap().replace('_', ""))?;
        let ours = match EndTxnMarker::of(&record).map_err(|e| e.to_string())? {
            Some(marker) => {
                let epoch = i64::from(marker.coordinator_epoch);
                same("epochs", &Some(epoch), &kafka["control"]["coordinatorEpoch"].as_i64())?;
                let (offset, epoch) = (header.base_offset, header.partition_leader_epoch);
                let (id, producer_epoch) = (header.producer_id, header.producer_epoch);
                marker.batch(offset, epoch, record.timestamp(), id, producer_epoch)
            }
            None => {
                let value = record.value().unwrap();
                control::batch(header.base_offset, record.timestamp(), kind, value, stamp(header))
            }
        };
        same("control batches", &ours, &batch.bytes().to_vec())?;
    }
    Ok(())
}

fn stamp(header: &BatchHeader) -> Stamp {
    Stamp {
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        transactional: header.is_transactional(),
        control: header.is_control(),
        partition_leader_epoch: header.partition_leader_epoch,
    }
}

/// Builds the batch anew out of what Kafka says is in it.
fn check_writing(batch: &Batch, open: &OpenBatch, kafka: &Json) -> Outcome {
    let header = batch.header();
    let mut ours = if kafka["count"] == 0 {
        let mut empty = vec![0; batch.bytes().len()];
        header.write(&mut empty);
        empty
    } else {
        build(header, &created(batch), kafka)
    };
    set_base_offset(&mut ours, header.base_offset);
    if header.timestamp_type() == TimestampType::LogAppendTime {
        set_log_append_time(&mut ours, header.max_timestamp);
    }
    if header.compression() == Ok(Compression::None) {
        return same("written batches", &Bytes::from(ours), batch.bytes());
    }
    let again = read(&ours.into()).map_err(|e| e.to_string())?;
    let [(again, reopened)] = again.as_slice() else { return Err("not one batch".to_owned()) };
    let fitted = BatchHeader { crc: header.crc, length: header.length, ..*again.header() };
    same("written headers", &fitted, header)?;
    same("written records", &records_json(reopened), &records_json(open))
}

/// The timestamps that the records have of their own, whatever the broker said later.
fn created(batch: &Batch) -> Vec<i64> {
    let mut bytes = batch.bytes().to_vec();
    bytes[22] &= !8;
    let batch = Batches::new(bytes.into()).next().unwrap().unwrap();
    let open = batch.open(&mut Decompressor::new(), LIMIT).unwrap();
    open.records().map(|record| record.timestamp()).collect()
}

fn build(header: &BatchHeader, created: &[i64], kafka: &Json) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    if let Some(horizon) = kafka["delete_horizon_ms"].as_i64() {
        builder.set_delete_horizon(horizon);
    }
    for (record, &timestamp) in kafka["records"].as_array().unwrap().iter().zip(created) {
        let (key, value) = (bytes(&record["key_hex"]), bytes(&record["value_hex"]));
        let headers: Vec<_> = record["headers"].as_array().unwrap().iter().collect();
        let headers: Vec<_> =
            headers.iter().map(|h| (h[0].as_str().unwrap(), bytes(&h[1]))).collect();
        let headers: Vec<_> = headers.iter().map(|(key, value)| (*key, value.as_deref())).collect();
        let delta = record["offset"].as_i64().unwrap() - header.base_offset;
        let delta = i32::try_from(delta).unwrap();
        if delta == builder.count() {
            builder.append(timestamp, key.as_deref(), value.as_deref(), &headers);
        } else {
            builder.append_at(delta, timestamp, key.as_deref(), value.as_deref(), &headers);
        }
    }
    builder.set_last_offset_delta(header.last_offset_delta);
    let compression = kafka["compression"].as_str().unwrap().parse().unwrap();
    let mut compressor = Compressor::new(compression, None).unwrap();
    builder.seal(stamp(header), &mut compressor)
}

fn bytes(json: &Json) -> Option<Vec<u8>> {
    (!json.is_null()).then(|| hex(json))
}
