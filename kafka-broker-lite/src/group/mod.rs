//! Groups: who is a member, who reads what, and how far everybody has read.
//!
//! [`Coordinator`] is a pure machine. It writes to [`GroupLog`] before anything holds, is told the time with every
//! [`Turn`], and gives answers to requests that wait by their [`Ticket`]s.

mod classic;
mod coordinator;
mod member;
mod offsets;
mod records;
#[cfg(test)]
mod tests;
mod timers;

pub(crate) use classic::{ClassicGroup, Join, Leaving, Sync};
pub(crate) use coordinator::{Commit, Coordinator, Group, NewOffset};
pub(crate) use offsets::Committed;
pub(crate) use records::Entry;

use crate::clock::Now;
use kafka_proto::ErrorCode;
use kafka_proto::messages::{join_group, sync_group};
use std::sync::Arc;

/// The topic that keeps groups and their offsets.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// What groups go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupConfig {
    /// How long the first rebalance of an empty group waits for further members.
    pub(crate) initial_rebalance_delay_ms: u64,
    pub(crate) max_size: usize,
    pub(crate) min_session_timeout_ms: i32,
    pub(crate) max_session_timeout_ms: i32,
    pub(crate) offsets_retention_ms: i64,
    pub(crate) offsets_retention_check_interval_ms: u64,
    /// In characters, whatever the setting's name says.
    pub(crate) offset_metadata_max_bytes: usize,
    pub(crate) offsets_topic_num_partitions: i32,
    pub(crate) offsets_topic_segment_bytes: i32,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            initial_rebalance_delay_ms: 3_000,
            max_size: 2_147_483_647,
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            offsets_retention_ms: 10_080 * 60_000,
            offsets_retention_check_interval_ms: 600_000,
            offset_metadata_max_bytes: 4_096,
            offsets_topic_num_partitions: 50,
            offsets_topic_segment_bytes: 104_857_600,
        }
    }
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// The answer to a request that waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Join(join_group::Response),
    Sync(sync_group::Response),
}

impl Answer {
    /// What is told in its place when what it tells could not be kept.
    pub(crate) fn failed(self) -> Self {
        let error_code = ErrorCode::NOT_COORDINATOR;
        match self {
            Self::Join(told) => {
                let member_id = told.member_id;
                Self::Join(join_group::Response { error_code, member_id, ..Default::default() })
            }
            Self::Sync(_) => Self::Sync(sync_group::Response { error_code, ..Default::default() }),
        }
    }
}

/// Where the changes of groups are kept.
pub(crate) trait GroupLog {
    /// Appends `entries` of one group, all or nothing.
    ///
    /// # Errors
    /// What the client is told when they are not in the log.
    fn append(&mut self, group: &str, entries: &[Entry]) -> Result<(), ErrorCode>;
}

/// A moment in which groups may do something, and what they do it with.
pub(crate) struct Turn<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a GroupConfig,
    pub(crate) log: &'a mut dyn GroupLog,
    pub(crate) answers: &'a mut Vec<(Ticket, Answer)>,
}

impl Turn<'_> {
    /// Writes entries of one group to the log, all or nothing.
    fn write(
        &mut self,
        group: &str,
        entries: impl IntoIterator<Item = Result<Entry, ErrorCode>>,
    ) -> Result<(), ErrorCode> {
        let entries: Vec<Entry> = entries.into_iter().collect::<Result<_, _>>()?;
        if entries.is_empty() { Ok(()) } else { self.log.append(group, &entries) }
    }

    fn answer_join(&mut self, ticket: Ticket, response: join_group::Response) {
        self.answers.push((ticket, Answer::Join(response)));
    }

    fn refuse_join(&mut self, ticket: Ticket, member_id: &Arc<str>, error_code: ErrorCode) {
        let response = join_group::Response {
            error_code,
            member_id: Arc::clone(member_id),
            ..join_group::Response::default()
        };
        self.answer_join(ticket, response);
    }

    fn answer_sync(&mut self, ticket: Ticket, response: sync_group::Response) {
        self.answers.push((ticket, Answer::Sync(response)));
    }

    fn refuse_sync(&mut self, ticket: Ticket, error_code: ErrorCode) {
        let response = sync_group::Response { error_code, ..sync_group::Response::default() };
        self.answer_sync(ticket, response);
    }
}
