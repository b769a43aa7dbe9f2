//! A Kafka client.

mod backoff;
mod clock;
mod cluster;
pub mod config;
mod consumer;
mod error;
mod net;
mod record;

pub use consumer::{
    BatchIter, Consumer, Iter, OffsetAndTimestamp, RecordBatch, RecordStream, RecordView, Records,
};
pub use error::{Error, ErrorKind, Result};
pub use net::{Connector, Stream, TcpConnector};
pub use record::{ConsumerRecord, ProducerRecord, RecordMetadata, TopicPartition};
