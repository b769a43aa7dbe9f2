//! `consumer-groups --reset-offsets`: where a group is to go on, shown first and done when told.

use crate::clock::since_1970;
use crate::failure::{Failure, Outcome, complain, warn};
use crate::moment::{moment, span};
use crate::output::{Column, Format, Out, Rows, column};
use kafka_client::admin::OffsetSpec;
use kafka_client::{Admin, ErrorCode, TopicPartition};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Where to, and whether it is only shown.
#[derive(Debug, clap::Args)]
pub(super) struct Reset {
    /// To the first record that is there
    #[arg(long, group = "goal")]
    to_earliest: bool,
    /// Behind the last record
    #[arg(long, group = "goal")]
    to_latest: bool,
    /// To where it is: for --export
    #[arg(long, group = "goal")]
    to_current: bool,
    /// To this offset
    #[arg(long, value_name = "OFFSET", group = "goal")]
    to_offset: Option<i64>,
    /// By so many records forwards, or back if it is negative
    #[arg(long, value_name = "N", group = "goal", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// To the first record of the last span of time, such as PT1H or P2D
    #[arg(long, value_name = "SPAN", group = "goal")]
    by_duration: Option<String>,
    /// To the first record since this moment, YYYY-MM-DDThh:mm:ss.sss
    #[arg(long, value_name = "MOMENT", group = "goal")]
    to_datetime: Option<String>,
    /// To what --export wrote: lines of topic,partition,offset, or of group,topic,partition,offset
    #[arg(long, value_name = "FILE", group = "goal")]
    from_file: Option<PathBuf>,
    /// Only show it (the default)
    #[arg(long, requires = "reset_offsets", conflicts_with = "execute")]
    dry_run: bool,
    /// Do it
    #[arg(long, requires = "reset_offsets")]
    execute: bool,
    /// Print lines for --from-file
    #[arg(long, requires = "reset_offsets")]
    export: bool,
}

/// What `--topic` and `--all-topics` say.
pub(super) struct Topics<'a> {
    pub(super) named: &'a [String],
    pub(super) all: bool,
}

impl Topics<'_> {
    /// The partitions that are meant, all of them those that the group has committed.
    pub(super) async fn partitions(
        &self,
        admin: &Admin,
        group: &Arc<str>,
    ) -> Outcome<BTreeSet<TopicPartition>> {
        if self.all {
            let committed = admin.list_group_offsets(group.clone()).await?;
            return Ok(committed.into_keys().collect());
        }
        let mut partitions = BTreeSet::new();
        for named in self.named {
            let (topic, numbers) = match named.split_once(':') {
                Some((topic, numbers)) => (topic, Some(numbers)),
                None => (named.as_str(), None),
            };
            match numbers {
                Some(numbers) => {
                    for number in numbers.split(',') {
                        let number = number.trim().parse().map_err(|_| {
                            let expected = "expected TOPIC or TOPIC:0,1";
                            Failure::Usage(format!("--topic {named:?} cannot be read: {expected}"))
                        })?;
                        partitions.insert(TopicPartition::new(topic, number));
                    }
                }
                None => {
                    let described = admin.describe_topics([topic]).await?.all()?;
                    for (topic, description) in described {
                        let numbers = description.partitions.iter().map(|each| each.partition);
                        let each = numbers.map(|n| TopicPartition::new(topic.clone(), n));
                        partitions.extend(each);
                    }
                }
            }
        }
        Ok(partitions)
    }
}

/// Where each partition of a group goes on.
type Goals = BTreeMap<TopicPartition, i64>;

const COLUMNS: [Column; 4] = [
    column("GROUP", "group", 15),
    column("TOPIC", "topic", 15),
    column("PARTITION", "partition", 10),
    column("NEW-OFFSET", "newOffset", 0),
];

impl Reset {
    /// Whether one of the flags says where to.
    pub(super) fn says_where(&self) -> bool {
        let ends = self.to_earliest || self.to_latest || self.to_current;
        let numbers = self.to_offset.is_some() || self.shift_by.is_some();
        let times = self.by_duration.is_some() || self.to_datetime.is_some();
        ends || numbers || times || self.from_file.is_some()
    }

    /// Whether a file may name the groups.
    pub(super) fn names_groups(&self) -> bool {
        self.from_file.is_some()
    }

