//! `kt topics`, as kafka-topics.

use crate::failure::{Failure, Outcome, complain};
use crate::output::{Column, Format, Out, Rows, column};
use crate::settings::{Connect, pair};
use kafka_client::admin::{
    ConfigEntry, ConfigResource, ConfigSource, NewPartitions, NewTopic, PartitionDescription,
    Results, TopicDescription, TopicListing,
};
use kafka_client::{Admin, ErrorCode};
use regex_lite::Regex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Create, list, describe, grow and delete topics
///
/// Without --partitions and --replication-factor, a topic gets the broker's own numbers. --list, --describe, --alter
/// and --delete take a regular expression of which the whole name has to match.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("action").required(true))]
pub(crate) struct Topics {
    /// Create a topic
    #[arg(long, group = "action", requires = "topic")]
    create: bool,
    /// List topics
    #[arg(long, group = "action")]
    list: bool,
    /// Show partitions, their leaders and replicas, and configs that were set
    #[arg(long, group = "action")]
    describe: bool,
    /// Give a topic more partitions
    #[arg(long, group = "action", requires_all = ["topic", "partitions"])]
    alter: bool,
    /// Delete topics with all they hold
    #[arg(long, group = "action", requires = "topic")]
    delete: bool,
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// How many partitions it is to have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// On how many brokers each partition is to be
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// Brokers of each partition: 1:2,2:1 for two partitions on the brokers 1 and 2
    #[arg(long, value_name = "BROKERS", conflicts_with = "replication_factor")]
    replica_assignment: Option<String>,
    /// A config of the new topic; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair, requires = "create")]
    config: Vec<(String, String)>,
    /// It is no error if the topic is there already
    #[arg(long, requires = "create")]
    if_not_exists: bool,
    /// It is no error if the topic is not there
    #[arg(long, conflicts_with = "create")]
    if_exists: bool,
    /// Leave Kafka's own topics out
    #[arg(long)]
    exclude_internal: bool,
    /// Show only topics with configs of their own
    #[arg(long, requires = "describe")]
    topics_with_overrides: bool,
    /// Show only partitions of which a replica is not in sync
    #[arg(long, requires = "describe")]
    under_replicated_partitions: bool,
    /// Show only partitions without a leader
    #[arg(long, requires = "describe")]
    unavailable_partitions: bool,
    /// Show only partitions with fewer replicas in sync than min.insync.replicas
    #[arg(long, requires = "describe")]
    under_min_isr_partitions: bool,
    /// Show only partitions with just as many replicas in sync as min.insync.replicas
    #[arg(long, requires = "describe")]
    at_min_isr_partitions: bool,
    /// The topic of this id
    #[arg(long, value_name = "ID", requires = "describe", conflicts_with = "topic")]
    topic_id: Option<String>,
    /// Taken for Kafka's sake; answers are not split
    #[arg(long, value_name = "N", hide = true)]
    partition_size_limit_per_response: Option<i32>,
    #[command(flatten)]
    connect: Connect,
}

impl Topics {
    pub(crate) async fn run(&self, out: &mut Out) -> Outcome {
        let admin = self.connect.admin("kt-topics").await?;
        if self.create {
            return self.create(&admin, out).await;
        }
        let topics = self.matching(admin.list_topics().await?)?;
        if self.list {
            return list(&topics, out);
        }
        if topics.is_empty() && !self.if_exists {
            return match (&self.topic, &self.topic_id) {
                (Some(topic), _) => Err(Failure::Failed(format!("there is no topic {topic:?}"))),
                (None, Some(id)) => Err(Failure::Failed(format!("there is no topic with id {id}"))),
                (None, None) => Ok(()),
            };
        }
        let names = topics.into_iter().map(|topic| topic.name);
        if self.describe {
            return self.describe(&admin, names.collect(), out).await;
        }
        if self.delete {
            return told(admin.delete_topics(names).await?, out, "Deleted");
        }
        self.alter(&admin, names.collect(), out).await
    }

    fn matching(&self, mut topics: Vec<TopicListing>) -> Outcome<Vec<TopicListing>> {
        if let Some(pattern) = &self.topic {
            let pattern = whole(pattern)?;
            topics.retain(|topic| pattern.is_match(&topic.name));
        }
        if let Some(id) = &self.topic_id {
            topics.retain(|topic| topic.id.is_some_and(|other| other.to_string() == *id));
        }
        topics.retain(|topic| !(self.exclude_internal && topic.is_internal));
        Ok(topics)
    }

