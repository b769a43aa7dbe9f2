//! See `kafka_proto_fuzz::compressed`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kafka_proto_fuzz::compressed(data));
