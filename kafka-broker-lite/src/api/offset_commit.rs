//! OffsetCommit: how far a group has read. What is answered without an error is in the log.

use super::settled::settled;
use super::{Context, Outcome, Serve};
use crate::group::{Commit, Committed, NewOffset};
use crate::metadata::Topic;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::offset_commit::{
    OffsetCommitRequestTopic, OffsetCommitResponsePartition, OffsetCommitResponseTopic, Request,
    Response,
};
use std::sync::Arc;

/// The first version that names topics by their ids.
const TOPIC_IDS_SINCE: i16 = 10;

/// The first version that tells an unknown group from an old generation.
const UNKNOWN_GROUP_SINCE: i16 = 9;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let mut response = self.refuse(state, cx, ErrorCode::NONE);
        let mut offsets = Vec::new();
        // Where the answer for each of `offsets` goes.
        let mut places = Vec::new();
        for (topic, answer) in self.topics.iter().zip(&mut response.topics) {
            let found = find(state, cx, topic);
            for (asked, answer) in topic.partitions.iter().zip(&mut answer.partitions) {
                let index = asked.partition_index;
                let there = found.and_then(|found| {
                    let at = usize::try_from(index).ok();
                    let known = at.is_some_and(|at| at < found.partitions.len());
                    known.then_some(found).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                });
                let found = match there {
                    Ok(found) => found,
                    Err(code) => {
                        answer.error_code = code;
                        continue;
                    }
                };
                let expires_ms = (self.retention_time_ms >= 0)
                    .then(|| cx.now.wall_ms.saturating_add(self.retention_time_ms));
                let committed = Committed {
                    offset: asked.committed_offset,
                    leader_epoch: asked.committed_leader_epoch,
                    metadata: asked.committed_metadata.clone().unwrap_or_default(),
                    committed_ms: cx.now.wall_ms,
                    expires_ms,
                    topic_id: found.id,
                };
                let topic = Arc::clone(&found.name);
                offsets.push(NewOffset { topic, partition: index, committed });
                places.push(answer);
            }
        }
        if offsets.is_empty() && !self.topics.is_empty() {
            return Outcome::Ready(response);
        }
        let unknown_group = if cx.version >= UNKNOWN_GROUP_SINCE {
            ErrorCode::GROUP_ID_NOT_FOUND
        } else {
            ErrorCode::ILLEGAL_GENERATION
        };
        let commit = Commit {
            member_id: self.member_id.clone(),
            instance_id: self.group_instance_id.clone(),
            generation: self.generation_id_or_member_epoch,
            unknown_group,
        };
        let count = offsets.len();
        let needed = state.need_offsets_topic(cx.now);
        let (results, unsynced) = state.with_groups_unsynced(cx.now, |groups, turn| {
            needed.and_then(|()| groups.commit(turn, &self.group_id, &commit, offsets))
        });
        let results = results.unwrap_or_else(|code| vec![Err(code); count]);
        for (place, result) in places.into_iter().zip(results) {
            place.error_code = result.err().unwrap_or(ErrorCode::NONE);
        }
        let failed = self.refuse(state, cx, ErrorCode::NOT_COORDINATOR);
        settled(unsynced, response, failed)
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let refuse = |topic: &OffsetCommitRequestTopic| {
            let partitions = topic.partitions.iter().map(|partition| {
                let partition_index = partition.partition_index;
                OffsetCommitResponsePartition { partition_index, error_code }
            });
            OffsetCommitResponseTopic {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partitions: partitions.collect(),
            }
        };
        let topics = self.topics.iter().map(refuse).collect();
        Response { topics, ..Response::default() }
    }
}

fn find<'a>(
    state: &'a State,
    cx: &Context,
    topic: &OffsetCommitRequestTopic,
) -> Result<&'a Topic, ErrorCode> {
    if cx.version >= TOPIC_IDS_SINCE {
        return state.topics.by_id(topic.topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID);
    }
    state.topics.by_name(&topic.name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}