    async fn create(&self, admin: &Admin, out: &mut Out) -> Outcome {
        let name = self.topic.as_deref().unwrap_or_default();
        let mut topic = NewTopic::new(name);
        if let Some(partitions) = self.partitions {
            topic = topic.partitions(partitions);
        }
        if let Some(replicas) = self.replication_factor {
            topic = topic.replication_factor(replicas);
        }
        if let Some(text) = &self.replica_assignment {
            topic = topic.assignments(assignments(text)?);
        }
        for (key, value) in &self.config {
            topic = topic.config(&**key, &**value);
        }
        let created = admin.create_topics([topic]).await?;
        match created.get(name) {
            Some(Err(error))
                if self.if_not_exists && error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) =>
            {
                Ok(())
            }
            _ => told(created, out, CREATED),
        }
    }

    async fn alter(&self, admin: &Admin, names: Vec<Arc<str>>, out: &mut Out) -> Outcome {
        let total = self.partitions.unwrap_or_default();
        let assigned = self.replica_assignment.as_deref().map(assignments).transpose()?;
        let described = admin.describe_topics(names.clone()).await?.all()?;
        let grow = names.into_iter().map(|name| {
            let grown = NewPartitions::new(name.clone(), total);
            // Kafka's tool names the brokers of the partitions that are there too.
            let there = described.get(&name).map_or(0, |topic| topic.partitions.len());
            match &assigned {
                Some(assigned) => grown.assignments(assigned.iter().skip(there).cloned()),
                None => grown,
            }
        });
        told(admin.create_partitions(grow).await?, out, "Altered")
    }

    async fn describe(&self, admin: &Admin, names: Vec<Arc<str>>, out: &mut Out) -> Outcome {
        let topics = admin.describe_topics(names.clone()).await?;
        let resources = names.iter().map(|name| ConfigResource::topic(name.clone()));
        let mut configs: BTreeMap<_, _> =
            admin.describe_configs(resources).await?.into_iter().collect();
        let mut rows = Rows::new(&PLAIN);
        let mut failed = false;
        for (name, topic) in topics {
            match topic {
                Ok(topic) => {
                    let entries = configs.remove(&ConfigResource::topic(name)).transpose()?;
                    let (configs, min_isr) = own_configs(&entries.unwrap_or_default());
                    if !(self.topics_with_overrides && configs.is_empty()) {
                        self.show(&topic, &configs, min_isr, out, &mut rows)?;
                    }
                }
                Err(error) => {
                    complain(error);
                    failed = true;
                }
            }
        }
        if out.format == Format::Plain {
            out.rows(&rows)?;
        }
        if failed { Err(Failure::Told) } else { Ok(()) }
    }

    fn is_shown(&self, partition: &PartitionDescription, min_isr: usize) -> bool {
        let in_sync = partition.in_sync.len();
        (in_sync < partition.replicas.len() || !self.under_replicated_partitions)
            && (partition.leader.is_none() || !self.unavailable_partitions)
            && (in_sync < min_isr || !self.under_min_isr_partitions)
            && (in_sync == min_isr || !self.at_min_isr_partitions)
    }

    /// Whether only some partitions are asked for.
    fn is_partial(&self) -> bool {
        self.under_replicated_partitions
            || self.unavailable_partitions
            || self.under_min_isr_partitions
            || self.at_min_isr_partitions
    }

    fn show(
        &self,
        topic: &TopicDescription,
        configs: &[(Arc<str>, Arc<str>)],
        min_isr: usize,
        out: &mut Out,
        rows: &mut Rows,
    ) -> Outcome {
        let TopicDescription { name, id, partitions, .. } = topic;
        let shown = partitions.iter().filter(|partition| self.is_shown(partition, min_isr));
        let id = id.map(|id| id.to_string());
        let replicas = partitions.first().map_or(0, |first| first.replicas.len());
        match out.format {
            Format::Json => out.line(json!({
                "topic": **name, "id": id, "partitionCount": partitions.len(),
                "replicationFactor": replicas,
                "configs": configs.iter().map(|(key, value)| (key.to_string(), json!(**value)))
                    .collect::<serde_json::Map<_, _>>(),
                "partitions": shown.map(|p| json!({
                    "partition": p.partition, "leader": p.leader, "leaderEpoch": p.leader_epoch,
                    "replicas": p.replicas, "isr": p.in_sync, "offline": p.offline,
                })).collect::<Vec<_>>(),
            })),
            Format::Plain => {
                for p in shown {
                    rows.push([
                        json!(**name),
                        json!(p.partition),
                        json!(p.leader),
                        json!(p.replicas),
                        json!(p.in_sync),
                    ]);
                }
                Ok(())
            }
            Format::Table => {
                if !self.is_partial() {
                    let set = configs.iter().map(|(key, value)| format!("{key}={value}"));
                    out.line(format_args!(
                        "Topic: {name}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: \
                         {replicas}\tConfigs: {}",
                        id.unwrap_or_default(),
                        partitions.len(),
                        set.collect::<Vec<_>>().join(","),
                    ))?;
                }
                for p in shown {
                    let leader = p.leader.map_or("none".to_owned(), |leader| leader.to_string());
                    out.line(format_args!(
                        "\tTopic: {name}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: \
                         {}\tElr: N/A\tLastKnownElr: N/A",
                        p.partition,
                        joined(&p.replicas),
                        joined(&p.in_sync),
                    ))?;
                }
                Ok(())
            }
        }
    }
}

