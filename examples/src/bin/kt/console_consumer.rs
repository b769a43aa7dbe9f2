//! `kt console-consumer`, as kafka-console-consumer: the records of topics, one after the other.

mod printer;

use crate::Kt;
use crate::clock::unique;
use crate::console_producer::properties;
use crate::failure::{Failure, Outcome, hint};
use crate::kcat;
use crate::message::LineFormat;
use crate::settings::{Connect, Settings, pair};
use crate::topics::whole;
use crate::values::Deserializer;
use kafka_client::admin::OffsetSpec;
use kafka_client::{Admin, Consumer, TopicPartition};
use printer::{Printer, Style};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// After how long without records a person may wonder.
const WONDER: Duration = Duration::from_secs(2);
/// How long one call waits for records.
const STEP: Duration = Duration::from_millis(500);

/// Print the records of a topic
///
/// Goes on with what comes until Ctrl-C; without --from-beginning it begins behind the last record. Consumers of one
/// --group share the partitions out and go on where the group has committed.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct ConsoleConsumer {
    /// The topic
    #[arg(long, group = "what")]
    topic: Option<String>,
    /// All topics whose whole name matches this regular expression
    #[arg(long, value_name = "REGEX", alias = "whitelist", group = "what")]
    include: Option<String>,
    /// Begin with the oldest record
    #[arg(long)]
    from_beginning: bool,
    /// Read as a member of this group, and commit
    #[arg(long, conflicts_with = "partition")]
    group: Option<String>,
    /// Read this partition alone
    #[arg(long, value_name = "N", requires = "topic")]
    partition: Option<i32>,
    /// Where to begin: an offset, -N for the last N records, earliest, latest
    #[arg(
        long,
        value_name = "OFFSET",
        requires = "partition",
        conflicts_with = "from_beginning",
        allow_hyphen_values = true
    )]
    offset: Option<String>,
    /// End after so many records
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// End when no record has come for so long
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// End at the end of the partitions
    #[arg(long, short = 'e')]
    exit_at_end: bool,
    /// What is printed: print.key, print.headers, print.offset, print.partition, print.timestamp, print.epoch,
    /// print.value (=true or false), key.separator, line.separator, headers.separator, null.literal,
    /// key.deserializer, value.deserializer
    #[arg(
        long = "formatter-property",
        alias = "property",
        value_name = "KEY=VALUE",
        value_parser = pair
    )]
    property: Vec<(String, String)>,
    /// A properties file with what is printed
    #[arg(long, value_name = "FILE")]
    formatter_config: Option<PathBuf>,
    /// Kafka's DefaultMessageFormatter, or NoOpMessageFormatter, which prints nothing
    #[arg(long, value_name = "CLASS")]
    formatter: Option<String>,
    /// Print by a format: %t topic, %p partition, %o offset, %k key, %K its length, %s value, %S its length, %R the
    /// same in 4 bytes, %T timestamp, %h headers, \n, \t, \xHH
    #[arg(short = 'f', long = "format", value_name = "FORMAT", conflicts_with = "json")]
    format: Option<String>,
    /// Print each record as a line of JSON
    #[arg(short = 'J', long = "json")]
    json: bool,
    /// What keys are: String, Integer, Long, Short, Float, Double, Boolean, UUID
    #[arg(long, value_name = "CLASS")]
    key_deserializer: Option<String>,
    /// What values are, as --key-deserializer
    #[arg(long, value_name = "CLASS")]
    value_deserializer: Option<String>,
    /// read_committed leaves records of aborted transactions out
    #[arg(long, value_name = "LEVEL")]
    isolation_level: Option<String>,
    /// Go on behind a record that cannot be printed
    #[arg(long)]
    skip_message_on_error: bool,
    /// Taken for Kafka's sake
    #[arg(long, hide = true)]
    enable_systest_events: bool,
    #[command(flatten)]
    connect: Connect,
}

