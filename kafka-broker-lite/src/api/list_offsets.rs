//! ListOffsets: the offset of a time, of the start, the end, or the latest record of a partition.

use super::{Context, Outcome, Serve};
use crate::log::LookupError;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopic, ListOffsetsTopicResponse,
    Request, Response,
};
use std::collections::BTreeSet;
use std::sync::Arc;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// The replica id of a debugging consumer, which sees past the high watermark.
const DEBUGGING: i32 = -2;

/// The first version that tells the leader epoch of what it found.
const LEADER_EPOCH_SINCE: i16 = 4;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let twice = asked_twice(&self.topics);
        let reader = Reader {
            version: cx.version,
            committed_only: self.isolation_level == 1,
            debugging: self.replica_id == DEBUGGING,
        };
        let mut answer = |name: &Arc<str>, asked: &ListOffsetsPartition| {
            let index = asked.partition_index;
            if twice.contains(&(name.clone(), index)) {
                return failed(index, ErrorCode::INVALID_REQUEST);
            }
            let mut found =
                look_up(state, &reader, name, asked).unwrap_or_else(|code| failed(index, code));
            if cx.version < LEADER_EPOCH_SINCE {
                found.leader_epoch = -1;
            }
            found
        };
        let topics = self.topics.iter().map(|ListOffsetsTopic { name, partitions }| {
            let partitions = partitions.iter().map(|asked| answer(name, asked)).collect();
            ListOffsetsTopicResponse { name: name.clone(), partitions }
        });
        Outcome::Ready(Response { topics: topics.collect(), ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        let topics = self.topics.iter().map(|ListOffsetsTopic { name, partitions }| {
            let partitions = partitions.iter().map(|asked| failed(asked.partition_index, code));
            ListOffsetsTopicResponse { name: name.clone(), partitions: partitions.collect() }
        });
        Response { topics: topics.collect(), ..Response::default() }
    }
}

struct Reader {
    version: i16,
    committed_only: bool,
    debugging: bool,
}

fn asked_twice(topics: &[ListOffsetsTopic]) -> BTreeSet<(Arc<str>, i32)> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for ListOffsetsTopic { name, partitions } in topics {
        for asked in partitions {
            let key = (name.clone(), asked.partition_index);
            if !seen.insert(key.clone()) {
                twice.insert(key);
            }
        }
    }
    twice
}

fn failed(partition_index: i32, error_code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index, error_code, ..Default::default() }
}

/// The first version in which each of the special timestamps means something.
fn since(timestamp: i64) -> Option<i16> {
    match timestamp {
        LATEST | EARLIEST | 0.. => Some(1),
        MAX_TIMESTAMP => Some(7),
        EARLIEST_LOCAL => Some(8),
        LATEST_TIERED => Some(9),
        EARLIEST_PENDING_UPLOAD => Some(11),
        _ => None,
    }
}

fn look_up(
    state: &mut State,
    reader: &Reader,
    name: &str,
    asked: &ListOffsetsPartition,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let ListOffsetsPartition { partition_index, current_leader_epoch, timestamp } = *asked;
    if since(timestamp).is_none_or(|since| reader.version < since) {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let topic = state.topics.by_name_mut(name).ok_or(unknown)?;
    let limit = topic.log_config.max_decompressed_bytes;
    let partition = topic.partition(partition_index).ok_or(unknown)?;
    State::check_leader_epoch(partition.leader_epoch, current_leader_epoch)?;
    let log = &partition.log;
    let end = match reader {
        Reader { debugging: true, .. } => log.end_offset(),
        Reader { committed_only: true, .. } => log.last_stable_offset(),
        _ => log.high_watermark(),
    };
    state.log_dirs.check(partition.dir).map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
    let storage = state.log_dirs.storage(partition.dir);
    let decompressor = &mut state.decompressor;
    let found = match timestamp {
        LATEST => {
            let leader_epoch = partition.leader_epoch;
            return Ok(at(partition_index, -1, end, leader_epoch));
        }
        EARLIEST | EARLIEST_LOCAL => {
            let offset = log.start_offset();
            let leader_epoch = log.epochs().at(offset).unwrap_or(-1);
            return Ok(at(partition_index, -1, offset, leader_epoch));
        }
        // Nothing is tiered here.
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => None,
        MAX_TIMESTAMP => log.latest_by_time(storage, decompressor, limit).map_err(lookup_failed)?,
        _ => {
            let found = log.first_since(storage, decompressor, limit, timestamp);
            found.map_err(lookup_failed)?.filter(|record| record.offset < end)
        }
    };
    Ok(found.map_or_else(
        || at(partition_index, -1, -1, -1),
        |record| {
            let leader_epoch = log.epochs().at(record.offset).unwrap_or(-1);
            at(partition_index, record.timestamp, record.offset, leader_epoch)
        },
    ))
}

fn at(
    partition_index: i32,
    timestamp: i64,
    offset: i64,
    leader_epoch: i32,
) -> ListOffsetsPartitionResponse {
    let error_code = ErrorCode::NONE;
    ListOffsetsPartitionResponse { partition_index, error_code, timestamp, offset, leader_epoch }
}

fn lookup_failed(error: LookupError) -> ErrorCode {
    match error {
        LookupError::Storage(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        LookupError::Corrupt(_) => ErrorCode::CORRUPT_MESSAGE,
    }
}
