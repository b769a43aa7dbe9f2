//! `kt get-offsets` and `kt delete-records`: where logs begin and end, and moving the beginning.

use crate::failure::{Failure, Outcome, complain};
use crate::output::{Column, Format, Out, Rows, column};
use crate::settings::Connect;
use crate::topics::whole;
use kafka_client::admin::{DeleteBefore, OffsetSpec};
use kafka_client::{Admin, TopicPartition};
use regex_lite::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Show offsets of partitions: the ends, or what was there at a time
#[derive(Debug, clap::Args)]
pub(crate) struct GetOffsets {
    /// Topics whose whole name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    topic: Option<String>,
    /// Numbers of partitions, separated by commas
    #[arg(long, value_name = "NUMBERS")]
    partitions: Option<String>,
    /// Topics with their partitions: orders:0,bills:1-3,lists:-2,tea
    #[arg(long, value_name = "PATTERNS", conflicts_with_all = ["topic", "partitions"])]
    topic_partitions: Option<String>,
    /// latest (-1), earliest (-2), max-timestamp (-3), earliest-local (-4), latest-tiered (-5),
    /// earliest-pending-upload (-6), or a time in milliseconds since 1970
    #[arg(long, value_name = "TIME", default_value = "latest", allow_hyphen_values = true)]
    time: String,
    /// Leave Kafka's own topics out
    #[arg(long)]
    exclude_internal_topics: bool,
    #[command(flatten)]
    connect: Connect,
}

impl GetOffsets {
    pub(crate) async fn run(&self, out: &mut Out) -> Outcome {
        let spec = spec(&self.time).map_err(Failure::Usage)?;
        let wanted = self.wanted()?;
        let admin = self.connect.admin("kt-get-offsets").await?;
        let partitions = self.partitions(&admin, &wanted).await?;
        if partitions.is_empty() {
            return Err(Failure::Failed("no partition matches what was asked for".to_owned()));
        }
        let asked = partitions.into_iter().map(|which| (which, spec));
        let mut rows = Rows::new(&COLUMNS);
        let mut failed = false;
        for (TopicPartition { topic, partition, .. }, found) in admin.list_offsets(asked).await? {
            match found.map(|found| found.offset) {
                Ok(Some(offset)) if out.format == Format::Table => {
                    out.line(format_args!("{topic}:{partition}:{offset}"))?;
                }
                Ok(Some(offset)) => rows.push([json!(*topic), json!(partition), json!(offset)]),
                // Kafka's tool is silent where there is no such record.
                Ok(None) => {}
                Err(error) => {
                    complain(error);
                    failed = true;
                }
            }
        }
        if out.format != Format::Table {
            out.rows(&rows)?;
        }
        if failed { Err(Failure::Told) } else { Ok(()) }
    }

    fn wanted(&self) -> Outcome<Vec<Wanted>> {
        if let Some(patterns) = &self.topic_partitions {
            return patterns.split(',').map(Wanted::parse).collect();
        }
        let topic = self.topic.as_deref().map(whole).transpose()?;
        let Some(numbers) = &self.partitions else {
            return Ok(vec![Wanted { topic, from: 0, to: i32::MAX }]);
        };
        let each = numbers.split(',').map(|number| {
            let from = number.trim().parse::<i32>().map_err(|_| {
                Failure::Usage(format!("--partitions: {number:?} is no number of a partition"))
            })?;
            Ok(Wanted { topic: topic.clone(), from, to: from.saturating_add(1) })
        });
        each.collect()
    }

    async fn partitions(
        &self,
        admin: &Admin,
        wanted: &[Wanted],
    ) -> Outcome<BTreeSet<TopicPartition>> {
        let topics = admin.list_topics().await?.into_iter();
        let topics = topics.filter(|topic| !(self.exclude_internal_topics && topic.is_internal));
        let names = topics.map(|topic| topic.name);
        let names = names.filter(|name| wanted.iter().any(|wanted| wanted.has_topic(name)));
        let mut partitions = BTreeSet::new();
        for (name, topic) in admin.describe_topics(names).await?.all()? {
            for number in topic.partitions.iter().map(|each| each.partition) {
                if wanted.iter().any(|wanted| wanted.has(&name, number)) {
                    partitions.insert(TopicPartition::new(name.clone(), number));
                }
            }
        }
        Ok(partitions)
    }
}

