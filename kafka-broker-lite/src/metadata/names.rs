//! Which topic names Kafka allows.

/// The longest name, in bytes.
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
    if name.len() > LONGEST {
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
        assert!(reason(&"x".repeat(250)).ends_with("longer than the max allowed length 249"));
    }
}
