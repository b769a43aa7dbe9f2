//! Which topic names Kafka allows.

/// The longest name, in UTF-16 units, which are what Java counts.
const LONGEST: usize = 249;

/// Why `name` cannot be a topic's; `None` when it can.
pub(crate) fn validate_topic_name(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        return Some("Topic name is invalid: the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return Some(format!("Topic name is invalid: '{name}' is not allowed"));
    }
    if name.encode_utf16().count() > LONGEST {
        return Some(format!(
            "Topic name is invalid: the length of '{name}' is longer than the max allowed \
             length {LONGEST}"
        ));
    }
    (!name.chars().all(allowed)).then(|| {
        format!(
            "Topic name is invalid: '{name}' contains one or more characters other than \
             ASCII alphanumerics, '.', '_' and '-'"
        )
    })
}

/// Whether the topic is one of Kafka's own.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

/// Equal for names that would share a metric: `.` and `_` are one there.
pub(crate) fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;
    use std::path::Path;

    #[test]
    fn allows_what_kafka_allows() {
        for name in ["a", "A.b_c-9", "...", &"x".repeat(249)] {
            assert_eq!(validate_topic_name(name), None);
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_name() {
        let reason = |name: &str| validate_topic_name(name).unwrap();
        assert_eq!(reason(""), "Topic name is invalid: the empty string is not allowed");
        assert_eq!(reason(".."), "Topic name is invalid: '..' is not allowed");
        assert!(reason("a b").ends_with("other than ASCII alphanumerics, '.', '_' and '-'"));
        assert!(reason("ä").contains("'ä' contains"));
        assert!(reason(&"ä".repeat(200)).contains("contains one or more"));
        assert!(reason(&"x".repeat(250)).ends_with("longer than the max allowed length 249"));
    }

    /// `KAFKA_VECTORS` names a folder of vectors that Kafka's own classes made; without it a few are checked.
    #[test]
    fn names_are_judged_as_kafka_does() {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kafka-proto/tests/vectors");
        let path = match std::env::var_os("KAFKA_VECTORS") {
            Some(folder) => Path::new(&folder).join("algorithms/topic_names.jsonl"),
            None => committed.join("algorithms.jsonl"),
        };
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        let lines: Vec<_> =
            lines.filter(|line| line["file"].as_str().is_none_or(|f| f == "topic_names")).collect();
        assert!(!lines.is_empty());
        let names: Vec<_> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
        for (line, name) in lines.iter().zip(&names) {
            assert_eq!(
                Some(validate_topic_name(name).is_none()),
                line["valid"].as_bool(),
                "{line}"
            );
            assert_eq!(validate_topic_name(name).as_deref(), line["error"].as_str(), "{line}");
            assert_eq!(Some(is_internal(name)), line["internal"].as_bool(), "{line}");
            for with in line["collides_with"].as_array().unwrap() {
                let with = with.as_str().unwrap();
                assert_eq!(collision_key(name), collision_key(with), "{line}");
            }
            let same = names.iter().filter(|with| collision_key(name) == collision_key(with));
            let kafka = line["collides_with"].as_array().unwrap().len();
            assert!(same.count() == kafka || line.get("file").is_some(), "{line}");
        }
    }
}