const COLUMNS: [Column; 3] = [
    column("TOPIC", "topic", 0),
    column("PARTITION", "partition", 0),
    column("OFFSET", "offset", 0),
];

/// Partitions of topics: all topics if there is no pattern, and of their numbers a range.
#[derive(Debug)]
struct Wanted {
    topic: Option<Regex>,
    from: i32,
    to: i32,
}

impl Wanted {
    /// Reads `topic`, `topic:2`, `topic:1-3`, `topic:1-` or `topic:-3`.
    fn parse(text: &str) -> Outcome<Self> {
        let (topic, numbers) = text.trim().split_once(':').unwrap_or((text.trim(), ""));
        let number = |text: &str, default: i32| match text {
            "" => Ok(default),
            text => text.parse::<i32>().map_err(|_| {
                let expected = "expected topic:2, topic:1-3, topic:1- or topic:-3";
                Failure::Usage(format!("{text:?} is no number of a partition; {expected}"))
            }),
        };
        let (from, to) = match numbers.split_once('-') {
            Some((from, to)) => (number(from, 0)?, number(to, i32::MAX)?),
            None if numbers.is_empty() => (0, i32::MAX),
            None => (number(numbers, 0)?, number(numbers, 0)?.saturating_add(1)),
        };
        let topic = if topic.is_empty() { None } else { Some(whole(topic)?) };
        Ok(Self { topic, from, to })
    }

    fn has_topic(&self, name: &str) -> bool {
        self.topic.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }

    fn has(&self, name: &str, partition: i32) -> bool {
        self.has_topic(name) && (self.from..self.to).contains(&partition)
    }
}

fn spec(time: &str) -> Result<OffsetSpec, String> {
    Ok(match time {
        "latest" | "-1" => OffsetSpec::Latest,
        "earliest" | "-2" => OffsetSpec::Earliest,
        "max-timestamp" | "-3" => OffsetSpec::MaxTimestamp,
        "earliest-local" | "-4" => OffsetSpec::EarliestLocal,
        "latest-tiered" | "-5" => OffsetSpec::LatestTiered,
        "earliest-pending-upload" | "-6" => OffsetSpec::EarliestPendingUpload,
        other => match other.parse::<i64>() {
            Ok(ms @ 0..) => OffsetSpec::Timestamp(ms),
            _ => {
                return Err(format!(
                    "--time {other:?}: expected latest, earliest or so, or a time"
                ));
            }
        },
    })
}

/// Delete the records at the start of partitions
///
/// The file is as Kafka's tool wants it: {"partitions": [{"topic": "orders", "partition": 0, "offset": 12}]}; an offset
/// of -1 deletes all there is.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteRecords {
    /// A JSON file with the first offset to keep of each partition
    #[arg(long, value_name = "FILE")]
    offset_json_file: PathBuf,
    #[command(flatten)]
    connect: Connect,
}

impl DeleteRecords {
    pub(crate) async fn run(&self, out: &mut Out) -> Outcome {
        let path = self.offset_json_file.display();
        let text = std::fs::read_to_string(&self.offset_json_file)
            .map_err(|error| Failure::of(format_args!("read {path}"), error))?;
        let offsets = before(&text).map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
        let admin = self.connect.admin("kt-delete-records").await?;
        out.remark("Executing records delete operation")?;
        let deleted = admin.delete_records(offsets).await?;
        out.remark("Records delete operation completed:")?;
        let mut failed = false;
        for (TopicPartition { topic, partition, .. }, result) in deleted {
            match (result, out.format) {
                (Ok(first), Format::Table) => out
                    .line(format_args!("partition: {topic}-{partition}\tlow_watermark: {first}"))?,
                (Ok(first), Format::Plain) => {
                    out.line(format_args!("{topic}\t{partition}\t{first}"))?;
                }
                (Ok(first), Format::Json) => out.line(
                    json!({"topic": *topic, "partition": partition, "lowWatermark": first}),
                )?,
                (Err(error), _) => {
                    complain(error);
                    failed = true;
                }
            }
        }
        if failed { Err(Failure::Told) } else { Ok(()) }
    }
}

