//! Makes listeners.

use super::Control;
use super::board::{Ack, Board};
use super::dead_letter::DeadLetters;
use super::error_policy::ErrorPolicy;
use super::event::{Events, ListenerEvent};
use super::handle::ListenerHandle;
use super::handler::{Acked, Handler, Outcome, Plain, erased};
use super::member::{Member, Plan};
use super::mode::{AckMode, Commits};
use super::work::{Running, Unit};
use crate::client::Client;
use crate::config::ConsumerConfig;
use crate::consumer::{Consumer, ConsumerRecord, Records};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Makes a listener; see [`Client::listener`] and the [module](crate::listener).
#[derive(Debug)]
#[must_use = "a listener does nothing before it is run or started"]
pub struct ListenerBuilder {
    client: Client,
    group: String,
    topics: Topics,
    config: ConsumerConfig,
    mode: Option<AckMode>,
    commits: Commits,
    policy: ErrorPolicy,
    concurrency: usize,
    gap_limit: u64,
    idle: Option<Duration>,
    events: Events,
}

#[derive(Debug)]
enum Topics {
    Named(Vec<Arc<str>>),
    Matching(String),
}

/// How many records may be handed out behind one that is not acknowledged, unless something else is said.
const GAP_LIMIT: u64 = 10_000;

impl ListenerBuilder {
    pub(crate) fn new(client: Client, group: String) -> Self {
        Self {
            client,
            group,
            topics: Topics::Named(Vec::new()),
            config: ConsumerConfig::default(),
            mode: None,
            commits: Commits::default(),
            policy: ErrorPolicy::default(),
            concurrency: 1,
            gap_limit: GAP_LIMIT,
            idle: None,
            events: Events::default(),
        }
    }

    /// The topics it listens to, in place of those before.
    pub fn topics<I>(mut self, topics: I) -> Self
    where
        I: IntoIterator<Item: Into<Arc<str>>>,
    {
        self.topics = Topics::Named(topics.into_iter().map(Into::into).collect());
        self
    }

    /// Listens to all topics whose whole name matches a regular expression, now and later, in place of those before;
    /// see [`Consumer::subscribe_pattern`](crate::Consumer::subscribe_pattern).
    pub fn pattern(mut self, pattern: impl Into<String>) -> Self {
        self.topics = Topics::Matching(pattern.into());
        self
    }

    /// The settings of its consumers. `group.id` is the listener's, and `enable.auto.commit` is always off; with
    /// `group.instance.id` and a concurrency over 1, each consumer's number is added to that name.
    pub fn config(mut self, config: ConsumerConfig) -> Self {
        self.config = config;
        self
    }

    /// When offsets are committed: [`AckMode::Batch`] unless something else is said, [`AckMode::Manual`] for a handler
    /// that acknowledges.
    pub const fn ack_mode(mut self, mode: AckMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Whether commits are awaited: [`Commits::Sync`] unless something else is said.
    pub const fn commits(mut self, commits: Commits) -> Self {
        self.commits = commits;
        self
    }

    /// What happens when the handler fails: see [`ErrorPolicy`], also for what happens if nothing is said.
    pub fn on_error(mut self, policy: ErrorPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How many consumers it has, one if nothing is said. They share the partitions of the group out, so that more than
    /// there are partitions are of no use. Records of one partition are handled one after the other.
    pub const fn concurrency(mut self, consumers: usize) -> Self {
        self.concurrency = consumers;
        self
    }

    /// In the manual modes, how many records of a partition may be handed out from the first that is not acknowledged
    /// on (10,000 if nothing is said). When there are as many, the partition is paused after the poll, until some are
    /// acknowledged.
    pub const fn ack_gap_limit(mut self, records: u64) -> Self {
        self.gap_limit = records;
        self
    }

    /// Tells [`ListenerEvent::Idle`] when no record has come to a consumer for this time.
    pub const fn idle_after(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// Is told what happens to the listener, in place of who was before. It is called by the task of a consumer, which
    /// waits for it: what takes time belongs into a channel.
    ///
    /// ```no_run
    /// # fn with(listener: kafka_client::listener::ListenerBuilder) {
    /// use kafka_client::listener::ListenerEvent;
    ///
    /// let (events, mut told) = tokio::sync::mpsc::channel::<ListenerEvent>(100);
    /// listener.on_event(move |event| {
    ///     let _ = events.try_send(event.clone()); // rather lose one than wait
    /// });
    /// # }
    /// ```
    pub fn on_event(mut self, told: impl Fn(&ListenerEvent) + Send + Sync + 'static) -> Self {
        self.events = Events::new(told);
        self
    }

    /// Calls `handler` with each record, until an error ends the listener.
    ///
    /// # Errors
    /// As [`ListenerBuilder::start`] and [`ListenerHandle::wait`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the listener stops as if its [`ListenerHandle`] were dropped.
    pub async fn run<F, R>(self, handler: F) -> Result<()>
    where
        F: Fn(ConsumerRecord) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.start(handler)?.wait().await
    }

    /// As [`ListenerBuilder::run`], with a handler that acknowledges.
    ///
    /// # Errors
    /// As [`ListenerBuilder::start_acked`] and [`ListenerHandle::wait`].
    ///
    /// # Cancel safety
    /// As [`ListenerBuilder::run`].
    pub async fn run_acked<F, R>(self, handler: F) -> Result<()>
    where
        F: Fn(ConsumerRecord, Ack) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.start_acked(handler)?.wait().await
    }

    /// As [`ListenerBuilder::run`], with a handler that takes all records of a poll.
    ///
    /// # Errors
    /// As [`ListenerBuilder::start`] and [`ListenerHandle::wait`].
    ///
    /// # Cancel safety
    /// As [`ListenerBuilder::run`].
    pub async fn run_batches<F, R>(self, handler: F) -> Result<()>
    where
        F: Fn(Records) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.start_batches(handler)?.wait().await
    }

