//! DeleteRecords: partitions begin later than before.

use super::{Context, Outcome, Serve};
use crate::state::{DirId, News, State};
use kafka_proto::ErrorCode;
use kafka_proto::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsTopic,
    DeleteRecordsTopicResult, Request, Response,
};
use std::collections::BTreeSet;

/// Stands for the high watermark.
const TO_HIGH_WATERMARK: i64 = -1;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let mut moved = BTreeSet::new();
        let mut response = each(&self, |topic, asked| {
            let (start, dir) = delete(state, cx, topic, asked)?;
            moved.insert(dir);
            Ok(start)
        });
        moved.retain(|dir| state.note_log_starts(*dir).is_err());
        for DeleteRecordsTopicResult { name, partitions } in &mut response.topics {
            for result in partitions.iter_mut().filter(|result| result.error_code.is_ok()) {
                if dir_of(state, name, result.partition_index).is_some_and(|d| moved.contains(&d)) {
                    result.error_code = ErrorCode::KAFKA_STORAGE_ERROR;
                    result.low_watermark = -1;
                }
            }
        }
        Outcome::Ready(response)
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        each(self, |_, _| Err(code))
    }
}

fn each(
    request: &Request,
    mut delete: impl FnMut(&str, &DeleteRecordsPartition) -> Result<i64, ErrorCode>,
) -> Response {
    let topics = request.topics.iter().map(|DeleteRecordsTopic { name, partitions }| {
        let partitions = partitions.iter().map(|asked| {
            let (low_watermark, error_code) = match delete(name, asked) {
                Ok(low_watermark) => (low_watermark, ErrorCode::NONE),
                Err(code) => (-1, code),
            };
            let partition_index = asked.partition_index;
            DeleteRecordsPartitionResult { partition_index, low_watermark, error_code }
        });
        DeleteRecordsTopicResult { name: name.clone(), partitions: partitions.collect() }
    });
    Response { topics: topics.collect(), ..Response::default() }
}

fn dir_of(state: &State, topic: &str, index: i32) -> Option<DirId> {
    let partitions = &state.topics.by_name(topic)?.partitions;
    Some(partitions.get(usize::try_from(index).ok()?)?.dir)
}

fn delete(
    state: &mut State,
    cx: &Context,
    name: &str,
    asked: &DeleteRecordsPartition,
) -> Result<(i64, DirId), ErrorCode> {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let topic = state.topics.by_name_mut(name).ok_or(unknown)?;
    let key = (topic.id, asked.partition_index);
    let deletes = topic.log_config.deletes;
    let delay_ms = topic.log_config.file_delete_delay_ms;
    let partition = topic.partition(asked.partition_index).ok_or(unknown)?;
    // Kafka deletes no records that compaction alone looks after.
    if !deletes {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let dir = partition.dir;
    state.log_dirs.check(dir).map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
    let log = &mut partition.log;
    let offset = match asked.offset {
        TO_HIGH_WATERMARK => log.high_watermark(),
        offset if (0..=log.high_watermark()).contains(&offset) => offset,
        _ => return Err(ErrorCode::OFFSET_OUT_OF_RANGE),
    };
    let advanced = log.advance_start(state.log_dirs.storage(dir), offset, cx.now.wall_ms);
    let (start, doomed) = (log.start_offset(), log.take_doomed());
    state.doom(cx.now, delay_ms, dir, doomed);
    state.stored(dir, advanced).map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
    state.news.push(News::Partition(key));
    Ok((start, dir))
}