    pub(super) async fn run(
        &self,
        admin: &Admin,
        groups: &[Arc<str>],
        topics: &Topics<'_>,
        out: &mut Out,
    ) -> Outcome {
        let plan = self.plan(admin, groups, topics).await?;
        for group in plan.keys() {
            check_idle(admin, group).await?;
        }
        if !self.execute && !self.dry_run && !self.export && out.format == Format::Table {
            warn("nothing is changed: --execute does it, --dry-run says that this is meant");
        }
        if self.execute {
            let mut failed = false;
            for (group, goals) in &plan {
                let goals = goals.iter().map(|(which, offset)| (which.clone(), *offset));
                let altered = admin.alter_group_offsets(group.clone(), goals).await?;
                for error in altered.into_iter().filter_map(|(_, result)| result.err()) {
                    complain(error);
                    failed = true;
                }
            }
            if failed {
                return Err(Failure::Told);
            }
        }
        if self.export { export(&plan, out) } else { show(&plan, out) }
    }

    async fn plan(
        &self,
        admin: &Admin,
        groups: &[Arc<str>],
        topics: &Topics<'_>,
    ) -> Outcome<BTreeMap<Arc<str>, Goals>> {
        let mut plan = BTreeMap::new();
        if let Some(path) = &self.from_file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::of(format_args!("read {}", path.display()), error))?;
            let one = groups.first().filter(|_| groups.len() == 1);
            let wanted = read(&text, one)
                .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
            for (group, wanted) in wanted {
                plan.insert(group, within(admin, wanted).await?);
            }
            return Ok(plan);
        }
        if topics.named.is_empty() && !topics.all {
            let reason = "--topic TOPIC or --all-topics is needed, to say what to reset";
            return Err(Failure::Usage(reason.to_owned()));
        }
        for group in groups {
            let partitions = topics.partitions(admin, group).await?;
            plan.insert(group.clone(), self.goals(admin, group, partitions).await?);
        }
        Ok(plan)
    }

    async fn goals(
        &self,
        admin: &Admin,
        group: &Arc<str>,
        partitions: BTreeSet<TopicPartition>,
    ) -> Outcome<Goals> {
        if self.to_earliest {
            return find(admin, &partitions, OffsetSpec::Earliest).await;
        }
        if self.to_latest {
            return find(admin, &partitions, OffsetSpec::Latest).await;
        }
        let since = match (&self.to_datetime, &self.by_duration) {
            (Some(text), _) => Some(moment(text).map_err(Failure::Usage)?),
            (None, Some(text)) => {
                let now = i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX);
                Some((now - span(text).map_err(Failure::Usage)?).max(0))
            }
            (None, None) => None,
        };
        if let Some(ms) = since {
            // Where no record is as late, it goes on behind the last.
            let mut goals = find(admin, &partitions, OffsetSpec::Latest).await?;
            goals.extend(find(admin, &partitions, OffsetSpec::Timestamp(ms)).await?);
            return Ok(goals);
        }
        if let Some(offset) = self.to_offset {
            let wanted = partitions.into_iter().map(|which| (which, offset));
            return within(admin, wanted.collect()).await;
        }
        let committed = admin.list_group_offsets(group.clone()).await?;
        if let Some(count) = self.shift_by {
            let shifted = partitions.into_iter().map(|which| match committed.get(&which) {
                Some(at) => Ok((which, at.offset.saturating_add(count))),
                None => Err(Failure::Failed(format!(
                    "group {group} has committed nothing for {}-{} that could be shifted",
                    which.topic, which.partition
                ))),
            });
            return within(admin, shifted.collect::<Outcome<_>>()?).await;
        }
        if self.to_current {
            let mut goals = find(admin, &partitions, OffsetSpec::Latest).await?;
            for (which, at) in committed {
                goals.entry(which).and_modify(|goal| *goal = at.offset);
            }
            return Ok(goals);
        }
        let all = "--to-earliest, --to-latest, --to-current, --to-offset, --shift-by, \
                   --by-duration, --to-datetime or --from-file";
        Err(Failure::Usage(format!("where to? one of {all} says it")))
    }
}

/// The offsets that are found; partitions without one are left out.
async fn find(
    admin: &Admin,
    partitions: &BTreeSet<TopicPartition>,
    spec: OffsetSpec,
) -> Outcome<Goals> {
    let asked = partitions.iter().map(|which| (which.clone(), spec));
    let found = admin.list_offsets(asked).await?.all()?;
    Ok(found.into_iter().filter_map(|(which, found)| Some((which, found.offset?))).collect())
}

