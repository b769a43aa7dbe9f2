//! A Kafka client.

mod backoff;
mod clock;
mod cluster;
pub mod config;
mod error;
mod net;
mod record;

pub use error::{Error, ErrorKind, Result};
pub use net::{Connector, Stream, TcpConnector};
pub use record::{ConsumerRecord, ProducerRecord, TopicPartition};
