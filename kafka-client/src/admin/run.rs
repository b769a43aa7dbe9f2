//! Carries out calls of `Admin`: rounds of requests until every item has its result or time is over.

use super::directory::Directory;
use super::work::{Answered, Failure, Operation, Work};
use super::{Admin, Results};
use crate::clock::Monotonic;
use crate::cluster::coordinator::{self, GROUP};
use crate::error::{Error, ErrorKind, Result};
use crate::net::{Address, Purpose};
use kafka_proto::messages::metadata;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

/// What limits the time of a call.
const SETTING: &str = "default.api.timeout.ms";

impl Admin {
    /// Does `operation` to every item.
    pub(super) async fn run<O: Operation>(
        &self,
        operation: &O,
        items: impl IntoIterator<Item = (O::Key, O::Item)>,
    ) -> Result<Results<O::Key, O::Answer>> {
        let mut work = Work::new(operation, items);
        let deadline = self.cluster.clock.now().monotonic.after(self.timeout);
        let rounds = self.rounds(&mut work, deadline);
        let in_time = tokio::time::timeout(self.timeout, rounds).await.is_ok();
        let ms = self.timeout.as_millis();
        work.results(|asked, last| match last {
            Some(error) if in_time => error.clone(),
            Some(error) => {
                let last = error.what_happened();
                let reason = format!("not done within {ms} ms ({SETTING}); the last try: {last}");
                let timeout = Error::new(ErrorKind::Timeout, asked, reason);
                let timeout = timeout.with_source(error.clone());
                error.code().map_or(timeout.clone(), |code| timeout.with_code(code))
            }
            None => {
                let last = self.cluster.last_error();
                let last = last.map(|last| format!("; the last look at the cluster: {last}"));
                let last = last.unwrap_or_default();
                let reason = format!("no answer within {ms} ms ({SETTING}){last}");
                Error::new(ErrorKind::Timeout, asked, reason)
            }
        })
    }

    /// Does `operation`, which is about one thing.
    pub(super) async fn run_one<O: Operation<Key = ()>>(
        &self,
        operation: &O,
        item: O::Item,
    ) -> Result<O::Answer> {
        let results = self.run(operation, [((), item)]).await?;
        let nothing = || Err(Error::new(ErrorKind::Protocol, O::ASKED, "nothing was asked"));
        results.into_iter().next().map_or_else(nothing, |((), result)| result)
    }

    async fn rounds<O: Operation>(&self, work: &mut Work<'_, O>, deadline: Monotonic) {
        let mut tries = 0;
        while !work.is_finished() {
            let wait = self.retry.wait(tries, self.cluster.clock.now().random);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            tries = tries.saturating_add(1);
            let lookup = work.lookup();
            let mut directory = match lookup.topics {
                None => Directory::default(),
                Some(topics) => match self.look_up(topics).await {
                    Ok(answer) => {
                        work.on_heard();
                        Directory::new(answer)
                    }
                    Err(error) => {
                        work.on_no_directory(&error);
                        if error.is_retriable() {
                            continue;
                        }
                        return;
                    }
                },
            };
            self.find_coordinators(lookup.groups, &mut directory).await;
            self.round(work, &directory, deadline).await;
        }
    }

    /// Adds the coordinators of groups, where they are known.
    async fn find_coordinators(&self, groups: BTreeSet<Arc<str>>, directory: &mut Directory) {
        let finds =
            groups.iter().map(|group| Box::pin(self.cluster.find_coordinator(group, GROUP)));
        let answers = join_all(finds.collect()).await;
        for (group, answer) in groups.into_iter().zip(answers) {
            let found = answer.and_then(coordinator::found).map_err(|error| match error.code() {
                Some(code) => Failure::Code(code, None),
                None => Failure::NoBroker(error.what_happened()),
            });
            directory.add_coordinator(group, found);
        }
    }

    /// Asks everybody who has to be asked, at the same time.
    async fn round<O: Operation>(
        &self,
        work: &mut Work<'_, O>,
        directory: &Directory,
        deadline: Monotonic,
    ) {
        let requests = work.split(directory);
        let asking = &*work;
        let calls = requests
            .iter()
            .map(|(address, keys)| Box::pin(self.ask(asking, address.as_ref(), keys, deadline)));
        let answers = join_all(calls.collect()).await;
        for ((_, keys), answer) in requests.iter().zip(answers) {
            if answer.is_ok() {
                work.on_heard();
            }
            work.on_answer(keys, answer);
        }
    }

    async fn ask<O: Operation>(
        &self,
        work: &Work<'_, O>,
        address: Option<&Address>,
        keys: &[O::Key],
        deadline: Monotonic,
    ) -> Result<Answered<O>> {
        let operation = work.operation();
        let connection = match address {
            Some(address) => self.cluster.pool.get(address, Purpose::General).await?,
            None => self.cluster.any_connection().await?,
        };
        let version = connection.version_at_most::<O::Request>(O::NEWEST)?;
        let mut rows = Vec::new();
        let mut items = Vec::new();
        for key in keys {
            let Some(item) = work.item(key) else { continue };
            match operation.unsupported(key, item, version) {
                Some(reason) => rows.push((key.clone(), Err(Failure::Unsupported(reason)))),
                None => items.push((key, item)),
            }
        }
        if items.is_empty() {
            return Ok(Ok(rows));
        }
        // The broker's limit ends before ours does: an answer that tells beats a connection given up.
        let left = self.cluster.clock.now().monotonic.until(deadline);
        let limit = left.min(connection.request_timeout() * 9 / 10);
        let timeout_ms = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        let request = operation.request(&items, version, timeout_ms);
        let answer = connection.call_at(&request, version).await?;
        Ok(operation.rows(answer, version).map(|told| {
            rows.extend(told);
            rows
        }))
    }

    /// The controller, the brokers, and who leads the partitions of `topics`. Creates no topic.
    async fn look_up(&self, topics: Vec<Arc<str>>) -> Result<metadata::Response> {
        let row = |name| metadata::MetadataRequestTopic { name: Some(name), ..Default::default() };
        let request = metadata::Request {
            topics: Some(topics.into_iter().map(row).collect()),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let answer = self.cluster.any_connection().await?.call(&request).await?;
        match answer.error_code.ok() {
            Ok(()) => Ok(answer),
            Err(code) => Err(Error::broker(code, "look up brokers and leaders")),
        }
    }
}

/// Awaits all of them at the same time.
pub(super) async fn join_all<F: Future + Unpin>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    poll_fn(|cx| {
        let mut waiting = false;
        for (future, output) in &mut futures {
            if output.is_none() {
                match std::pin::Pin::new(future).poll(cx) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}
