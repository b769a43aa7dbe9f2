//! `kt consumer-groups`, as kafka-consumer-groups.

mod describe;
mod reset;

use crate::failure::{Failure, Outcome, complain};
use crate::output::{Column, Out, Rows, column};
use crate::settings::Connect;
use kafka_client::admin::GroupListing;
use kafka_client::{Admin, TopicPartition};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// List, describe, reset and delete groups
///
/// --reset-offsets shows what it would do; with --execute it does it. A group has to be without members for that. Where
/// to: --to-earliest, --to-latest, --to-current, --to-offset, --shift-by, --by-duration, --to-datetime or --from-file;
/// of what: --topic NAME, --topic NAME:0,1 or --all-topics.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("action").required(true))]
pub(crate) struct ConsumerGroups {
    /// List groups
    #[arg(long, group = "action")]
    list: bool,
    /// Show up to where a group has read, and how far behind it is; or its members, or its state
    #[arg(long, group = "action")]
    describe: bool,
    /// Have a group go on elsewhere
    #[arg(long, group = "action")]
    reset_offsets: bool,
    /// Delete groups without members
    #[arg(long, group = "action")]
    delete: bool,
    /// Have a group forget where it was in topics
    #[arg(long, group = "action", requires_all = ["group", "topic"])]
    delete_offsets: bool,
    /// The group; may be repeated
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// All groups
    #[arg(long, conflicts_with = "group")]
    all_groups: bool,
    /// A topic, or some of its partitions as in orders:0,1; may be repeated
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// All topics in which the group has been
    #[arg(long, conflicts_with = "topic")]
    all_topics: bool,
    /// With --describe: up to where it has read (the default)
    #[arg(long)]
    offsets: bool,
    /// With --describe: its members
    #[arg(long, conflicts_with = "offsets")]
    members: bool,
    /// With --describe: its state; with --list: the states, or only groups in these states
    #[arg(
        long,
        value_name = "STATES",
        num_args = 0..=1,
        default_missing_value = "",
        conflicts_with_all = ["offsets", "members"]
    )]
    state: Option<String>,
    /// With --list: the types, or only groups of these types
    #[arg(long, value_name = "TYPES", num_args = 0..=1, default_missing_value = "")]
    r#type: Option<String>,
    /// More: of members their partitions too
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    reset: reset::Reset,
    /// How long each request may take
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    #[command(flatten)]
    connect: Connect,
}

impl ConsumerGroups {
    pub(crate) async fn run(&self, out: &mut Out) -> Outcome {
        let needs = self.describe || self.delete || self.reset_offsets;
        if needs && self.group.is_empty() && !self.all_groups && !self.reset.names_groups() {
            return Err(Failure::Usage("--group GROUP or --all-groups is needed".to_owned()));
        }
        if self.reset.says_where() && !self.reset_offsets {
            let reason = "where to go on is said with --reset-offsets";
            return Err(Failure::Usage(reason.to_owned()));
        }
        let mut admin = self.connect.admin("kt-consumer-groups").await?;
        if let Some(ms) = self.timeout {
            admin = admin.with_timeout(Duration::from_millis(ms));
        }
        if self.list {
            return self.list(&admin, out).await;
        }
        let groups = self.groups(&admin).await?;
        if self.describe {
            if self.state.is_some() {
                return describe::states(&admin, &groups, out).await;
            }
            if self.members {
                return describe::members(&admin, &groups, self.verbose, out).await;
            }
            return describe::offsets(&admin, &groups, out).await;
        }
        if self.reset_offsets {
            let topics = reset::Topics { named: &self.topic, all: self.all_topics };
            return self.reset.run(&admin, &groups, &topics, out).await;
        }
        if self.delete {
            return delete(&admin, groups, out).await;
        }
        self.delete_offsets(&admin, &groups, out).await
    }

    async fn groups(&self, admin: &Admin) -> Outcome<Vec<Arc<str>>> {
        if !self.all_groups {
            return Ok(self.group.iter().map(|group| group.as_str().into()).collect());
        }
        let listed = admin.list_groups().await?;
        let ids = listed.into_iter().filter(of_consumers).map(|group| group.group_id);
        Ok(ids.collect())
    }

