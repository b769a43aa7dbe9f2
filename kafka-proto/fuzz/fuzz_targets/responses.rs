//! See `kafka_proto_fuzz::responses`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_proto_fuzz::responses(data));
