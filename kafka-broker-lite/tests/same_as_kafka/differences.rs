//! Where two answers differ, and which differences are meant.

use kafka_proto::ErrorCode;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// A difference that is meant: in which API, in which questions (all, if empty), and in which field: any if empty, and
/// with the two codes where only these are.
struct Meant {
    api: &'static str,
    asked: &'static str,
    field: &'static str,
    #[allow(dead_code, reason = "for who reads this")]
    why: &'static str,
}

const fn meant(
    api: &'static str,
    asked: &'static str,
    field: &'static str,
    why: &'static str,
) -> Meant {
    Meant { api, asked, field, why }
}

const MEANT: &[Meant] = &[
    meant("ApiVersions", "", ".apiKeys", "only what is served is offered"),
    meant("ApiVersions", "", "Features", "only what is served is offered"),
    meant("ApiVersions", "", "FeaturesEpoch", "only what is served is offered"),
    meant("CreateTopics", "colliding within", "", "Kafka makes both"),
    meant(
        "CreateTopics",
        "what is taken",
        ".value",
        "Kafka shows a number with the space around it",
    ),
    meant("DeleteTopics", "name and id of one", ".topicId", "the client knows it"),
    meant("Metadata", "", ".errorCode:5,3", "it says that the topic is coming, as of old"),
    meant("Metadata", "colliding", ".errorCode:17,3", "Kafka never makes it, and never says so"),
    meant("Metadata", "neither", "", "Kafka fails with UNKNOWN_SERVER_ERROR"),
    meant("Metadata", "", ".brokers", "Kafka names no broker beside an error"),
    meant("Metadata", "", ".controllerId", "Kafka names no broker beside an error"),
    meant("DescribeQuorum", "", ".highWatermark", "each has its own log"),
    meant("DescribeQuorum", "", ".leaderEpoch", "each has its own log"),
    meant("DescribeQuorum", "", ".logEndOffset", "each has its own log"),
    meant("DescribeQuorum", "", ".replicaDirectoryId", "each has its own"),
    meant("DescribeQuorum", "", ".name", "Kafka's controller has a listener of its own"),
    meant("OffsetForLeaderEpoch", "leader_epoch: -2", "", "an epoch below -1 is none"),
    meant("DeleteRecords", "", ".topics", "a row for all that was asked for"),
    meant("DeleteRecords", "", ".partitions", "a row for all that was asked for"),
    meant("ListOffsets", "", ".topics", "a row for all that was asked for"),
    meant("ListOffsets", "", ".partitions", "a row for all that was asked for"),
    meant("Fetch", "at most", ".records", "whole batches only, Kafka cuts the last"),
    meant("Fetch", "good and bad", ".responses", "a row for each topic, Kafka has two"),
    meant("Fetch", "a topic that came back", ".errorCode:1,6", "Kafka's new leader is on its way"),
    meant("Fetch", "a partition twice", ".partitions", "a row for all that was asked for"),
    meant("Fetch", "-1 bytes", "", "Kafka fails with UNKNOWN_SERVER_ERROR; none are given here"),
    meant(
        "Fetch",
        "isolation level 2",
        "",
        "Kafka fails with UNKNOWN_SERVER_ERROR; it is taken for 0",
    ),
    meant(
        "Fetch",
        "isolation level -1",
        "",
        "Kafka fails with UNKNOWN_SERVER_ERROR; it is taken for 0",
    ),
    meant("Fetch", "as replica 9", ".currentLeader", "who leads is told"),
    meant("DescribeConfigs", "", ".errorMessage", "which resource type it is that is unknown"),
    meant("DescribeConfigs", "nope", ".configs", "refused; Kafka keeps it for plugins"),
    meant("AlterConfigs", "nope", "", "refused; Kafka keeps it for plugins"),
    meant("IncrementalAlterConfigs", "nope", "", "refused; Kafka keeps it for plugins"),
    meant("AlterConfigs", "resource_type: 4", ".errorMessage", "in the words of DescribeConfigs"),
    meant(
        "IncrementalAlterConfigs",
        "resource_type: 4",
        ".errorMessage",
        "in the words of DescribeConfigs",
    ),
    meant(
        "IncrementalAlterConfigs",
        "resource_type: 4",
        ".errorCode:42,40",
        "what a broker refuses has one code",
    ),
    meant(
        "IncrementalAlterConfigs",
        "",
        ".errorCode:42,-1",
        "Kafka fails with UNKNOWN_SERVER_ERROR",
    ),
    meant("AlterConfigs", "throttled.replicas", ".errorMessage", "the item that is wrong"),
    meant(
        "IncrementalAlterConfigs",
        "throttled.replicas",
        ".errorMessage",
        "the item that is wrong",
    ),
    meant("Produce", "no partition", ".responses", "a row for all that was asked for"),
    meant("Produce", "twice", "", "Kafka appends one of the two, here both are"),
    meant("Produce", "name", ".errorCode:17,3", "a name that no topic can have is told apart"),
    meant("Produce", "", ".logStartOffset:-1,0", "told of what was appended"),
    meant("Produce", " + ", ".logAppendTimeMs", "Kafka gives a duplicate's own time"),
    meant("Produce", "epoch -1", ".logAppendTimeMs", "Kafka gives a duplicate's own time"),
    meant("Produce", "null", "", "Kafka never answers"),
    meant("Produce", "a tail", "", "Kafka drops what is behind a batch"),
    meant("Produce", "magic", ".errorCode:43,87", "the code that says so"),
    meant("Produce", "append time", "", "Kafka takes it, and sets it right"),
    meant("Produce", "a transactional batch", ".errorCode:49,53", "nothing is authorized here"),
    meant("Produce", "", ".errorCode:2,-1", "Kafka fails with UNKNOWN_SERVER_ERROR"),
    meant("Produce", "", ".errorCode:87,-1", "Kafka fails with UNKNOWN_SERVER_ERROR"),
    meant("Produce", "", ".errorCode:32,-1", "Kafka fails with UNKNOWN_SERVER_ERROR"),
    meant(
        "Produce",
        "gzip that is none",
        "",
        "what a batch holds is its producer's, the checksum holds",
    ),
    meant("Produce", "a record", "", "what a batch holds is its producer's, the checksum holds"),
    meant(
        "Produce",
        "another delta",
        "",
        "what a batch holds is its producer's, the checksum holds",
    ),
    meant("Produce", "", ".batchIndexErrorMessage", "in words of ours"),
    meant("Produce", "", ".errorMessage", "in words of ours"),
];

