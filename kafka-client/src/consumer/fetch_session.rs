//! What to ask one broker, given what it already knows (KIP-227).
//!
//! A fetch session keeps the partitions of the last request at the broker: the next one names only those that are new,
//! have changed or are no longer wanted. A broker without room for a session is told everything every time.
//!
//! Holds true: `members` is what the broker takes as asked once it has the last request; after any doubt the session
//! starts again at epoch 0 with everything.

use crate::record::TopicPartition;
use kafka_proto::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_proto::uuid::Uuid;
use kafka_proto::{ErrorCode, messages::fetch};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A partition to be read, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) topic_id: Uuid,
    /// Not sent: tells whether an answer is still of use.
    pub(crate) generation: u64,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) max_bytes: i32,
}

impl Wanted {
    fn row(&self, partition: i32) -> FetchPartition {
        FetchPartition {
            partition,
            current_leader_epoch: self.leader_epoch,
            fetch_offset: self.offset,
            partition_max_bytes: self.max_bytes,
            ..Default::default()
        }
    }
}

/// The session with one broker.
#[derive(Debug, Default)]
pub(crate) struct FetchSession {
    /// 0 while there is none.
    id: i32,
    /// Of the next request; 0 opens a session.
    epoch: i32,
    members: BTreeMap<TopicPartition, Wanted>,
    names: BTreeMap<Uuid, Arc<str>>,
    /// Whether the broker was last asked by topic ids.
    by_id: bool,
    /// Turns the order of partitions where the broker does not.
    turn: usize,
}

impl FetchSession {
    /// Fills in the session's part of a request for exactly these partitions, which come in order.
    pub(crate) fn ask(
        &mut self,
        wanted: &[(TopicPartition, Wanted)],
        request: &mut fetch::Request,
    ) {
        let by_id = wanted.iter().all(|(_, wanted)| !wanted.topic_id.is_zero());
        if by_id != self.by_id {
            self.restart();
            self.by_id = by_id;
        }
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        if self.epoch == 0 {
            self.members.clear();
            self.names.clear();
            self.turn = self.turn.wrapping_add(1);
            let (later, first) = wanted.split_at(self.turn % wanted.len().max(1));
            for (which, wanted) in first.iter().chain(later) {
                self.add(which, *wanted, &mut request.topics);
            }
            return;
        }
        let forgotten = &mut request.forgotten_topics_data;
        if self.members.keys().ne(wanted.iter().map(|(which, _)| which)) {
            self.members.retain(|which, member| {
                let stays = wanted.binary_search_by(|(other, _)| other.cmp(which)).is_ok();
                if !stays {
                    forget(which, member.topic_id, forgotten);
                }
                stays
            });
        }
        for (which, wanted) in wanted {
            match self.members.get_mut(which) {
                Some(member) if Wanted { generation: member.generation, ..*wanted } == *member => {
                    member.generation = wanted.generation;
                }
                known => {
                    if let Some(old) = known.filter(|old| old.topic_id != wanted.topic_id) {
                        forget(which, old.topic_id, forgotten);
                    }
                    self.add(which, *wanted, &mut request.topics);
                }
            }
        }
    }

    fn add(&mut self, which: &TopicPartition, wanted: Wanted, topics: &mut Vec<FetchTopic>) {
        let row = wanted.row(which.partition);
        match topics.last_mut().filter(|topic| topic.topic == which.topic) {
            Some(topic) => topic.partitions.push(row),
            None => {
                if !wanted.topic_id.is_zero() && !self.names.contains_key(&wanted.topic_id) {
                    self.names.insert(wanted.topic_id, which.topic.clone());
                }
                topics.push(FetchTopic {
                    topic: which.topic.clone(),
                    topic_id: wanted.topic_id,
                    partitions: vec![row],
                });
            }
        }
        match self.members.get_mut(which) {
            Some(member) => *member = wanted,
            None => {
                self.members.insert(which.clone(), wanted);
            }
        }
    }

    /// Whether topics are asked for by id, from version 13 on; otherwise version 12 is the newest to use.
    pub(crate) fn by_id(&self) -> bool {
        self.by_id
    }

    /// What the broker answered as a whole. An error restarts the session and is returned.
    pub(crate) fn on_response(&mut self, response: &fetch::Response) -> ErrorCode {
        let code = response.error_code;
        if code == ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
            self.id = 0;
        }
        if !code.is_ok() {
            self.restart();
        } else if self.epoch == 0 {
            self.id = response.session_id;
            self.epoch = i32::from(self.id != 0);
        } else if response.session_id == self.id {
            // After the largest epoch comes 1: 0 would open another session.
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        } else {
            self.restart();
        }
        code
    }

    /// Nobody knows what the broker took in. The next request ends the old session and opens a new one.
    pub(crate) fn restart(&mut self) {
        self.epoch = 0;
    }

    /// What was last asked about a partition, of which the answer speaks by name or by id.
    pub(crate) fn asked(
        &self,
        topic: &Arc<str>,
        id: Uuid,
        partition: i32,
    ) -> Option<(&TopicPartition, &Wanted)> {
        let name = if id.is_zero() { topic } else { self.names.get(&id)? };
        self.members.get_key_value(&TopicPartition::new(name.clone(), partition))
    }

    /// The partitions that the broker takes as asked.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&TopicPartition, &Wanted)> {
        self.members.iter()
    }

    /// The request that ends the session, if there is one.
    pub(crate) fn close(&mut self) -> Option<fetch::Request> {
        let id = std::mem::take(&mut self.id);
        self.restart();
        (id != 0).then(|| fetch::Request {
            session_id: id,
            session_epoch: -1,
            ..Default::default()
        })
    }
}

fn forget(which: &TopicPartition, topic_id: Uuid, forgotten: &mut Vec<ForgottenTopic>) {
    match forgotten.last_mut().filter(|t| t.topic == which.topic && t.topic_id == topic_id) {
        Some(topic) => topic.partitions.push(which.partition),
        None => forgotten.push(ForgottenTopic {
            topic: which.topic.clone(),
            topic_id,
            partitions: vec![which.partition],
        }),
    }
}

#[cfg(test)]
mod tests;