/// What lies outside of a log is moved to the end of it that is nearer.
async fn within(admin: &Admin, wanted: Goals) -> Outcome<Goals> {
    let partitions = wanted.keys().cloned().collect();
    let first = find(admin, &partitions, OffsetSpec::Earliest).await?;
    let end = find(admin, &partitions, OffsetSpec::Latest).await?;
    let moved = wanted.into_iter().map(|(which, offset)| {
        let first = first.get(&which).copied().unwrap_or(0);
        let end = end.get(&which).copied().unwrap_or(first).max(first);
        let goal = offset.clamp(first, end);
        if goal != offset {
            let bound = if goal == first { "lower than the first" } else { "higher than the last" };
            warn(format_args!(
                "new offset {offset} is {bound} of {}-{}: it will be {goal}",
                which.topic, which.partition
            ));
        }
        (which, goal)
    });
    Ok(moved.collect())
}

/// Kafka lets offsets be reset only where no member would go on from its own.
async fn check_idle(admin: &Admin, group: &Arc<str>) -> Outcome {
    let described = admin.describe_groups([group.clone()]).await?;
    match described.into_iter().next() {
        Some((_, Ok(group))) if !group.members.is_empty() => Err(Failure::Failed(format!(
            "the offsets of group {} can only be reset while it has no members, but it is {} with \
             {} of them: stop its consumers first",
            group.group_id,
            group.state,
            group.members.len()
        ))),
        Some((_, Err(error))) if error.code() != Some(ErrorCode::GROUP_ID_NOT_FOUND) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}

fn show(plan: &BTreeMap<Arc<str>, Goals>, out: &mut Out) -> Outcome {
    let mut rows = Rows::new(&COLUMNS);
    for (group, goals) in plan {
        for (which, offset) in goals {
            let which = (json!(*which.topic), json!(which.partition));
            rows.push([json!(**group), which.0, which.1, json!(offset)]);
        }
    }
    out.remark("")?;
    out.rows(&rows)
}

/// As Kafka does: the group is in a line only if there are several.
fn export(plan: &BTreeMap<Arc<str>, Goals>, out: &mut Out) -> Outcome {
    for (group, goals) in plan {
        for (TopicPartition { topic, partition, .. }, offset) in goals {
            if plan.len() > 1 {
                out.line(format_args!("{group},{topic},{partition},{offset}"))?;
            } else {
                out.line(format_args!("{topic},{partition},{offset}"))?;
            }
        }
    }
    Ok(())
}

/// Lines of `topic,partition,offset` of the `one` group, or with the group before them.
fn read(text: &str, one: Option<&Arc<str>>) -> Result<BTreeMap<Arc<str>, Goals>, String> {
    let mut plan: BTreeMap<Arc<str>, Goals> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let (group, cells) = match (&cells[..], one) {
            ([group, rest @ ..], _) if rest.len() == 3 => (Arc::from(*group), rest),
            (all, Some(one)) if all.len() == 3 => (one.clone(), all),
            (all, None) if all.len() == 3 => {
                return Err(format!("line {number} names no group: --group GROUP says which"));
            }
            _ => return Err(format!("line {number}: expected topic,partition,offset")),
        };
        let number_of = |cell: &str, what: &str| {
            let wrong = |_| format!("line {number}: {cell:?} is no {what}");
            cell.parse::<i64>().map_err(wrong)
        };
        let partition = i32::try_from(number_of(cells[1], "partition")?);
        let partition = partition.map_err(|_| format!("line {number}: no such partition"))?;
        let which = TopicPartition::new(cells[0], partition);
        plan.entry(group).or_default().insert(which, number_of(cells[2], "offset")?);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_exported_is_read() {
        let group: Arc<str> = "g".into();
        let plan = read("two,0,5\n\n\"one\",3,7\n", Some(&group)).unwrap();
        let goals = [("one", 3, 7), ("two", 0, 5)];
        let expected: Goals =
            goals.iter().map(|(t, p, o)| (TopicPartition::new(*t, *p), *o)).collect();
        assert_eq!(plan, BTreeMap::from([(group, expected)]));
        let plan = read("a,two,0,5\nb,two,0,6", None).unwrap();
        assert_eq!(
            plan.values().map(|goals| goals[&("two", 0).into()]).collect::<Vec<_>>(),
            [5, 6]
        );
    }

    #[test]
    fn lines_that_cannot_be_read_are_named() {
        let group: Arc<str> = "g".into();
        let error = |text: &str| read(text, Some(&group)).unwrap_err();
        assert_eq!(error("a,0,1\nb,0"), "line 2: expected topic,partition,offset");
        assert_eq!(error("a,x,1"), "line 1: \"x\" is no partition");
        assert!(read("a,0,1", None).unwrap_err().contains("names no group"));
    }
}
