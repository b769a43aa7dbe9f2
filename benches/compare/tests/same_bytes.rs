//! What `kafka-proto` writes, `kafka-protocol` reads, and writes again as the same bytes.

use compare::{ours, overlap, request_again, response_again, theirs};
use kafka_proto::api::{EachApi, Request, each_api};
use kafka_proto::wire::sample::sample;

#[derive(Default)]
struct Compare {
    same: usize,
    apis: usize,
    differ: Vec<String>,
}

impl EachApi for Compare {
    fn api<R: Request>(&mut self) {
        let (Some(key), Some(versions)) = (theirs::<R>(), overlap::<R>()) else { return };
        self.apis += 1;
        for version in versions.min..=versions.max {
            for seed in 0..20 {
                let request = ours::<R, _>(&sample::<R>(seed, version), version);
                let again = request_again(key, &request, version);
                self.check(again.as_ref() == Ok(&request), R::NAME, "request", version, again);
                let response = ours::<R, _>(&sample::<R::Response>(seed, version), version);
                let again = response_again(key, &response, version);
                self.check(again.as_ref() == Ok(&response), R::NAME, "response", version, again);
            }
        }
    }
}

impl Compare {
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

/// Requests that it lists the version of, and does not decode.
const NOT_DECODED: [&str; 3] =
    ["InitProducerId request 6", "OffsetCommit request 10", "OffsetFetch request 10"];

#[test]
fn both_crates_write_the_same_bytes() {
    let mut compare = Compare::default();
    each_api(&mut compare);
    compare.differ.dedup();
    println!("{} messages of {} APIs are the same", compare.same, compare.apis);
    compare.differ.retain(|what| !NOT_DECODED.iter().any(|known| what.starts_with(known)));
    assert!(compare.differ.is_empty(), "{}", compare.differ.join("\n"));
    assert!(compare.same > 10_000 && compare.apis > 60);
}
