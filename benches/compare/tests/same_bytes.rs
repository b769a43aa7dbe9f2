//! What `kafka-proto` writes, `kafka-protocol` reads, and writes again as the same bytes.

use compare::{ours, overlap, request_again, response_again, theirs};
use kafka_proto::any::{ApiType, MessageType};
use kafka_proto::api::APIS;
use kafka_proto::wire::sample::draw;

#[derive(Default)]
struct Compare {
    same: usize,
    apis: usize,
    differ: Vec<String>,
}

impl Compare {
    fn api(&mut self, api: &ApiType) {
        let (Some(key), Some(versions)) = (theirs(&api.info), overlap(&api.info)) else { return };
        self.apis += 1;
        let name = api.info.name;
        for version in versions.min..=versions.max {
            for seed in 0..20 {
                let request = sampled(&api.request, seed, version);
                let again = request_again(key, &request, version);
                self.check(again.as_ref() == Ok(&request), name, "request", version, again);
                let response = sampled(&api.response, seed, version);
                let again = response_again(key, &response, version);
                self.check(again.as_ref() == Ok(&response), name, "response", version, again);
            }
        }
    }

    fn check(
        &mut self,
        same: bool,
        name: &str,
        what: &str,
        version: i16,
        again: Result<bytes::Bytes, String>,
    ) {
        if same {
            self.same += 1;
        } else {
            let why = again.map_or_else(|error| error, |_| "other bytes".to_owned());
            self.differ.push(format!("{name} {what} {version}: {why}"));
        }
    }
}

/// The bytes of a message drawn from `seed`.
fn sampled(of: &MessageType, seed: u64, version: i16) -> bytes::Bytes {
    let mut message = of.initial();
    draw(&mut *message, seed, version);
    ours(&*message, of.cx(version))
}

/// Requests that it lists the version of, and does not decode.
const NOT_DECODED: [&str; 3] =
    ["InitProducerId request 6", "OffsetCommit request 10", "OffsetFetch request 10"];

#[test]
fn both_crates_write_the_same_bytes() {
    let mut compare = Compare::default();
    APIS.iter().for_each(|api| compare.api(api));
    compare.differ.dedup();
    println!("{} messages of {} APIs are the same", compare.same, compare.apis);
    compare.differ.retain(|what| !NOT_DECODED.iter().any(|known| what.starts_with(known)));
    assert!(compare.differ.is_empty(), "{}", compare.differ.join("\n"));
    assert!(compare.same > 10_000 && compare.apis > 60);
}
