//! Which broker coordinates a group.

use super::super::cluster::BrokerDescription;
use super::super::directory::Target;
use super::super::run::join_all;
use super::super::work::{Answered, Asked, Failure, Operation};
use super::super::{Admin, Results};
use super::GroupId;
use crate::cluster::coordinator::{self, GROUP};
use crate::error::Result;
use kafka_proto::ErrorCode;
use kafka_proto::messages::find_coordinator;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Admin {
    /// Which brokers coordinate these groups. A group need not exist; the rack is not told.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a group: the caller may not see it.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn describe_coordinators(
        &self,
        groups: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<Results<Arc<str>, BrokerDescription>> {
        let groups: BTreeSet<Arc<str>> = groups.into_iter().map(Into::into).collect();
        // Before Kafka 3.0 a request is about one group.
        let asked = groups.into_iter().map(|group| {
            Box::pin(async move {
                self.run(&Find { group: group.clone() }, [(GroupId(group), ())]).await
            })
        });
        let mut answers = BTreeMap::new();
        for answer in join_all(asked.collect()).await {
            answers.extend(answer?.by(|group| group.0));
        }
        Ok(Results(answers))
    }
}

struct Find {
    group: Arc<str>,
}

impl Operation for Find {
    type Key = GroupId;
    type Item = ();
    type Answer = BrokerDescription;
    type Request = find_coordinator::Request;
    const ASKED: &'static str = "find the coordinator of the group";

    fn target<'a>(&'a self, _: &'a GroupId) -> Target<'a> {
        Target::Any
    }

    fn request(&self, _: &Asked<'_, Self>, version: i16, _: i32) -> Self::Request {
        coordinator::request(&self.group, GROUP, version)
    }

    fn rows(&self, answer: find_coordinator::Response, _: i16) -> Answered<Self> {
        let one = answer.coordinators.into_iter().next().unwrap_or_else(|| {
            find_coordinator::Coordinator {
                node_id: answer.node_id,
                host: answer.host.clone(),
                port: answer.port,
                error_code: answer.error_code,
                error_message: answer.error_message.clone(),
                ..Default::default()
            }
        });
        let text = one.error_message.filter(|text| !text.is_empty());
        let found = Failure::check(one.error_code, text).map(|()| BrokerDescription {
            id: one.node_id,
            host: one.host,
            port: one.port,
            rack: None,
        });
        Ok(vec![(GroupId(self.group.clone()), found)])
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}
