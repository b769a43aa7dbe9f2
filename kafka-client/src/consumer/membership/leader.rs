//! What the leader of a classic group does for all: it shares out, and sees when there is something else to share.

use super::super::assignor::{self, Assignor, GroupMember};
use super::wire::assignment;
use crate::cluster::metadata::Snapshot;
use kafka_proto::messages::sync_group::SyncGroupRequestAssignment;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The topics of all members, with the partitions of those that exist.
#[derive(Debug)]
pub(super) struct Led {
    topics: BTreeSet<Arc<str>>,
    partitions: BTreeMap<Arc<str>, i32>,
}

impl Led {
    pub(super) fn new(members: &[GroupMember], snapshot: &Snapshot) -> Self {
        let topics = members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
        let partitions = partitions(&topics, snapshot);
        Self { topics, partitions }
    }

    /// Whether a topic came or went, or has got more partitions.
    pub(super) fn has_changed(&self, snapshot: &Snapshot) -> bool {
        partitions(&self.topics, snapshot) != self.partitions
    }

    pub(super) fn share_out(
        &self,
        assignor: &dyn Assignor,
        members: &[GroupMember],
    ) -> Vec<SyncGroupRequestAssignment> {
        let shares = assignor::assign(assignor, &self.partitions, members);
        let row = |(member_id, share)| {
            let assignment = assignment(&share);
            SyncGroupRequestAssignment { member_id, assignment }
        };
        shares.into_iter().map(row).collect()
    }
}

fn partitions(topics: &BTreeSet<Arc<str>>, snapshot: &Snapshot) -> BTreeMap<Arc<str>, i32> {
    let count = |topic: &Arc<str>| {
        let known = snapshot.topics.get(topic)?;
        let count = i32::try_from(known.partitions.len()).ok()?;
        (known.error.is_ok() && count > 0).then(|| (topic.clone(), count))
    };
    topics.iter().filter_map(count).collect()
}