    async fn list(&self, admin: &Admin, out: &mut Out) -> Outcome {
        let mut groups: Vec<_> =
            admin.list_groups().await?.into_iter().filter(of_consumers).collect();
        let wanted = |filter: &Option<String>, actual: Option<&str>| {
            let mut names = filter.iter().flat_map(|names| names.split(',')).map(str::trim);
            filter.as_deref().is_none_or(str::is_empty)
                || names.any(|name| actual.is_some_and(|actual| actual.eq_ignore_ascii_case(name)))
        };
        groups.retain(|group| {
            wanted(&self.state, group.state.as_deref())
                && wanted(&self.r#type, group.group_type.as_deref())
        });
        let group_type = |group: &GroupListing| {
            // Kafka's tool writes it with a capital.
            let mut letters = group.group_type.as_deref().unwrap_or_default().chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
        };
        if self.state.is_none() && self.r#type.is_none() && !out.is_json() {
            return groups.iter().try_for_each(|group| out.line(&group.group_id));
        }
        const BOTH: [Column; 3] = [
            column("GROUP", "group", 15).with_room(10),
            column("TYPE", "type", 20),
            column("STATE", "state", 20),
        ];
        const TYPE: [Column; 2] = [BOTH[0], BOTH[1]];
        const STATE: [Column; 2] = [BOTH[0], BOTH[2]];
        let (with_state, with_type) = (self.state.is_some(), self.r#type.is_some());
        let mut rows = match (with_state, with_type) {
            (true, false) => Rows::new(&STATE),
            (false, true) => Rows::new(&TYPE),
            _ => Rows::new(&BOTH),
        };
        for group in &groups {
            let (id, state) = (json!(*group.group_id), json!(group.state.as_deref()));
            let kind = json!(group_type(group));
            match (with_state, with_type) {
                (true, false) => rows.push([id, state]),
                (false, true) => rows.push([id, kind]),
                _ => rows.push([id, kind, state]),
            }
        }
        out.rows(&rows)
    }

    async fn delete_offsets(&self, admin: &Admin, groups: &[Arc<str>], out: &mut Out) -> Outcome {
        const COLUMNS: [Column; 3] = [
            column("TOPIC", "topic", 15),
            column("PARTITION", "partition", 10),
            column("STATUS", "status", 15),
        ];
        let Some(group) = groups.first() else { return Ok(()) };
        let topics = reset::Topics { named: &self.topic, all: false };
        let partitions = topics.partitions(admin, group).await?;
        let deleted = admin.delete_group_offsets(group.clone(), partitions).await?;
        let mut rows = Rows::new(&COLUMNS);
        let mut failed = false;
        for (TopicPartition { topic, partition, .. }, result) in deleted {
            let status = match result {
                Ok(()) => "Successful".to_owned(),
                Err(error) => {
                    failed = true;
                    format!("Error: {error}")
                }
            };
            rows.push([json!(*topic), json!(partition), json!(status)]);
        }
        if !failed {
            out.remark(format_args!("Request succeeded for deleting offsets from group {group}."))?;
        }
        out.remark("")?;
        out.rows(&rows)?;
        if failed { Err(Failure::Told) } else { Ok(()) }
    }
}

/// Whether it is a group of consumers, or at least of offsets, and not of another kind of members.
fn of_consumers(group: &GroupListing) -> bool {
    matches!(&*group.protocol_type, "consumer" | "")
        && !matches!(group.group_type.as_deref(), Some("share" | "streams"))
}

async fn delete(admin: &Admin, groups: Vec<Arc<str>>, out: &mut Out) -> Outcome {
    let results: BTreeMap<_, _> = admin.delete_groups(groups).await?.into_iter().collect();
    let done = results.iter().filter(|(_, result)| result.is_ok()).map(|(group, _)| group);
    if out.is_json() {
        for group in done {
            out.line(json!({"deleted": **group}))?;
        }
    } else {
        let done: Vec<String> = done.map(|group| format!("'{group}'")).collect();
        if !done.is_empty() {
            let done = done.join(", ");
            let line = format!("Deletion of requested consumer groups ({done}) was successful.");
            out.line(line)?;
        }
    }
    let mut failed = false;
    for error in results.into_values().filter_map(Result::err) {
        complain(error);
        failed = true;
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}
