//! `consumer-groups --describe`: offsets and lag, members, state.

use crate::failure::{Failure, Outcome, complain};
use crate::output::{Column, Out, Rows, column};
use kafka_client::admin::{GroupDescription, MemberDescription, OffsetSpec};
use kafka_client::{Admin, TopicPartition};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What Kafka shows while no offset is known.
const UNKNOWN: Value = Value::Null;

const OFFSETS: [Column; 9] = [
    column("GROUP", "group", 15),
    column("TOPIC", "topic", 15),
    column("PARTITION", "partition", 10),
    column("CURRENT-OFFSET", "currentOffset", 15),
    column("LOG-END-OFFSET", "logEndOffset", 15),
    column("LAG", "lag", 15),
    column("CONSUMER-ID", "consumerId", 15),
    column("HOST", "host", 15),
    column("CLIENT-ID", "clientId", 0),
];

const MEMBERS: [Column; 5] = [
    column("GROUP", "group", 15),
    column("CONSUMER-ID", "consumerId", 15),
    column("HOST", "host", 15),
    column("CLIENT-ID", "clientId", 15),
    column("#PARTITIONS", "partitions", 15),
];

const VERBOSE: [Column; 9] = [
    MEMBERS[0],
    MEMBERS[1],
    MEMBERS[2],
    MEMBERS[3],
    MEMBERS[4],
    column("CURRENT-EPOCH", "currentEpoch", 15),
    column("CURRENT-ASSIGNMENT", "currentAssignment", 20),
    column("TARGET-EPOCH", "targetEpoch", 15),
    column("TARGET-ASSIGNMENT", "targetAssignment", 20),
];

const STATES: [Column; 5] = [
    column("GROUP", "group", 15),
    column("COORDINATOR (ID)", "coordinator", 25),
    column("ASSIGNMENT-STRATEGY", "assignmentStrategy", 20),
    column("STATE", "state", 20),
    column("#MEMBERS", "members", 0),
];

/// The groups that can be described, and whether some cannot: those are told.
async fn described(
    admin: &Admin,
    groups: &[Arc<str>],
    out: &mut Out,
) -> Outcome<(Vec<GroupDescription>, bool)> {
    let mut failed = false;
    let mut described = Vec::new();
    for (_, result) in admin.describe_groups(groups.iter().cloned()).await? {
        match result {
            Ok(group) => described.push(group),
            Err(error) => {
                complain(error);
                failed = true;
            }
        }
    }
    for group in &described {
        let remark = match &*group.state {
            "Empty" => "has no active members",
            "PreparingRebalance" | "CompletingRebalance" => "is rebalancing",
            _ => continue,
        };
        out.remark(format_args!("\nConsumer group '{}' {remark}.", group.group_id))?;
    }
    Ok((described, failed))
}

fn done(failed: bool) -> Outcome {
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// What each group has read of each partition, and who reads it.
pub(super) async fn offsets(admin: &Admin, groups: &[Arc<str>], out: &mut Out) -> Outcome {
    let (groups, failed) = described(admin, groups, out).await?;
    let mut rows = Rows::new(&OFFSETS);
    for group in &groups {
        let committed = admin.list_group_offsets(group.group_id.clone()).await?;
        let owners: BTreeMap<&TopicPartition, &MemberDescription> = (group.members.iter())
            .flat_map(|member| member.assignment.iter().map(move |which| (which, member)))
            .collect();
        let which: BTreeSet<&TopicPartition> =
            committed.keys().chain(owners.keys().copied()).collect();
        let asked = which.iter().map(|which| ((*which).clone(), OffsetSpec::Latest));
        let ends = admin.list_offsets(asked).await?;
        for which in which {
            let current = committed.get(which).map(|committed| committed.offset);
            let end = ends.get(which).and_then(|end| end.as_ref().ok()?.offset);
            let lag = current.zip(end).map(|(current, end)| end - current);
            let owner = owners.get(which);
            let text = |text: Option<&Arc<str>>| text.map_or(UNKNOWN, |text| json!(**text));
            rows.push([
                json!(*group.group_id),
                json!(*which.topic),
                json!(which.partition),
                json!(current),
                json!(end),
                json!(lag),
                text(owner.map(|owner| &owner.member_id)),
                text(owner.map(|owner| &owner.client_host)),
                text(owner.map(|owner| &owner.client_id)),
            ]);
        }
        for idle in group.members.iter().filter(|member| member.assignment.is_empty()) {
            // A member with nothing to read is shown too, or it would seem to be missing.
            let [id, host, client] = [&idle.member_id, &idle.client_host, &idle.client_id];
            rows.push([
                json!(*group.group_id),
                UNKNOWN,
                UNKNOWN,
                UNKNOWN,
                UNKNOWN,
                UNKNOWN,
                json!(**id),
                json!(**host),
                json!(**client),
            ]);
        }
    }
    out.remark("")?;
    out.rows(&rows)?;
    done(failed)
}

/// The members of each group.
pub(super) async fn members(
    admin: &Admin,
    groups: &[Arc<str>],
    verbose: bool,
    out: &mut Out,
) -> Outcome {
    let (groups, failed) = described(admin, groups, out).await?;
    let mut rows = Rows::new(if verbose { &VERBOSE } else { &MEMBERS });
    for group in &groups {
        for member in &group.members {
            let row = [
                json!(*group.group_id),
                json!(*member.member_id),
                json!(*member.client_host),
                json!(*member.client_id),
                json!(member.assignment.len()),
            ];
            if verbose {
                let [group, id, host, client, count] = row;
                let held = assignment(&member.assignment);
                // Classic groups know neither epochs nor targets.
                let none = || UNKNOWN;
                rows.push([group, id, host, client, count, none(), held, none(), none()]);
            } else {
                rows.push(row);
            }
        }
    }
    out.remark("")?;
    out.rows(&rows)?;
    done(failed)
}

/// As Kafka writes it: `orders:0,1;bills:0`.
fn assignment(partitions: &BTreeSet<TopicPartition>) -> Value {
    let mut topics: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for which in partitions {
        topics.entry(&which.topic).or_default().push(which.partition.to_string());
    }
    let each = topics.iter().map(|(topic, numbers)| format!("{topic}:{}", numbers.join(",")));
    match each.collect::<Vec<_>>() {
        none if none.is_empty() => UNKNOWN,
        some => json!(some.join(";")),
    }
}

/// The state of each group.
pub(super) async fn states(admin: &Admin, groups: &[Arc<str>], out: &mut Out) -> Outcome {
    let (groups, failed) = described(admin, groups, out).await?;
    let ids = groups.iter().map(|group| group.group_id.clone());
    let coordinators = admin.describe_coordinators(ids).await?;
    let mut rows = Rows::new(&STATES);
    for group in &groups {
        let found = coordinators.get(&group.group_id).and_then(|found| found.as_ref().ok());
        let coordinator = found.map(|at| format!("{}:{}  ({})", at.host, at.port, at.id));
        let strategy = (!group.protocol.is_empty()).then_some(&*group.protocol);
        rows.push([
            json!(*group.group_id),
            json!(coordinator),
            json!(strategy),
            json!(*group.state),
            json!(group.members.len()),
        ]);
    }
    out.remark("")?;
    out.rows(&rows)?;
    done(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_written_as_kafka_does() {
        let held = [("b", 0), ("a", 2), ("a", 1)].map(TopicPartition::from);
        assert_eq!(assignment(&held.into()), json!("a:1,2;b:0"));
        assert_eq!(assignment(&BTreeSet::new()), UNKNOWN);
    }
}
