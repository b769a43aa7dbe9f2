//! kafka-broker-lite.