/// Up to where to delete in each partition.
type Before = Vec<(TopicPartition, DeleteBefore)>;

/// Reads Kafka's JSON; a partition that is named twice would contradict itself.
fn before(text: &str) -> Result<Before, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    let version = json.get("version").map_or(Some(1), Value::as_i64);
    if version != Some(1) {
        return Err("it is of a version that is not known; 1 is".to_owned());
    }
    let rows = json.get("partitions").and_then(Value::as_array);
    let rows = rows.ok_or("it has no list \"partitions\"")?;
    let mut seen = BTreeSet::new();
    let each = rows.iter().map(|row| {
        let wrong = || format!("{row} is no {{\"topic\": …, \"partition\": …, \"offset\": …}}");
        let number = |key: &str| row.get(key).and_then(Value::as_i64).ok_or_else(wrong);
        let topic = row.get("topic").and_then(Value::as_str).ok_or_else(wrong)?;
        let partition = i32::try_from(number("partition")?).map_err(|_| wrong())?;
        let offset = match number("offset")? {
            -1 => DeleteBefore::HighWatermark,
            offset => DeleteBefore::Offset(offset),
        };
        let which = TopicPartition::new(topic, partition);
        if !seen.insert(which.clone()) {
            return Err(format!("{topic}-{partition} is there twice"));
        }
        Ok((which, offset))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_wanted_by_topic_and_number() {
        let wanted = |text: &str| {
            let wanted = Wanted::parse(text).unwrap();
            (0..4).filter(|number| wanted.has("tea", *number)).collect::<Vec<_>>()
        };
        assert_eq!(wanted("tea"), [0, 1, 2, 3]);
        assert_eq!(wanted("t.*:2"), [2]);
        assert_eq!(
            (wanted("tea:1-3"), wanted("tea:2-"), wanted(":-1")),
            (vec![1, 2], vec![2, 3], vec![0])
        );
        assert!(wanted("te").is_empty());
        assert!(Wanted::parse("tea:x").is_err());
    }

    #[test]
    fn times_are_names_or_numbers() {
        assert_eq!(spec("-1"), Ok(OffsetSpec::Latest));
        assert_eq!(spec("earliest"), Ok(OffsetSpec::Earliest));
        assert_eq!(spec("1700000000000"), Ok(OffsetSpec::Timestamp(1_700_000_000_000)));
        assert!(spec("-7").is_err() && spec("now").is_err());
    }

    #[test]
    fn what_to_delete_is_read_or_refused() {
        let one = |offset: i32| {
            format!(
                r#"{{"partitions":[{{"topic":"t","partition":1,"offset":{offset}}}],"version":1}}"#
            )
        };
        assert_eq!(before(&one(3)).unwrap(), [(("t", 1).into(), DeleteBefore::Offset(3))]);
        assert_eq!(before(&one(-1)).unwrap()[0].1, DeleteBefore::HighWatermark);
        assert!(before("{}").unwrap_err().contains("partitions"));
        assert!(before("x").unwrap_err().contains("no JSON"));
        assert!(before(r#"{"version":2}"#).unwrap_err().contains("version"));
        let twice = r#"{"topic":"t","partition":1,"offset":1}"#;
        let twice = format!(r#"{{"partitions":[{twice},{twice}]}}"#);
        assert_eq!(before(&twice).unwrap_err(), "t-1 is there twice");
    }
}