    /// As [`ListenerBuilder::run`], with a handler that takes all records of a poll and acknowledges them.
    ///
    /// # Errors
    /// As [`ListenerBuilder::start_acked`] and [`ListenerHandle::wait`].
    ///
    /// # Cancel safety
    /// As [`ListenerBuilder::run`].
    pub async fn run_batches_acked<F, R>(self, handler: F) -> Result<()>
    where
        F: Fn(Records, Ack) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.start_batches_acked(handler)?.wait().await
    }

    /// Starts a listener that calls `handler` with each record. Must be called within a tokio runtime, where its tasks
    /// will live.
    ///
    /// # Errors
    /// When no topic is named, settings contradict one another, or the ack mode is one where the handler acknowledges.
    pub fn start<F, R>(self, handler: F) -> Result<ListenerHandle>
    where
        F: Fn(ConsumerRecord) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.launch(Plain::new(handler), false)
    }

    /// As [`ListenerBuilder::start`], with a handler that acknowledges.
    ///
    /// # Errors
    /// When no topic is named, settings contradict one another, or the ack mode is one where the handler does not
    /// acknowledge.
    pub fn start_acked<F, R>(self, handler: F) -> Result<ListenerHandle>
    where
        F: Fn(ConsumerRecord, Ack) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.launch(Acked::new(handler), true)
    }

    /// As [`ListenerBuilder::start`], with a handler that takes all records of a poll.
    ///
    /// # Errors
    /// As [`ListenerBuilder::start`].
    pub fn start_batches<F, R>(self, handler: F) -> Result<ListenerHandle>
    where
        F: Fn(Records) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.launch(Plain::new(handler), false)
    }

    /// As [`ListenerBuilder::start`], with a handler that takes all records of a poll and acknowledges them.
    ///
    /// # Errors
    /// As [`ListenerBuilder::start_acked`].
    pub fn start_batches_acked<F, R>(self, handler: F) -> Result<ListenerHandle>
    where
        F: Fn(Records, Ack) -> R + Send + Sync + 'static,
        R: Future<Output: Outcome> + Send + 'static,
    {
        self.launch(Acked::new(handler), true)
    }

    fn launch<H: Handler>(self, handler: H, acknowledges: bool) -> Result<ListenerHandle> {
        let handler = Arc::new(handler);
        self.launch_members(acknowledges, &|member| H::Unit::run(member, erased(handler.clone())))
    }

    fn launch_members(
        self,
        acknowledges: bool,
        run: &dyn Fn(Member) -> Running,
    ) -> Result<ListenerHandle> {
        let mode = self.mode.unwrap_or(if acknowledges { AckMode::Manual } else { AckMode::Batch });
        if mode.is_manual() != acknowledges {
            return Err(invalid(match acknowledges {
                true => format!("{mode:?} is no mode for a handler that acknowledges; Manual is"),
                false => format!("{mode:?} wants a handler that acknowledges: see run_acked"),
            }));
        }
        if self.config.enable_auto_commit && self.config.is_set("enable.auto.commit") {
            let reason = "enable.auto.commit=true is set, but the ack mode says what is committed";
            return Err(invalid(reason));
        }
        let consumers = (0..self.concurrency.max(1)).map(|number| self.consumer(number));
        let consumers: Vec<_> = consumers.collect::<Result<_>>()?;
        let clock = self.client.cluster().clock.clone();
        let plan = Arc::new(Plan {
            mode,
            commits: self.commits,
            policy: self.policy,
            idle: self.idle,
            events: self.events,
            dead_letters: DeadLetters::new(self.client, self.group),
            clock: clock.clone(),
        });
        let (control, told) = watch::channel(Control::default());
        let mut members = JoinSet::new();
        plan.events.tell(|| ListenerEvent::Started);
        for consumer in consumers {
            let board = Arc::new(Board::new(mode, self.gap_limit, clock.clone()));
            members.spawn(run(Member::new(plan.clone(), consumer, board, told.clone())));
        }
        Ok(ListenerHandle::new(control, members, plan.events.clone()))
    }

    /// The consumer of this number, subscribed.
    fn consumer(&self, number: usize) -> Result<Consumer> {
        let mut config = self.config.clone().group(self.group.clone()).enable_auto_commit(false);
        if self.concurrency > 1
            && let Some(name) = config.group_instance_id.clone()
        {
            config = config.group_instance_id(format!("{name}-{number}"));
        }
        let mut consumer = self.client.consumer(config)?;
        match &self.topics {
            Topics::Named(topics) => consumer.subscribe(topics.iter().cloned())?,
            Topics::Matching(pattern) => consumer.subscribe_pattern(pattern)?,
        }
        Ok(consumer)
    }
}

#[cold]
fn invalid(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, "start a listener", reason)
}
