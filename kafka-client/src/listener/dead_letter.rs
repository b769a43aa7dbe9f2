//! Records that no handler could handle, on their way to another topic.

use crate::client::Client;
use crate::config::ProducerConfig;
use crate::consumer::RecordView;
use crate::error::Result;
use crate::producer::{Producer, TopicHandle};
use crate::record::ProducerRecord;
use std::borrow::Cow;
use tokio::sync::OnceCell;

/// How much of an error's text is kept.
const MESSAGE_MAX: usize = 1024;

/// Writes to dead-letter topics; makes its producer with the first record.
#[derive(Debug)]
pub(super) struct DeadLetters {
    client: Client,
    group: String,
    producer: OnceCell<Producer>,
}

impl DeadLetters {
    pub(super) fn new(client: Client, group: String) -> Self {
        Self { client, group, producer: OnceCell::new() }
    }

    /// Writes records to `topic`, with why, and waits until they are there.
    ///
    /// # Errors
    /// When that fails.
    pub(super) async fn publish(
        &self,
        topic: &str,
        records: impl Iterator<Item = RecordView<'_>>,
        error: &str,
    ) -> Result<()> {
        let make = || async { self.client.producer(ProducerConfig::default()) };
        let producer = self.producer.get_or_try_init(make).await?;
        let topic = producer.topic(topic).await?;
        for record in records {
            self.send(&topic, record, error).await?;
        }
        Ok(())
    }

    async fn send(&self, topic: &TopicHandle, record: RecordView<'_>, error: &str) -> Result<()> {
        let (partition, offset) = (record.partition(), record.offset().to_be_bytes());
        let (number, timestamp) = (partition.to_be_bytes(), record.timestamp_ms().to_be_bytes());
        let about: [(&str, &[u8]); 6] = [
            ("kafka_dlt-original-topic", record.topic().as_bytes()),
            ("kafka_dlt-original-partition", &number),
            ("kafka_dlt-original-offset", &offset),
            ("kafka_dlt-original-timestamp", &timestamp),
            ("kafka_dlt-original-consumer-group", self.group.as_bytes()),
            ("kafka_dlt-exception-message", cut(error).as_bytes()),
        ];
        let own: Vec<(Cow<'_, str>, Option<&[u8]>)> =
            record.headers().map(|header| (header.key(), header.value())).collect();
        let headers: Vec<(&str, Option<&[u8]>)> = own
            .iter()
            .map(|(name, value)| (&**name, *value))
            .chain(about.map(|(name, value)| (name, Some(value))))
            .collect();
        let there = usize::try_from(partition).is_ok_and(|p| p < topic.partitions());
        let letter = ProducerRecord {
            topic: topic.name(),
            partition: there.then_some(partition),
            timestamp_ms: None,
            key: record.key(),
            value: record.value(),
            headers: &headers,
        };
        topic.send(letter).await?;
        Ok(())
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = format!("a{}", "é".repeat(1000));
        assert_eq!(cut(&long).len(), 1023);
    }
}
