//! CreateTopics: topics with their partitions and configs, or the reasons why not, in Kafka's words.

use super::{Context, Outcome, Serve, not_stored};
use crate::clock::Now;
use crate::metadata::{Change, METADATA_TOPIC, Values, collision_key, validate_topic_name};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicConfigs,
    CreatableTopicResult, Request, Response,
};
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Partitions that one request may create.
const MOST_PARTITIONS: i64 = 10_000;

type Refused = (ErrorCode, String);

/// A topic that may be created.
struct Checked {
    partitions: i32,
    configs: Values,
}

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let mut named: BTreeMap<&str, usize> = BTreeMap::new();
        self.topics.iter().for_each(|topic| *named.entry(&topic.name).or_default() += 1);
        if total_partitions(state, &self.topics) > MOST_PARTITIONS {
            let text = "Excessively large number of partitions per request.";
            let refused = |topic: &CreatableTopic| {
                failed(&topic.name, (ErrorCode::POLICY_VIOLATION, text.to_owned()))
            };
            let topics = self.topics.iter().map(refused).collect();
            return Outcome::Ready(Response { topics, ..Response::default() });
        }
        let mut results = Vec::with_capacity(named.len());
        let mut told = std::collections::BTreeSet::new();
        for topic in &self.topics {
            if !told.insert(&topic.name) {
                continue;
            }
            let twice = named.get(&*topic.name).is_some_and(|count| *count > 1);
            let checked = if twice {
                Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned()))
            } else {
                check(state, topic)
            };
            let result = checked.and_then(|checked| {
                let id = if self.validate_only {
                    state.new_topic_id(cx.now)
                } else {
                    create(state, cx.now, &topic.name, &checked)?
                };
                Ok(created(state, &topic.name, id, &checked))
            });
            results.push(result.unwrap_or_else(|refused| failed(&topic.name, refused)));
        }
        Outcome::Ready(Response { topics: results, ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        let refused =
            |topic: &CreatableTopic| failed(&topic.name, (code, code.meaning().to_owned()));
        let topics = self.topics.iter().map(refused).collect();
        Response { topics, ..Response::default() }
    }
}

/// Makes a topic with default configs, unless it is there.
pub(crate) fn create_topic(
    state: &mut State,
    now: Now,
    name: &str,
    partitions: i32,
) -> Result<(), Refused> {
    let name: Arc<str> = name.into();
    if state.topics.by_name(&name).is_some() {
        return Ok(());
    }
    let topic = CreatableTopic {
        name,
        num_partitions: partitions,
        replication_factor: -1,
        ..CreatableTopic::default()
    };
    let checked = check(state, &topic)?;
    create(state, now, &topic.name, &checked).map(|_| ())
}

fn create(
    state: &mut State,
    now: Now,
    name: &Arc<str>,
    checked: &Checked,
) -> Result<Uuid, Refused> {
    let created = state.create_topic(now, name, checked.partitions, checked.configs.clone());
    created.map_err(not_stored)
}

fn check(state: &State, topic: &CreatableTopic) -> Result<Checked, Refused> {
    let name = &topic.name;
    if let Some(why) = validate_topic_name(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why));
    }
    if &**name == METADATA_TOPIC {
        let text = format!("Creation of internal topic {name} is prohibited.");
        return Err((ErrorCode::INVALID_REQUEST, text));
    }
    if state.topics.by_name(name).is_some() {
        let text = format!("Topic '{name}' already exists.");
        return Err((ErrorCode::TOPIC_ALREADY_EXISTS, text));
    }
    let key = collision_key(name);
    if let Some(other) = state.topics.iter().find(|other| collision_key(&other.name) == key) {
        let text = format!("Topic '{name}' collides with existing topic: {}", other.name);
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, text));
    }
    let partitions = if topic.assignments.is_empty() {
        counted_partitions(state, topic)?
    } else {
        assigned_partitions(state, topic)?
    };
    Ok(Checked { partitions, configs: configs(state, &topic.configs)? })
}

/// How many partitions all of `topics` would have.
fn total_partitions(state: &State, topics: &[CreatableTopic]) -> i64 {
    let default = i64::from(state.config.num_partitions);
    let wanted = |topic: &CreatableTopic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => i64::try_from(topic.assignments.len()).unwrap_or(0),
        -1 => default,
        given => i64::from(given.max(0)),
    };
    topics.iter().map(wanted).sum()
}

