//! The listener container: calls a handler with the records of a group's topics, and commits what is done.
//!
//! ```no_run
//! # async fn run(client: kafka_client::Client) -> kafka_client::Result<()> {
//! use kafka_client::ConsumerRecord;
//! use kafka_client::listener::{AckMode, ErrorPolicy};
//! use std::time::Duration;
//!
//! async fn book(record: ConsumerRecord) -> Result<(), std::io::Error> {
//!     println!("{:?}", record.value());
//!     Ok(())
//! }
//!
//! let policy = ErrorPolicy::backoff(Duration::from_millis(200), 5).then_dead_letter("orders-dlt");
//! let listener = client.listener("billing").topics(["orders"]).concurrency(3);
//! listener.ack_mode(AckMode::Record).on_error(policy).run(book).await
//! # }
//! ```
//!
//! # Handlers
//!
//! A handler is a function or closure that gives a future, of nothing or of `Result<(), E>` with any error. What it
//! shares with others is cloned for each call:
//!
//! ```no_run
//! # use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
//! # async fn run(client: kafka_client::Client) -> kafka_client::Result<()> {
//! let count = Arc::new(AtomicU64::new(0));
//! let listener = client.listener("billing").topics(["orders"]);
//! listener
//!     .run(move |record| {
//!         let count = count.clone();
//!         async move {
//!             println!("{} {:?}", count.fetch_add(1, Ordering::Relaxed), record.key());
//!         }
//!     })
//!     .await
//! # }
//! ```
//!
//! | the handler takes | to run it | in the background |
//! |---|---|---|
//! | records | [`run`] | [`start`] |
//! | records, and acknowledges them | [`run_acked`] | [`start_acked`] |
//! | the records of a poll | [`run_batches`] | [`start_batches`] |
//! | the records of a poll, and acknowledges them | [`run_batches_acked`] | [`start_batches_acked`] |
//!
//! [`run`]: ListenerBuilder::run
//! [`start`]: ListenerBuilder::start
//! [`run_acked`]: ListenerBuilder::run_acked
//! [`start_acked`]: ListenerBuilder::start_acked
//! [`run_batches`]: ListenerBuilder::run_batches
//! [`start_batches`]: ListenerBuilder::start_batches
//! [`run_batches_acked`]: ListenerBuilder::run_batches_acked
//! [`start_batches_acked`]: ListenerBuilder::start_batches_acked
//!
//! One consumer calls its handler once at a time. A panic ends the listener with an error, whatever its
//! [`ErrorPolicy`]; what was handled before is committed.
//!
//! # When partitions go
//!
//! While a handler runs, or waits to be called again, its consumer does its part in the group: partitions come and go.
//! One whose record a handler has in hand goes when the handler has returned; a record that waits to be delivered again
//! is given back at once. Before a partition goes, what is done of it is committed.
//!
//! A handler may take as long as `max.poll.interval.ms`. When that is over, or the group has given the consumer up for
//! other reasons, the handler's future is *dropped* where it is, and nothing of it is committed: others handle the
//! record again.
//!
//! # Cancel safety
//!
//! So the future of a handler may be dropped at any `await` in three cases: when its partitions are lost, when
//! [`ListenerHandle::stop`] runs out of time, and when the runtime ends.

mod acks;
mod board;
mod builder;
mod dead_letter;
mod error_policy;
mod event;
mod handle;
mod handler;
mod member;
mod mode;
mod work;

pub use board::{Ack, Acknowledgement};
pub use builder::ListenerBuilder;
pub use error_policy::ErrorPolicy;
pub use event::ListenerEvent;
pub use handle::ListenerHandle;
pub use handler::{HandlerError, Outcome};
pub use mode::{AckMode, Commits};

/// What the handle of a listener tells its consumers.
#[derive(Clone, Copy, Debug, Default)]
struct Control {
    paused: bool,
    stopped: bool,
}
