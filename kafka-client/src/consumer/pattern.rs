//! Subscribing to all topics whose names match: when to look for topics, and which of them are meant.

use crate::clock::{Monotonic, Now};
use crate::error::{Error, ErrorKind, Result};
use kafka_proto::messages::metadata;
use regex_lite::Regex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    exclude_internal: bool,
    /// When to look again; `None` while the answer is awaited.
    due: Option<Monotonic>,
    every: Duration,
    retry: Duration,
}

impl Pattern {
    /// `text` has to match a whole name.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub(crate) fn new(
        text: &str,
        exclude_internal: bool,
        every: Duration,
        retry: Duration,
    ) -> Result<Self> {
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(|e| {
            let reason = format!("{text:?} is no regular expression: {e}");
            Error::new(ErrorKind::Invalid, "subscribe to a pattern", reason).with_source(e)
        })?;
        Ok(Self { regex, exclude_internal, due: Some(Monotonic::default()), every, retry })
    }

    /// Whether to look now; the answer is awaited from then on.
    pub(crate) fn poll(&mut self, now: Now) -> bool {
        self.due.take_if(|due| *due <= now.monotonic).is_some()
    }

    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        self.due
    }

    /// All topics of the cluster, or none that could be read: those that are meant.
    pub(crate) fn on_answer(
        &mut self,
        now: Now,
        answer: Result<metadata::Response>,
    ) -> Option<BTreeSet<Arc<str>>> {
        match answer {
            Ok(answer) => {
                self.due = Some(now.monotonic.after(self.every));
                Some(answer.topics.into_iter().filter_map(|topic| self.meant(topic)).collect())
            }
            Err(error) => {
                tracing::warn!(%error, "topics could not be listed");
                self.due = Some(now.monotonic.after(self.retry));
                None
            }
        }
    }

    fn meant(&self, topic: metadata::MetadataResponseTopic) -> Option<Arc<str>> {
        let hidden = self.exclude_internal && topic.is_internal;
        let name = topic.name.filter(|_| !hidden && topic.error_code.is_ok())?;
        self.regex.is_match(&name).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::testing::at;
    use kafka_proto::ErrorCode;

    fn topics(names: &[&str]) -> metadata::Response {
        let topic = |name: &&str| metadata::MetadataResponseTopic {
            name: Some((*name).into()),
            is_internal: name.starts_with("__"),
            error_code: match *name {
                "orders-gone" => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                _ => ErrorCode::NONE,
            },
            ..Default::default()
        };
        metadata::Response { topics: names.iter().map(topic).collect(), ..Default::default() }
    }

    #[test]
    fn whole_names_match_and_are_looked_for_again() {
        let (every, retry) = (Duration::from_secs(300), Duration::from_secs(1));
        let mut pattern = Pattern::new("orders-.*|__.*", true, every, retry).unwrap();
        assert!(pattern.poll(at(0)) && !pattern.poll(at(0)));
        let names = ["orders-1", "my-orders-1", "__consumer_offsets", "orders-gone"];
        let found = pattern.on_answer(at(0), Ok(topics(&names))).unwrap();
        assert_eq!(found, ["orders-1".into()].into());
        assert!(!pattern.poll(at(299_999)) && pattern.poll(at(300_000)));
        let lost = Error::new(ErrorKind::Disconnected, "ask", "");
        assert!(pattern.on_answer(at(300_000), Err(lost)).is_none());
        assert_eq!(pattern.deadline(), Some(at(301_000).monotonic));

        let mut open = Pattern::new("__.*", false, every, retry).unwrap();
        assert_eq!(open.on_answer(at(0), Ok(topics(&names))).unwrap().len(), 1);
        let error = Pattern::new("(", true, every, retry).unwrap_err();
        assert!(error.to_string().contains("no regular expression"), "{error}");
    }
}
