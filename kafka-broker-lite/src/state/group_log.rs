//! `__consumer_offsets`, the log of groups: made when it is first needed, written to, and read at the start.
//!
//! Where the log has to be synced before it counts, answers of groups wait for that.

use super::{DirId, LogDirs, News, PartitionKey, State};
use crate::clock::Now;
use crate::group::{Answer, Coordinator, Entry, GroupLog, OFFSETS_TOPIC, Ticket, Turn};
use crate::log::{Log, Storage, StorageError};
use crate::metadata::{Topics, Values};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::records::{BatchBuilder, Batches, Compressor, Decompressor, Stamp};

/// Bytes that are read at a time when groups are loaded; a larger batch comes whole.
const READ_BYTES: u64 = 1024 * 1024;

/// Up to where a partition was written, where that is not synced.
pub(crate) type Unsynced = (PartitionKey, i64);

/// Answers, and what has to be synced before they are given.
#[derive(Debug)]
pub(super) struct Held {
    unsynced: Vec<Unsynced>,
    answers: Vec<(Ticket, Answer)>,
}

/// The topic's partitions, as groups write to them.
struct OffsetsTopic<'a> {
    topics: &'a mut Topics,
    log_dirs: &'a mut LogDirs,
    now: Now,
    written: Vec<PartitionKey>,
    failure: Option<(DirId, StorageError)>,
}

impl GroupLog for OffsetsTopic<'_> {
    fn append(&mut self, group: &str, entries: &[Entry]) -> Result<(), ErrorCode> {
        let wall_ms = self.now.wall_ms;
        let topic = self.topics.by_name_mut(OFFSETS_TOPIC);
        let topic = topic.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let at = kafka_proto::stored::partition_of(group, topic.partitions.len());
        let partition = topic.partitions.get_mut(at).ok_or(ErrorCode::NOT_COORDINATOR)?;
        let dir = partition.dir;
        self.log_dirs.check(dir).map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let mut builder = BatchBuilder::new(Vec::new());
        for Entry { key, value } in entries {
            builder.append(wall_ms, Some(key), value.as_deref(), &[]);
        }
        let batch = Bytes::from(builder.seal(Stamp::NONE, &mut Compressor::none()));
        let Some(Ok(batch)) = Batches::new(batch).next() else {
            return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
        };
        let (epoch, config) = (partition.leader_epoch, &topic.log_config);
        let storage = self.log_dirs.storage(dir);
        let appended = partition.log.append(storage, config, &batch, epoch, wall_ms);
        if let Err(error) = appended {
            self.failure = Some((dir, error));
            return Err(ErrorCode::NOT_COORDINATOR);
        }
        self.written.push((topic.id, i32::try_from(at).unwrap_or(i32::MAX)));
        Ok(())
    }
}