/// What is said of a topic that was created.
const CREATED: &str = "Created";

const PLAIN: [Column; 5] = [
    column("TOPIC", "topic", 0),
    column("PARTITION", "partition", 0),
    column("LEADER", "leader", 0),
    column("REPLICAS", "replicas", 0),
    column("ISR", "isr", 0),
];

fn joined(ids: &[i32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn list(topics: &[TopicListing], out: &mut Out) -> Outcome {
    for TopicListing { name, id, is_internal, .. } in topics {
        if out.is_json() {
            let id = id.map(|id| id.to_string());
            out.line(json!({"topic": **name, "id": id, "internal": is_internal}))?;
        } else {
            out.line(name)?;
        }
    }
    Ok(())
}

/// Names of configs and their values.
type Pairs = Vec<(Arc<str>, Arc<str>)>;

/// The configs that are not defaults, and `min.insync.replicas`.
fn own_configs(entries: &[ConfigEntry]) -> (Pairs, usize) {
    let value = |entry: &ConfigEntry| entry.value.clone().unwrap_or_else(|| "null".into());
    let own = entries.iter().filter(|entry| entry.source != ConfigSource::Default);
    let min_isr = entries.iter().find(|entry| &*entry.name == "min.insync.replicas");
    let min_isr = min_isr.and_then(|entry| value(entry).parse().ok()).unwrap_or(1);
    (own.map(|entry| (entry.name.clone(), value(entry))).collect(), min_isr)
}

/// A pattern that the whole name of a topic has to match; as in Kafka, commas separate several.
pub(crate) fn whole(pattern: &str) -> Outcome<Regex> {
    let each: Vec<&str> = pattern.split(',').map(str::trim).collect();
    Regex::new(&format!("^(?:{})$", each.join("|")))
        .map_err(|error| Failure::Usage(format!("{pattern:?} is no regular expression: {error}")))
}

fn assignments(text: &str) -> Outcome<Vec<Vec<i32>>> {
    let brokers = |text: &str| -> Result<Vec<i32>, _> {
        text.split(':').map(|id| id.trim().parse::<i32>()).collect()
    };
    let each: Result<Vec<_>, _> = text.split(',').map(brokers).collect();
    each.map_err(|_| {
        let expected = "expected ids of brokers such as 1:2,2:1";
        Failure::Usage(format!("--replica-assignment {text:?} cannot be read: {expected}"))
    })
}

/// Tells what became of each topic; of what Kafka's tool is silent about, only scripts are told.
fn told<T>(results: Results<Arc<str>, T>, out: &mut Out, done: &str) -> Outcome {
    let mut failed = false;
    for (topic, result) in results {
        match result {
            Ok(_) if out.is_json() => {
                let key = done.to_lowercase();
                out.line(Value::Object([(key, json!(*topic))].into_iter().collect()))?;
            }
            Ok(_) if done == CREATED => out.line(format_args!("{done} topic {topic}."))?,
            Ok(_) => {}
            Err(error) => {
                complain(error);
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        let pattern = whole("a.*, b").unwrap();
        let found = ["a", "ab", "b", "bb", "cab"].map(|name| pattern.is_match(name));
        assert_eq!(found, [true, true, true, false, false]);
        assert!(matches!(whole("("), Err(Failure::Usage(_))));
    }

    #[test]
    fn brokers_of_partitions_are_read() {
        assert_eq!(assignments("1:2, 2:1").unwrap(), [[1, 2], [2, 1]]);
        assert!(matches!(assignments("1:x"), Err(Failure::Usage(_))));
    }
}