impl ConsoleConsumer {
    pub(crate) async fn run(&self, kt: &mut Kt) -> Outcome {
        let style = self.style(kt.out.is_json())?;
        let settings = self.settings()?;
        let config = settings.consumer()?;
        let stop = kt.stop.clone();
        let client = stop.or(settings.client()).await?;
        let mut consumer = client.consumer(config)?;
        let mut printer = Printer::new(style, self.max_messages, self.skip_message_on_error);
        let admin = client.admin();
        let read = match stop.or(self.begin(&mut consumer, &admin)).await {
            Ok(()) => self.read(&mut consumer, &admin, &mut printer, kt).await,
            Err(failure) => Err(failure),
        };
        let flushed = kt.out.flush();
        // What was fetched but not printed is not to be committed.
        let unread = std::mem::take(&mut printer.unread);
        let sought: Result<(), _> =
            unread.into_iter().try_for_each(|(which, offset)| consumer.seek(which, offset));
        let closed = consumer.close().await;
        eprintln!("Processed a total of {} messages", printer.count);
        read.and(flushed)?;
        sought?;
        Ok(closed?)
    }

    fn style(&self, json: bool) -> Outcome<Style> {
        if let Some(format) = &self.format {
            return kcat::Format::parse(format).map(Style::Tokens).map_err(Failure::Usage);
        }
        if self.json || json {
            return Ok(Style::Json(BTreeMap::new()));
        }
        match self.formatter.as_deref().map(|class| class.rsplit('.').next().unwrap_or(class)) {
            None | Some("DefaultMessageFormatter") => {}
            Some("NoOpMessageFormatter") => return Ok(Style::Nothing),
            Some(other) => {
                let there = "there are DefaultMessageFormatter and NoOpMessageFormatter";
                return Err(Failure::Usage(format!("{other:?} cannot be loaded; {there}")));
            }
        }
        let mut format = LineFormat::default();
        let mut set = |key: &str, value: &str| format.set(key, value).map_err(Failure::Usage);
        if let Some(path) = &self.formatter_config {
            properties(path)?.iter().try_for_each(|(key, value)| set(key, value))?;
        }
        self.property.iter().try_for_each(|(key, value)| set(key, value))?;
        let named = |name: &String| Deserializer::named(name).map_err(Failure::Usage);
        if let Some(key) = &self.key_deserializer {
            format.key_as = named(key)?;
        }
        if let Some(value) = &self.value_deserializer {
            format.value_as = named(value)?;
        }
        Ok(Style::Lines(Box::new(format)))
    }

    fn settings(&self) -> Outcome<Settings> {
        let reset = if self.from_beginning { "earliest" } else { "latest" };
        let defaults = [("client.id", "console-consumer"), ("auto.offset.reset", reset)];
        let mut settings = self.connect.settings(&defaults)?;
        if self.from_beginning {
            settings.set("auto.offset.reset", "earliest");
        }
        settings.set_some("isolation.level", self.isolation_level.as_ref());
        settings.set_some("group.id", self.group.as_ref());
        if settings.get("group.id").is_none() && self.partition.is_none() {
            // As in Kafka: a group of its own, which commits nothing.
            settings.set("group.id", &unique("console-consumer"));
            settings.set("enable.auto.commit", "false");
        }
        Ok(settings)
    }

