//! Where the application stands, where it wants to be, and where partitions begin and end.

use super::Consumer;
use super::offsets::{Answer, EARLIEST, LATEST, Question, Questions};
use super::task::{call, sleep_until};
use crate::cluster::Patience;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::task::JoinSet;

/// The record that a timestamp led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The epoch of the leader that took it; -1 if it is not known.
    pub leader_epoch: i32,
}

const NOT_ASSIGNED: &str = "the partition is not assigned; assign it first";

impl Consumer {
    /// Goes on from `offset` in a partition; what was fetched of it is dropped.
    ///
    /// # Errors
    /// When the partition is not assigned, or `offset` is negative.
    pub fn seek(&mut self, partition: impl Into<TopicPartition>, offset: i64) -> Result<()> {
        let which = partition.into();
        if offset < 0 {
            let reason = format!("{offset} is no offset; they count from 0");
            let error = Error::new(ErrorKind::Invalid, "seek", reason);
            return Err(error.with_topic(&which.topic, Some(which.partition)));
        }
        self.drop_reading(&which);
        let known = self.shared.state().core.seek(&which, offset);
        self.changed("seek", &which, known)
    }

    /// Goes on from the first record of each of these partitions.
    ///
    /// # Errors
    /// When one of them is not assigned.
    pub fn seek_to_beginning<I>(&mut self, partitions: I) -> Result<()>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        self.seek_to_time(partitions, EARLIEST)
    }

    /// Goes on behind the last record of each of these partitions.
    ///
    /// # Errors
    /// When one of them is not assigned.
    pub fn seek_to_end<I>(&mut self, partitions: I) -> Result<()>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        self.seek_to_time(partitions, LATEST)
    }

    fn seek_to_time<I>(&mut self, partitions: I, time: i64) -> Result<()>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        for which in partitions {
            let which = which.into();
            self.drop_reading(&which);
            let known = self.shared.state().core.seek_to_time(&which, time);
            self.changed("seek", &which, known)?;
        }
        Ok(())
    }

    /// Hands out nothing of these partitions until they are resumed; what was fetched of them is kept.
    ///
    /// # Errors
    /// When one of them is not assigned.
    pub fn pause<I>(&mut self, partitions: I) -> Result<()>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        self.set_paused(partitions, true)
    }

    /// Hands out records of these partitions again.
    ///
    /// # Errors
    /// When one of them is not assigned.
    pub fn resume<I>(&mut self, partitions: I) -> Result<()>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        self.set_paused(partitions, false)
    }

    fn set_paused<I>(&mut self, partitions: I, paused: bool) -> Result<()>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        for which in partitions {
            let which = which.into();
            let known = self.shared.state().core.set_paused(&which, paused);
            self.changed("pause or resume", &which, known)?;
        }
        self.check_reading();
        self.deferred = None;
        Ok(())
    }

    /// The partitions that are paused.
    pub fn paused(&self) -> Vec<TopicPartition> {
        let state = self.shared.state();
        let paused = state.core.subscription().iter().filter(|(_, partition)| partition.paused);
        paused.map(|(which, _)| which.clone()).collect()
    }

    /// The machine has something to do, if it knows the partition.
    fn changed(&mut self, asked: &str, which: &TopicPartition, known: bool) -> Result<()> {
        self.shared.wake.notify_one();
        let concerned = |error: &Error| {
            error.topic() == Some(&which.topic) && error.partition() == Some(which.partition)
        };
        self.deferred = self.deferred.take().filter(|error| !concerned(error));
        if known {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Invalid, asked, NOT_ASSIGNED);
        Err(error.with_topic(&which.topic, Some(which.partition)))
    }

    /// The offset of the next record that the application has not been given, or for `recv` and `stream` of the one in
    /// hand. Waits for it while it is being looked up.
    ///
    /// # Errors
    /// When the partition is not assigned, its position cannot be found out, or `default.api.timeout.ms` is over.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn position(&mut self, partition: impl Into<TopicPartition>) -> Result<i64> {
        let which = partition.into();
        self.tell_position();
        let now = self.shared.clock().now();
        self.shared.state().core.begin(now);
        self.shared.wake.notify_one();
        let found = poll_fn(|cx| {
            let mut state = self.shared.state();
            match state.core.subscription().get(&which).map(|partition| partition.position) {
                Some(Some(position)) => return Poll::Ready(Ok(position)),
                Some(None) => {}
                None => {
                    let error = Error::new(ErrorKind::Invalid, "position", NOT_ASSIGNED);
                    return Poll::Ready(Err(error));
                }
            }
            if let Some(error) = state.core.take_error(&which) {
                return Poll::Ready(Err(error));
            }
            state.waiting = Some(cx.waker().clone());
            Poll::Pending
        });
        let limit = self.shared.settings.default_api_timeout;
        let found = tokio::time::timeout(limit, found).await;
        let found = found.unwrap_or_else(|_| Err(late("position", limit, None)));
        found.map_err(|error| error.with_topic(&which.topic, Some(which.partition)))
    }

    /// How many records behind the position are in the log and can be read: up to the last stable offset with
    /// `isolation.level=read_committed`, up to the high watermark otherwise. It is as old as the last answer of the
    /// broker; `None` before the first.
    pub fn lag(&self, partition: impl Into<TopicPartition>) -> Option<u64> {
        let which = partition.into();
        self.tell_position();
        let state = self.shared.state();
        let partition = state.core.subscription().get(&which)?;
        let end = if self.shared.settings.read_committed {
            partition.last_stable_offset
        } else {
            partition.high_watermark
        };
        let position = partition.position.filter(|_| end >= 0)?;
        Some(u64::try_from(end.saturating_sub(position)).unwrap_or(0))
    }

    /// The offset of the first record of each partition.
    ///
    /// # Errors
    /// When one of them cannot be found out, also not within `default.api.timeout.ms`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn beginning_offsets<I>(&self, partitions: I) -> Result<BTreeMap<TopicPartition, i64>>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        self.ends("look up beginning offsets", partitions, EARLIEST).await
    }

    /// The offset behind the last record of each partition; behind the last that no open transaction holds back, with
    /// `isolation.level=read_committed`.
    ///
    /// # Errors
    /// As [`Consumer::beginning_offsets`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn end_offsets<I>(&self, partitions: I) -> Result<BTreeMap<TopicPartition, i64>>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        self.ends("look up end offsets", partitions, LATEST).await
    }

    async fn ends<I>(
        &self,
        asked: &str,
        partitions: I,
        time: i64,
    ) -> Result<BTreeMap<TopicPartition, i64>>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        let questions = partitions.into_iter().map(|which| (which.into(), time)).collect();
        let answers = self.ask(asked, questions).await?;
        Ok(answers.into_iter().map(|(which, answer)| (which, answer.offset)).collect())
    }

    /// The first record of each partition whose timestamp is not before the given one, in milliseconds since 1970;
    /// `None` where there is no such record.
    ///
    /// # Errors
    /// When a timestamp is negative, and as [`Consumer::beginning_offsets`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn offsets_for_times<I, P>(
        &self,
        times: I,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>>
    where
        I: IntoIterator<Item = (P, i64)>,
        P: Into<TopicPartition>,
    {
        let asked = "look up offsets for times";
        let times: BTreeMap<_, _> =
            times.into_iter().map(|(which, time)| (which.into(), time)).collect();
        if let Some((which, time)) = times.iter().find(|(_, time)| **time < 0) {
            let reason = format!("{time} is no timestamp");
            let error = Error::new(ErrorKind::Invalid, asked, reason);
            return Err(error.with_topic(&which.topic, Some(which.partition)));
        }
        let found = |answer: Answer| {
            (answer.offset >= 0).then_some(OffsetAndTimestamp {
                offset: answer.offset,
                timestamp_ms: answer.timestamp_ms,
                leader_epoch: answer.epoch,
            })
        };
        let answers = self.ask(asked, times).await?;
        Ok(answers.into_iter().map(|(which, answer)| (which, found(answer))).collect())
    }

    /// Asks the leaders, as often as it takes within `default.api.timeout.ms`.
    async fn ask(
        &self,
        asked: &str,
        times: BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Answer>> {
        let settings = &self.shared.settings;
        let mut questions = Questions::new(settings.read_committed, settings.backoff);
        let limit = settings.default_api_timeout;
        let patience = Patience::new(self.shared.clock(), limit, "default.api.timeout.ms");
        let answers = self.run(&mut questions, times, patience);
        match tokio::time::timeout(limit, answers).await {
            Ok(answers) => answers,
            Err(_) => {
                let open = questions.last_error();
                let error = late(asked, limit, open.and_then(|(_, error)| error));
                Err(match open {
                    Some((which, _)) => error.with_topic(&which.topic, Some(which.partition)),
                    None => error,
                })
            }
        }
    }

    async fn run(
        &self,
        questions: &mut Questions,
        times: BTreeMap<TopicPartition, i64>,
        patience: Patience,
    ) -> Result<BTreeMap<TopicPartition, Answer>> {
        let cluster = &self.shared.cluster;
        let topics: BTreeSet<Arc<str>> = times.keys().map(|which| which.topic.clone()).collect();
        let mut seen = cluster.watch();
        for topic in &topics {
            cluster.want(topic, self.shared.settings.allow_auto_create_topics);
            let known = cluster.topic(topic, patience).await?;
            let beyond = times.keys().find(|which| {
                which.topic == *topic
                    && usize::try_from(which.partition).is_ok_and(|p| p >= known.partitions.len())
            });
            if let Some(which) = beyond {
                return Err(super::subscription::missing(which, &cluster.snapshot()));
            }
        }
        for (which, time) in times {
            questions.ask(which, Question::Time(time));
        }
        let mut answers = BTreeMap::new();
        let mut failed = None;
        let mut calls = JoinSet::new();
        while !questions.is_empty() && failed.is_none() {
            let now = self.shared.clock().now();
            while let Some(ask) = questions.poll(now, &cluster.snapshot()) {
                let cluster = cluster.clone();
                calls.spawn(async move { (ask.ticket, call(&cluster, ask).await) });
            }
            let deadline = questions.deadline(now.monotonic);
            tokio::select! {
                biased;
                Some(Ok((ticket, answer))) = calls.join_next() => {
                    let now = self.shared.clock().now();
                    let stale = questions.on_response(now, ticket, answer, |which, _, answer| {
                        match answer {
                            Ok(answer) => drop(answers.insert(which, answer)),
                            Err(error) => failed = Some(error),
                        }
                    });
                    if stale {
                        cluster.refresh();
                    }
                }
                () = seen.changed() => {}
                () = sleep_until(self.shared.clock(), deadline) => {}
            }
        }
        failed.map_or(Ok(answers), Err)
    }
}

#[cold]
fn late(asked: &str, limit: Duration, cause: Option<&Error>) -> Error {
    let ms = limit.as_millis();
    let because = cause.map_or(String::new(), |cause| format!("; last: {cause}"));
    let reason = format!("no answer within {ms} ms (default.api.timeout.ms){because}");
    Error::new(ErrorKind::Timeout, asked, reason)
}
