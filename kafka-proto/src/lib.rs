//! Kafka's wire protocol without I/O: messages, record batches, frames, error codes.

pub mod any;
pub mod api;
pub mod codes;
mod error_code;
pub mod frame;
pub mod group_protocol;
pub mod messages;
pub mod records;
pub mod schema;
pub mod settings;
pub mod stored;
mod utf8;
pub mod uuid;
pub mod wire;

pub use bytes;
pub use error_code::ErrorCode;