/// How many partitions a topic gets that names no replicas.
fn counted_partitions(state: &State, topic: &CreatableTopic) -> Result<i32, Refused> {
    match topic.replication_factor {
        1 => {}
        -1 if state.config.default_replication_factor <= 1 => {}
        ..=-2 | 0 => {
            let text = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err((ErrorCode::INVALID_REPLICATION_FACTOR, text.to_owned()));
        }
        factor => {
            let default = state.config.default_replication_factor;
            let wanted = if factor == -1 { default } else { factor };
            let text = format!(
                "Unable to replicate the partition {wanted} time(s): The target replication factor \
                 of {wanted} cannot be reached because only 1 broker(s) are registered or some \
                 brokers have all their log directories cordoned."
            );
            return Err((ErrorCode::INVALID_REPLICATION_FACTOR, text));
        }
    }
    match topic.num_partitions {
        -1 => Ok(state.config.num_partitions),
        ..=0 => {
            let text = "Number of partitions was set to an invalid non-positive value.";
            Err((ErrorCode::INVALID_PARTITIONS, text.to_owned()))
        }
        partitions => Ok(partitions),
    }
}

/// How many partitions a topic gets that names the replicas of each.
fn assigned_partitions(state: &State, topic: &CreatableTopic) -> Result<i32, Refused> {
    if topic.replication_factor != -1 {
        let text = "A manual partition assignment was specified, but replication factor was not \
                    set to -1.";
        return Err((ErrorCode::INVALID_REQUEST, text.to_owned()));
    }
    if topic.num_partitions != -1 {
        let text =
            "A manual partition assignment was specified, but numPartitions was not set to -1.";
        return Err((ErrorCode::INVALID_REQUEST, text.to_owned()));
    }
    let mut indexes = Vec::with_capacity(topic.assignments.len());
    for CreatableReplicaAssignment { partition_index, broker_ids } in &topic.assignments {
        check_replicas(state, broker_ids)?;
        indexes.push(*partition_index);
    }
    indexes.sort_unstable();
    let refused = |text: &str| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, text.to_owned());
    if let Some([twice, _]) = indexes.array_windows().find(|[a, b]| a == b) {
        let text = format!("Found multiple manual partition assignments for partition {twice}");
        return Err(refused(&text));
    }
    if !(0..).zip(&indexes).all(|(expected, index)| expected == *index) {
        return Err(refused("partitions should be a consecutive 0-based integer sequence"));
    }
    i32::try_from(indexes.len()).map_err(|_| refused("too many partitions"))
}

/// Whether a partition may lie on these brokers; there is only this one.
pub(super) fn check_replicas(state: &State, broker_ids: &[i32]) -> Result<(), Refused> {
    let refused = |text: String| Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, text));
    let node = state.config.node_id;
    if broker_ids.is_empty() {
        return refused(
            "The manual partition assignment includes an empty replica list.".to_owned(),
        );
    }
    if let Some(stranger) = broker_ids.iter().find(|id| **id != node) {
        return refused(format!(
            "The manual partition assignment includes broker {stranger}, but no such broker is \
             registered."
        ));
    }
    if broker_ids.len() > 1 {
        return refused(format!(
            "The manual partition assignment includes the broker {node} more than once."
        ));
    }
    Ok(())
}

fn configs(state: &State, asked: &[CreatableTopicConfig]) -> Result<Values, Refused> {
    let mut changes = Vec::with_capacity(asked.len());
    for CreatableTopicConfig { name, value } in asked {
        let Some(value) = value else {
            let text = format!("Null value not supported for topic configs: {name}");
            return Err((ErrorCode::INVALID_CONFIG, text));
        };
        changes.push((name.clone(), Change::Set(value.clone())));
    }
    state.configs.change_topic(&Values::new(), &changes, true)
}

fn created(
    state: &State,
    name: &Arc<str>,
    topic_id: Uuid,
    checked: &Checked,
) -> CreatableTopicResult {
    let configs = state.configs.of_topic(&checked.configs);
    let configs = configs.into_iter().map(|entry| CreatableTopicConfigs {
        name: entry.definition.name.into(),
        value: entry.value,
        read_only: !entry.definition.dynamic,
        config_source: entry.source.code(),
        is_sensitive: false,
    });
    CreatableTopicResult {
        name: name.clone(),
        topic_id,
        error_message: None,
        num_partitions: checked.partitions,
        replication_factor: 1,
        configs: Some(configs.collect()),
        ..CreatableTopicResult::default()
    }
}

fn failed(name: &Arc<str>, (error_code, text): Refused) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.clone(),
        error_code,
        error_message: Some(text.into()),
        ..CreatableTopicResult::default()
    }
}
