//! The client. What each module holds is said at its head; `ARCHITECTURE.md` has the map.
//!
#![doc = include_str!("../../README.md")]

pub mod admin;
mod backoff;
mod client;
mod clock;
mod cluster;
pub mod config;
mod consumer;
mod error;
pub mod listener;
mod net;
mod producer;
mod record;

pub use admin::{Admin, NewTopic};
pub use client::{Client, ClientBuilder};
pub use consumer::{
    Assignor, BatchIter, Consumer, ConsumerBuilder, ConsumerRecord, CooperativeSticky, GroupMember,
    GroupMetadata, Iter, OffsetAndMetadata, OffsetAndTimestamp, PendingCommit, Range,
    RebalanceListener, RecordBatch, RecordStream, RecordView, Records, RoundRobin, Sticky,
};
pub use error::{Error, ErrorKind, Result};
pub use kafka_proto::records::{Header, Headers, TimestampType};
pub use kafka_proto::{ErrorCode, uuid::Uuid};
pub use net::{Connector, Stream, TcpConnector};
pub use producer::{
    Deliveries, Delivery, Enqueue, Partitioner, Producer, ProducerBuilder, RecordMetadata,
    TopicHandle, partition_for_key,
};
pub use record::{ProducerRecord, TopicPartition};