/// The places in which two answers differ and are not meant to.
pub(crate) fn between(api: &str, asked: &str, ours: &Json, kafkas: &Json) -> Vec<String> {
    let mut found = Comparison { api, asked, places: Vec::new() };
    found.compare("", ours, kafkas);
    found.places
}

struct Comparison<'a> {
    api: &'a str,
    asked: &'a str,
    places: Vec<String>,
}

impl Comparison<'_> {
    fn compare(&mut self, path: &str, ours: &Json, kafkas: &Json) {
        match (ours, kafkas) {
            (Json::Object(a), Json::Object(b)) => {
                let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
                for key in keys {
                    let path = format!("{path}.{key}");
                    match (a.get(key), b.get(key)) {
                        (Some(a), Some(b))
                            if key.ends_with("rrorMessage") && says_as_much(a, b) => {}
                        (Some(a), Some(b)) => self.compare(&path, a, b),
                        (a, b) => self.note(&path, a, b),
                    }
                }
            }
            (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
                for (at, (a, b)) in a.iter().zip(b).enumerate() {
                    self.compare(&format!("{path}[{at}]"), a, b);
                }
            }
            (Json::Array(a), Json::Array(b)) => {
                let only = |these: &[Json], those: &[Json]| {
                    let only = these.iter().filter(|item| !those.contains(item));
                    Json::Array(only.cloned().collect())
                };
                self.note(path, Some(&only(a, b)), Some(&only(b, a)));
            }
            (a, b) if a != b => self.note(path, Some(a), Some(b)),
            _ => {}
        }
    }

    fn note(&mut self, path: &str, ours: Option<&Json>, kafkas: Option<&Json>) {
        let meant = |meant: &Meant| {
            let (field, codes) = meant.field.split_once(':').unwrap_or((meant.field, ""));
            let place = path.ends_with(field) || (field.is_empty() && codes.is_empty());
            let both = |code: Option<&Json>| code.map(Json::to_string).unwrap_or_default();
            let found = format!("{},{}", both(ours), both(kafkas));
            self.api == meant.api
                && self.asked.contains(meant.asked)
                && place
                && (codes.is_empty() || codes == found)
        };
        if !MEANT.iter().any(meant) {
            let text = |json: Option<&Json>| json.map_or("nothing".to_owned(), Json::to_string);
            self.places.push(format!("{path}: ours {}, Kafka's {}", text(ours), text(kafkas)));
        }
    }
}

/// Whether our text says at least what Kafka's does: more than nothing, or in our words what the error code means.
fn says_as_much(ours: &Json, kafkas: &Json) -> bool {
    let (Some(ours), kafkas) = (ours.as_str(), kafkas.as_str().unwrap_or_default()) else {
        return false;
    };
    kafkas.is_empty() || (0..200).any(|code| ErrorCode(code).meaning() == ours)
}