    async fn begin(&self, consumer: &mut Consumer, admin: &Admin) -> Outcome {
        let Some(partition) = self.partition else {
            match (&self.topic, &self.include) {
                (Some(topic), _) => consumer.subscribe([topic.as_str()])?,
                (None, Some(pattern)) => {
                    whole(pattern)?;
                    consumer.subscribe_pattern(&pattern.replace(',', "|"))?;
                }
                (None, None) => {}
            }
            return Ok(());
        };
        let topic = self.topic.as_deref().unwrap_or_default();
        let which = TopicPartition::new(topic, partition);
        let described = admin.describe_topics([topic]).await?.all()?;
        let there = described.values().next().map_or(0, |topic| topic.partitions.len());
        if usize::try_from(partition).is_ok_and(|partition| partition >= there) || partition < 0 {
            let reason = format!("topic {topic:?} has no partition {partition}, it has {there}");
            return Err(Failure::Failed(reason));
        }
        consumer.assign([which.clone()])?;
        let at = match self.offset.as_deref() {
            None if self.from_beginning => Start::Earliest,
            None => Start::Latest,
            Some(text) => start(text).map_err(Failure::Usage)?,
        };
        match at {
            Start::Earliest => consumer.seek_to_beginning([which])?,
            Start::Latest => consumer.seek_to_end([which])?,
            Start::At(offset) => consumer.seek(which, offset)?,
            Start::Last(count) => {
                let ends = [OffsetSpec::Earliest, OffsetSpec::Latest];
                let mut found = [0; 2];
                for (found, spec) in found.iter_mut().zip(ends) {
                    let listed = admin.list_offsets([(which.clone(), spec)]).await?.all()?;
                    *found = listed.values().next().and_then(|each| each.offset).unwrap_or(0);
                }
                consumer.seek(which, found[1].saturating_sub(count).max(found[0]))?;
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        consumer: &mut Consumer,
        admin: &Admin,
        printer: &mut Printer,
        kt: &mut Kt,
    ) -> Outcome {
        let timeout = self.timeout_ms.map(Duration::from_millis);
        let (mut idle, mut waited, mut told) = (Duration::ZERO, Duration::ZERO, false);
        while !printer.is_done() {
            let left = timeout.map_or(STEP, |timeout| timeout.saturating_sub(idle).min(STEP));
            let records = tokio::select! {
                biased;
                () = kt.stop.asked() => return Ok(()),
                records = consumer.poll_timeout(left) => records?,
            };
            if records.is_empty() {
                idle += left;
                if timeout.is_some_and(|timeout| idle >= timeout) {
                    return Ok(());
                }
                // A group takes its time to form; until then nothing can be said.
                if !self.has_begun(consumer) {
                    continue;
                }
                if self.exit_at_end && kt.stop.or(at_end(consumer)).await? {
                    return Ok(());
                }
                waited += left;
                if waited >= WONDER && !told && printer.count == 0 {
                    told = true;
                    self.advise(consumer).await;
                }
                continue;
            }
            idle = Duration::ZERO;
            printer.learn_brokers(&records, admin).await;
            printer.print(&records, &mut kt.out)?;
            kt.out.flush()?;
        }
        Ok(())
    }

    /// Whether it is known what is to be read.
    fn has_begun(&self, consumer: &Consumer) -> bool {
        let is_member = || consumer.group_metadata().is_some_and(|me| me.generation_id >= 0);
        self.partition.is_some() || is_member()
    }

    /// Says how to read what is there, if there is something and the consumer waits behind it.
    async fn advise(&self, consumer: &mut Consumer) {
        let assigned = consumer.assignment();
        let Ok(first) = consumer.beginning_offsets(assigned.clone()).await else { return };
        let Ok(end) = consumer.end_offsets(assigned.clone()).await else { return };
        let there: i64 = end.iter().map(|(which, end)| end - first.get(which).unwrap_or(end)).sum();
        let what = self.topic.as_deref().or(self.include.as_deref()).unwrap_or_default();
        if assigned.is_empty() {
            if let Some(group) = &self.group {
                hint(format_args!(
                    "no partition of {what} is left for this member of group {group}: it waits \
                     until another one goes"
                ));
            }
        } else if there > 0 && !self.from_beginning {
            hint(format_args!(
                "waiting for new records; {what} has {there} already, which --from-beginning \
                 shows"
            ));
        } else if there > 0
            && let Some(group) = &self.group
        {
            hint(format_args!(
                "group {group} has read all {there} records of {what}; \
                 kt consumer-groups --reset-offsets takes it back to the beginning"
            ));
        }
    }
}

/// Whether everything that is assigned is read up to its end.
async fn at_end(consumer: &mut Consumer) -> Outcome<bool> {
    let assigned = consumer.assignment();
    let ends = consumer.end_offsets(assigned.clone()).await?;
    for which in assigned {
        let end = ends.get(&which).copied().unwrap_or(0);
        if consumer.position(which).await? < end {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where to begin in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Earliest,
    Latest,
    At(i64),
    /// So many records before the end.
    Last(i64),
}

fn start(text: &str) -> Result<Start, String> {
    match (text, text.parse::<i64>()) {
        ("earliest" | "beginning", _) => Ok(Start::Earliest),
        ("latest" | "end", _) => Ok(Start::Latest),
        (_, Ok(offset @ 0..)) => Ok(Start::At(offset)),
        (_, Ok(count)) => Ok(Start::Last(count.saturating_neg())),
        _ => Err(format!("{text:?} is no offset; expected a number, -N, earliest or latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_number_or_an_end() {
        assert_eq!(start("earliest"), Ok(Start::Earliest));
        assert_eq!(start("end"), Ok(Start::Latest));
        assert_eq!((start("7"), start("-7")), (Ok(Start::At(7)), Ok(Start::Last(7))));
        assert!(start("first").is_err());
    }
}
