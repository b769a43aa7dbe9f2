//! kafka-proto.
