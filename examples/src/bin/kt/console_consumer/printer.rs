//! Prints records in the style that is wanted, up to as many as are wanted.

use crate::failure::{Failure, Outcome, complain};
use crate::kcat;
use crate::message::LineFormat;
use crate::output::Out;
use kafka_client::{Admin, RecordView, Records, TimestampType, TopicPartition};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How a record looks.
pub(super) enum Style {
    Lines(Box<LineFormat>),
    Tokens(kcat::Format),
    /// With the leaders of partitions, as far as they are known.
    Json(BTreeMap<TopicPartition, i32>),
    Nothing,
}

/// See the module.
pub(super) struct Printer {
    style: Style,
    most: Option<u64>,
    skip_errors: bool,
    /// How many records were printed.
    pub(super) count: u64,
    /// The first record of each partition that was received and not printed.
    pub(super) unread: BTreeMap<TopicPartition, i64>,
}

impl Printer {
    pub(super) fn new(style: Style, most: Option<u64>, skip_errors: bool) -> Self {
        Self { style, most, skip_errors, count: 0, unread: BTreeMap::new() }
    }

    /// Whether as many records were printed as are wanted.
    pub(super) fn is_done(&self) -> bool {
        self.most.is_some_and(|most| self.count >= most)
    }

    /// Asks who leads the partitions that are not known yet, where that is printed.
    pub(super) async fn learn_brokers(&mut self, records: &Records, admin: &Admin) {
        let Style::Json(leaders) = &mut self.style else { return };
        for batch in records.batches() {
            if leaders.contains_key(batch.topic_partition()) {
                continue;
            }
            leaders.insert(batch.topic_partition().clone(), -1);
            let Ok(described) = admin.describe_topics([batch.topic()]).await else { continue };
            for (topic, description) in
                described.into_iter().filter_map(|(t, d)| Some((t, d.ok()?)))
            {
                leaders.extend(description.partitions.iter().map(|partition| {
                    let which = TopicPartition::new(topic.clone(), partition.partition);
                    (which, partition.leader.unwrap_or(-1))
                }));
            }
        }
    }

    pub(super) fn print(&mut self, records: &Records, out: &mut Out) -> Outcome {
        for batch in records.batches() {
            for record in batch {
                if self.is_done() {
                    let which = record.topic_partition().clone();
                    self.unread.entry(which).or_insert_with(|| record.offset());
                    break;
                }
                match self.write(out.raw(), &record, batch.timestamp_type()) {
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        let at = format!(
                            "{}-{} at {}: {error}",
                            record.topic(),
                            record.partition(),
                            record.offset()
                        );
                        if !self.skip_errors {
                            return Err(Failure::Failed(at));
                        }
                        complain(at);
                    }
                    written => written?,
                }
                self.count += 1;
            }
        }
        Ok(())
    }

    fn write(
        &self,
        out: &mut impl Write,
        record: &RecordView<'_>,
        kind: TimestampType,
    ) -> io::Result<()> {
        match &self.style {
            Style::Lines(format) => format.write(out, record, kind),
            Style::Tokens(format) => format.write(out, record),
            Style::Json(leaders) => {
                let broker = leaders.get(record.topic_partition()).copied().unwrap_or(-1);
                writeln!(out, "{}", kcat::envelope(record, kind, broker))
            }
            Style::Nothing => Ok(()),
        }
    }
}
