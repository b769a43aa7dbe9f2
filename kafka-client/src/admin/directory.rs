//! Who has to be asked: controller, leader, coordinator, a certain broker or any, as the cluster tells.

use super::work::Failure;
use crate::net::Address;
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::metadata;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who can answer a request about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Any,
    Controller,
    Broker(i32),
    Leader(&'a TopicPartition),
    /// The coordinator of a group.
    Coordinator(&'a Arc<str>),
}

/// Where brokers listen, and what they lead.
#[derive(Debug, Default)]
pub(super) struct Directory {
    controller: Option<i32>,
    brokers: BTreeMap<i32, Address>,
    topics: BTreeMap<Arc<str>, Topic>,
    /// Of groups; why not, where that is not known.
    coordinators: BTreeMap<Arc<str>, Result<Address, Failure>>,
}

#[derive(Debug)]
struct Topic {
    error: ErrorCode,
    /// The leader of each partition, where it has one.
    leaders: BTreeMap<i32, Option<i32>>,
}

impl Directory {
    pub(super) fn new(answer: metadata::Response) -> Self {
        let brokers = answer.brokers.into_iter().filter_map(|broker| {
            let port = u16::try_from(broker.port).ok()?;
            Some((broker.node_id, Address { host: broker.host, port }))
        });
        let topics = answer.topics.into_iter().filter_map(|topic| {
            let leader = |p: &metadata::MetadataResponsePartition| {
                (p.partition_index, (p.leader_id >= 0).then_some(p.leader_id))
            };
            let leaders = topic.partitions.iter().map(leader).collect();
            Some((topic.name?, Topic { error: topic.error_code, leaders }))
        });
        Self {
            controller: (answer.controller_id >= 0).then_some(answer.controller_id),
            brokers: brokers.collect(),
            topics: topics.collect(),
            coordinators: BTreeMap::new(),
        }
    }

    /// Learns who coordinates a group.
    pub(super) fn add_coordinator(&mut self, group: Arc<str>, found: Result<Address, Failure>) {
        self.coordinators.insert(group, found);
    }

    /// Where `target` listens; `None` where any broker will do.
    pub(super) fn find(&self, target: Target<'_>) -> Result<Option<Address>, Failure> {
        let id = match target {
            Target::Any => return Ok(None),
            Target::Broker(id) => id,
            Target::Controller => self.controller.ok_or_else(|| {
                Failure::code(ErrorCode::NOT_CONTROLLER, "no broker is the controller right now")
            })?,
            Target::Leader(partition) => self.leader(partition)?,
            Target::Coordinator(group) => {
                let unknown = || Err(Failure::Code(ErrorCode::COORDINATOR_NOT_AVAILABLE, None));
                return self.coordinators.get(group).cloned().unwrap_or_else(unknown).map(Some);
            }
        };
        if let Some(address) = self.brokers.get(&id) {
            return Ok(Some(address.clone()));
        }
        // Between two answers of the cluster, a broker may go away.
        let gone = format!("broker {id}, which is to be asked, is gone");
        Err(match target {
            Target::Broker(_) => {
                let there: Vec<String> = self.brokers.keys().map(ToString::to_string).collect();
                let there = there.join(", ");
                Failure::NoBroker(format!("there is no broker {id}; the cluster has {there}"))
            }
            Target::Controller => Failure::code(ErrorCode::NOT_CONTROLLER, &gone),
            Target::Leader(_) | Target::Coordinator(_) | Target::Any => {
                Failure::code(ErrorCode::LEADER_NOT_AVAILABLE, &gone)
            }
        })
    }

    fn leader(&self, at: &TopicPartition) -> Result<i32, Failure> {
        let unknown = |text: &str| Failure::code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text);
        let Some(topic) = self.topics.get(&at.topic) else {
            return Err(unknown("there is no such topic"));
        };
        match topic.error {
            ErrorCode::NONE => {}
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => return Err(unknown("there is no such topic")),
            code => return Err(Failure::Code(code, None)),
        }
        match topic.leaders.get(&at.partition) {
            Some(Some(leader)) => Ok(*leader),
            Some(None) => Err(Failure::Code(ErrorCode::LEADER_NOT_AVAILABLE, None)),
            None => {
                let count = topic.leaders.len();
                Err(unknown(&format!("there is no such partition; the topic has {count}")))
            }
        }
    }
}
