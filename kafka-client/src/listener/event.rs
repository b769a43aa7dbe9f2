//! What a listener tells of its life.

use crate::error::Error;
use crate::record::TopicPartition;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something that happened to a listener, or to one of its consumers. See
/// [`ListenerBuilder::on_event`](crate::listener::ListenerBuilder::on_event).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ListenerEvent {
    /// Its consumers begin to join the group.
    Started,
    /// These partitions came to a consumer, besides those that it holds.
    Assigned {
        /// Which ones.
        partitions: Vec<TopicPartition>,
    },
    /// These partitions went from a consumer; what was handled of them is committed.
    Revoked {
        /// Which ones.
        partitions: Vec<TopicPartition>,
    },
    /// The group has given a consumer up: it had these partitions, and what was not committed of them is handled again.
    Lost {
        /// Which ones.
        partitions: Vec<TopicPartition>,
    },
    /// Offsets were committed.
    Committed {
        /// Of each partition, the next record to be handled.
        offsets: BTreeMap<TopicPartition, i64>,
    },
    /// A commit failed; if that may pass, the offsets are committed later.
    CommitFailed {
        /// Why.
        error: Error,
    },
    /// A handler failed, and gets the record again. For a handler of batches it is the first of its records.
    Retrying {
        /// The record's partition.
        partition: TopicPartition,
        /// Its offset.
        offset: i64,
        /// How often it was delivered so far.
        deliveries: u32,
        /// After which time.
        wait: Duration,
        /// What the handler returned.
        error: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A record, or the poll that begins with it, was skipped, as
    /// [`ErrorPolicy::then_skip`](crate::listener::ErrorPolicy::then_skip) asks for.
    Skipped {
        /// The record's partition.
        partition: TopicPartition,
        /// Its offset.
        offset: i64,
        /// What the handler returned.
        error: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A record, or the poll that begins with it, was written to the dead-letter topic.
    DeadLettered {
        /// The record's partition.
        partition: TopicPartition,
        /// Its offset.
        offset: i64,
        /// What the handler returned.
        error: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A partition waits: too many of its records were handed out since the first that is not acknowledged.
    PartitionPaused {
        /// Which one.
        partition: TopicPartition,
    },
    /// A partition that waited for acknowledgements goes on.
    PartitionResumed {
        /// Which one.
        partition: TopicPartition,
    },
    /// A consumer hands nothing out any more, as it was told.
    Paused,
    /// A consumer goes on.
    Resumed,
    /// No record came to a consumer for this time; told again each time it has passed once more.
    Idle {
        /// The time that was asked for.
        time: Duration,
    },
    /// Something is wrong that may pass by itself; the listener goes on.
    Disturbed {
        /// What.
        error: Error,
    },
    /// All consumers have ended.
    Stopped {
        /// Why, if nobody asked for it.
        error: Option<Error>,
    },
}

/// Who is told.
#[derive(Clone, Default)]
pub(super) struct Events(Option<Arc<Callback>>);

type Callback = dyn Fn(&ListenerEvent) + Send + Sync;

impl Events {
    pub(super) fn new(told: impl Fn(&ListenerEvent) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    /// Tells it, if anybody wants to know.
    pub(super) fn tell(&self, event: impl FnOnce() -> ListenerEvent) {
        if let Some(told) = &self.0 {
            told(&event());
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Events").field(&self.0.is_some()).finish()
    }
}
