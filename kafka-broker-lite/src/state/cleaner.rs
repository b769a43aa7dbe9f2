//! Which compacted log is cleaned when: the one with the most to be cleaned for its size, one at a time, a little in
//! each step, so that requests wait for no more than that.

use super::{DirId, News, PartitionKey, State};
use crate::clock::Now;
use crate::log::{Cleaning, Progress, Replace, StorageError, Trouble, Workplace, checkpoint};
use std::collections::BTreeSet;

/// How long there is between two steps.
const STEP_EVERY_MS: u64 = 2;

/// How often it is looked for what could be cleaned.
const BACKOFF: &str = "log.cleaner.backoff.ms";
const DEFAULT_BACKOFF_MS: u64 = 15_000;

/// The cleaning of all logs.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    round: Option<Round>,
    /// When there is something to do next.
    next_ms: Option<u64>,
    /// Logs with a batch that cannot be read: nothing of them is dropped.
    unreadable: BTreeSet<PartitionKey>,
}

#[derive(Debug)]
struct Round {
    key: PartitionKey,
    /// Where its log is, and what it is called.
    dir: DirId,
    name: String,
    cleaning: Cleaning,
    /// The sync that has to end before it goes on.
    waits_for: Option<u64>,
}

impl Cleaner {
    pub(super) fn deadline(&self) -> Option<u64> {
        self.next_ms
    }

    /// The sync that was waited for has ended.
    pub(super) fn synced(&mut self, now: Now) {
        if let Some(round) = &mut self.round {
            round.waits_for = None;
            self.next_ms = Some(now.monotonic_ms);
        }
    }

    /// The directory in which something is synced for this.
    pub(super) fn syncing(&self, token: u64) -> Option<DirId> {
        self.round.as_ref().filter(|round| round.waits_for == Some(token)).map(|round| round.dir)
    }
}

impl State {
    /// Sees to it that there is a look at compacted logs before long.
    pub(crate) fn wake_cleaner(&mut self, now: Now) {
        let backoff_ms = self.configs.broker_number(BACKOFF).and_then(|ms| u64::try_from(ms).ok());
        let at = now.monotonic_ms + backoff_ms.unwrap_or(DEFAULT_BACKOFF_MS);
        self.disk.cleaner.next_ms.get_or_insert(at);
    }

    /// Cleans a little, when it is time.
    pub(super) fn clean_a_little(&mut self, now: Now) {
        if self.disk.cleaner.next_ms.is_none_or(|at| at > now.monotonic_ms) {
            return;
        }
        self.disk.cleaner.next_ms = None;
        if self.disk.cleaner.round.is_none() {
            self.disk.cleaner.round = self.choose(now);
        }
        let Some(mut round) = self.disk.cleaner.round.take() else { return };
        if round.waits_for.is_some() {
            self.disk.cleaner.round = Some(round);
            return;
        }
        self.disk.cleaner.next_ms = Some(now.monotonic_ms + STEP_EVERY_MS);
        match self.step(&mut round) {
            Ok(Progress::More) => self.disk.cleaner.round = Some(round),
            Ok(Progress::Sync(job)) => {
                self.disk.cleaner.next_ms = None;
                round.waits_for = Some(self.disk.add_job(job));
                self.disk.cleaner.round = Some(round);
            }
            Ok(Progress::Done(end)) => self.finish(now, &round, end),
            Err(trouble) => self.give_up(now, round, trouble),
        }
    }

    /// The log that is most worth to be cleaned.
    fn choose(&mut self, now: Now) -> Option<Round> {
        let (mut best, mut later) = (None, false);
        let compacted = self.topics.iter().filter(|topic| topic.log_config.compacts);
        for topic in compacted {
            for (index, partition) in (0..).zip(&topic.partitions) {
                let key = (topic.id, index);
                if self.log_dirs.check(partition.dir).is_err()
                    || self.disk.cleaner.unreadable.contains(&key)
                {
                    continue;
                }
                later |= partition.log.cleaned() < partition.log.end_offset();
                let Some(dirt) = partition.log.dirt(&topic.log_config, now.wall_ms) else {
                    continue;
                };
                if dirt.is_enough(&topic.log_config)
                    && best.is_none_or(|(_, found): (_, crate::log::Dirt)| found.ratio < dirt.ratio)
                {
                    best = Some((key, dirt));
                }
            }
        }
        if best.is_none() && later {
            self.wake_cleaner(now);
        }
        let (key, dirt) = best?;
        let partition = self.topics.by_id_mut(key.0)?.partition(key.1)?;
        let (dir, name) = (partition.dir, partition.name.clone());
        let cleaning = Cleaning::begin(dirt, now.wall_ms);
        Some(Round { key, dir, name, cleaning, waits_for: None })
    }

    fn step(&mut self, round: &mut Round) -> Result<Progress, Trouble> {
        let topic = self.topics.by_id_mut(round.key.0).ok_or(Trouble::Changed)?;
        let config = &topic.log_config;
        let at = usize::try_from(round.key.1).unwrap_or(usize::MAX);
        let partition = topic.partitions.get_mut(at).ok_or(Trouble::Changed)?;
        if partition.dir != round.dir {
            return Err(Trouble::Changed);
        }
        self.log_dirs.check(partition.dir)?;
        let producers = &partition.producers;
        let mut place = Workplace {
            log: &mut partition.log,
            storage: self.log_dirs.storage(partition.dir),
            decompressor: &mut self.decompressor,
            config,
            ends_producer: &|header| producers.ends_with(header),
        };
        round.cleaning.step(&mut place)
    }

    /// A round has come to its end.
    fn finish(&mut self, now: Now, round: &Round, end: i64) {
        let Round { key, dir, .. } = *round;
        self.doom_replaced(now, round);
        if let Some(partition) = self.topics.by_id_mut(key.0).and_then(|t| t.partition(key.1)) {
            partition.log.set_cleaned(end);
        }
        self.news.push(News::Partition(key));
        let noted = self.note_cleaned(dir);
        let _offline_when_failed = self.stored(dir, noted);
    }

    /// Has the files deleted that a round has replaced.
    fn doom_replaced(&mut self, now: Now, round: &Round) {
        let Some(topic) = self.topics.by_id_mut(round.key.0) else { return };
        let delay_ms = topic.log_config.file_delete_delay_ms;
        let Some(partition) = topic.partition(round.key.1) else { return };
        let doomed = partition.log.take_doomed();
        self.doom(now, delay_ms, round.dir, doomed);
    }

    fn note_cleaned(&mut self, dir: DirId) -> Result<(), StorageError> {
        if !self.log_dirs.are_durable() {
            return Ok(());
        }
        self.write_offsets(dir, checkpoint::CLEANED, Replace::Synced, |log| {
            (log.cleaned() > 0).then(|| log.cleaned())
        })
    }

    fn give_up(&mut self, now: Now, round: Round, trouble: Trouble) {
        self.doom_replaced(now, &round);
        let Round { key, dir, name, cleaning, .. } = round;
        match trouble {
            Trouble::Storage(error) => return self.storage_failed(dir, &error),
            Trouble::Changed => tracing::debug!("{name} has changed while it was cleaned"),
            Trouble::Corrupt(why) => {
                tracing::error!("{name} is not compacted any more: {why}");
                self.disk.cleaner.unreadable.insert(key);
            }
        }
        let abandoned = cleaning.abandon(&name, self.log_dirs.storage(dir));
        let _offline_when_failed = self.stored(dir, abandoned);
    }
}