impl State {
    /// Lets groups act, and passes their answers on.
    pub(crate) fn with_groups<T>(
        &mut self,
        now: Now,
        act: impl FnOnce(&mut Coordinator, &mut Turn<'_>) -> T,
    ) -> T {
        self.with_groups_unsynced(now, act).0
    }

    /// Lets groups act, and passes their answers on; gives what has to be synced before `act`'s result counts.
    pub(crate) fn with_groups_unsynced<T>(
        &mut self,
        now: Now,
        act: impl FnOnce(&mut Coordinator, &mut Turn<'_>) -> T,
    ) -> (T, Vec<Unsynced>) {
        let mut answers = Vec::new();
        let mut log = OffsetsTopic {
            topics: &mut self.topics,
            log_dirs: &mut self.log_dirs,
            now,
            written: Vec::new(),
            failure: None,
        };
        let config = &self.config.groups;
        let mut turn = Turn { now, config, log: &mut log, answers: &mut answers };
        let result = act(&mut self.groups, &mut turn);
        let OffsetsTopic { written, failure, .. } = log;
        let mut unsynced = Vec::new();
        for key in written {
            self.news.push(News::Partition(key));
            self.appended(now, key);
            unsynced.extend(self.end_of(key).map(|end| (key, end)));
        }
        failure.iter().for_each(|(dir, error)| self.storage_failed(*dir, error));
        unsynced.retain(|one| self.is_synced(&[*one]) != Ok(true));
        if unsynced.is_empty() || answers.is_empty() {
            self.give(answers);
        } else {
            self.held.push(Held { unsynced: unsynced.clone(), answers });
        }
        (result, unsynced)
    }

    fn give(&mut self, answers: Vec<(Ticket, Answer)>) {
        let news = |(ticket, answer)| News::Answer(ticket, Box::new(answer));
        self.news.extend(answers.into_iter().map(news));
    }

    fn end_of(&mut self, key: PartitionKey) -> Option<i64> {
        let partition = self.topics.by_id_mut(key.0)?.partition(key.1)?;
        Some(partition.log.end_offset())
    }

    /// Whether all of that is synced.
    ///
    /// # Errors
    /// When it will never be.
    pub(crate) fn is_synced(&mut self, unsynced: &[Unsynced]) -> Result<bool, ErrorCode> {
        for (key, end) in unsynced {
            let topic = self.topics.by_id_mut(key.0);
            let partition = topic.and_then(|topic| topic.partition(key.1));
            let partition = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
            let online = self.log_dirs.check(partition.dir);
            online.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
            if partition.log.high_watermark() < *end {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives the answers that have waited for a sync that has ended.
    pub(super) fn release_answers(&mut self) {
        for held in std::mem::take(&mut self.held) {
            match self.is_synced(&held.unsynced) {
                Ok(false) => self.held.push(held),
                Ok(true) => self.give(held.answers),
                Err(_) => {
                    let fail = |(ticket, answer): (Ticket, Answer)| (ticket, answer.failed());
                    self.give(held.answers.into_iter().map(fail).collect());
                }
            }
        }
    }

    /// Makes the topic that groups are kept in, unless it is there.
    ///
    /// # Errors
    /// What the client is told when it cannot be made.
    pub(crate) fn need_offsets_topic(&mut self, now: Now) -> Result<(), ErrorCode> {
        if self.topics.by_name(OFFSETS_TOPIC).is_some() {
            return Ok(());
        }
        let config = &self.config.groups;
        let partitions = config.offsets_topic_num_partitions;
        let segment_bytes = config.offsets_topic_segment_bytes.to_string();
        let configs = Values::from([
            ("cleanup.policy".into(), "compact".into()),
            ("compression.type".into(), "producer".into()),
            ("segment.bytes".into(), segment_bytes.into()),
        ]);
        self.create_topic(now, &OFFSETS_TOPIC.into(), partitions, configs)
            .map(|_| ())
            .map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)
    }

    /// Brings all groups back from their log, as after a start of the broker.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn load_groups(&mut self, now: Now) -> Result<(), StorageError> {
        self.with_groups(now, Coordinator::unload);
        let mut failure = None;
        if let Some(topic) = self.topics.by_name(OFFSETS_TOPIC) {
            for partition in &topic.partitions {
                let dir = partition.dir;
                if self.log_dirs.check(dir).is_err() {
                    continue;
                }
                let storage = self.log_dirs.storage(dir);
                let loaded =
                    load(&partition.log, storage, &mut self.decompressor, &mut self.groups);
                failure = failure.or(loaded.err().map(|error| (dir, error)));
            }
        }
        self.with_groups(now, Coordinator::start);
        match failure {
            Some((dir, error)) => self.stored(dir, Err(error)),
            None => Ok(()),
        }
    }
}

/// Reads a partition from its start to its end, or to where its records make no sense.
fn load(
    log: &Log,
    storage: &mut dyn Storage,
    decompressor: &mut Decompressor,
    groups: &mut Coordinator,
) -> Result<(), StorageError> {
    let (mut offset, end) = (log.start_offset(), log.end_offset());
    while offset < end {
        let records = log.read(storage, offset, end, READ_BYTES, true)?;
        let bytes = records.to_bytes().map_err(|error| {
            let what = format!("read {} at offset {offset}", log.name());
            StorageError { what, kind: error.kind() }
        })?;
        let before = offset;
        for batch in Batches::new(bytes) {
            let opened = batch.and_then(|batch| {
                offset = batch.header().last_offset() + 1;
                batch.open(decompressor, usize::MAX)
            });
            let open = match opened {
                Ok(open) => open,
                Err(error) => {
                    let name = log.name();
                    tracing::error!(
                        "groups are as {name} has them before offset {offset}: {error}"
                    );
                    return Ok(());
                }
            };
            if open.header().is_control() {
                continue;
            }
            for record in open.records() {
                let Some(key) = record.key().map(Bytes::copy_from_slice) else { continue };
                let value = record.value().map(Bytes::copy_from_slice);
                groups.load(&Entry { key, value });
            }
        }
        if offset == before {
            break;
        }
    }
    Ok(())
}
