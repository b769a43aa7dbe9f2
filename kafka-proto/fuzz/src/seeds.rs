//! Writes the seeds of the targets: a message of each API at its oldest and newest version, and batches of each codec.

use kafka_proto::any::MessageType;
use kafka_proto::api::{APIS, ApiInfo};
use kafka_proto::records::{BatchBuilder, Compression, Compressor, HEADER_LEN, Stamp};
use kafka_proto::wire::sample::draw;
use std::fs;
use std::path::Path;

/// Longer ones only make the fuzzer slower.
const LONGEST: usize = 1500;

fn messages(seeds: &Path) {
    let sample = |of: &MessageType, seed, version| {
        let mut message = of.initial();
        draw(&mut *message, seed, version);
        message
    };
    for api in APIS {
        let ApiInfo { key, name, versions, .. } = api.info;
        for version in [versions.min, versions.max] {
            let short = |bytes: &Vec<u8>| bytes.len() < LONGEST;
            let request = |seed| {
                let request = sample(&api.request, seed, version);
                let frame = api.encode_request(&*request, version, 7, None);
                frame.expect("a sample fits").into_bytes()[4..].to_vec()
            };
            let response = |seed| {
                let response = sample(&api.response, seed, version);
                let frame = api.encode_response(&*response, version, 7);
                let frame = frame.expect("a sample fits").into_bytes();
                [&key.0.to_be_bytes(), &version.to_be_bytes(), &frame[4..]].concat()
            };
            let name = format!("{name}-{version}");
            let first = (0..50).map(request).find(short);
            write(&seeds.join("requests"), &name, &first.unwrap_or_default());
            let first = (0..50).map(response).find(short);
            write(&seeds.join("responses"), &name, &first.unwrap_or_default());
        }
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a file");
}

fn main() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    messages(&seeds);
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::new(Vec::new());
        for at in 0..5 {
            let value = b"a value, and again a value, and again a value";
            builder.append(
                at,
                Some(b"key"),
                Some(value),
                &[("header", Some(b"h")), ("null", None)],
            );
        }
        let mut compressor = Compressor::new(compression, None).expect("in this build");
        let batch = builder.seal(Stamp::NONE, &mut compressor);
        let codec = u8::try_from(compression as i16).expect("a small number");
        let body = [&[codec], &batch[HEADER_LEN..]].concat();
        write(&seeds.join("batches"), compression.name(), &batch);
        write(&seeds.join("compressed"), compression.name(), &body);
    }
    let text =
        "# comment\nbootstrap.servers = localhost\\:9092\nlinger.ms:5\na\\u0041\\\n  b=\\tc\n";
    write(&seeds.join("properties"), "text", text.as_bytes());
}
