//! Moving a group to other offsets: to the ends, to an offset, to a moment, forwards and back.

use super::super::offsets::{ListedOffset, OffsetSpec};
use super::super::{Admin, Results};
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a group is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetReset {
    /// At the first record that is there.
    Earliest,
    /// Behind the last record.
    Latest,
    /// At this offset.
    Offset(i64),
    /// At the first record that is not older than this moment, in milliseconds since 1970; behind the last record if
    /// there is none.
    Timestamp(i64),
    /// This many records behind where it has committed, or before it if the number is negative.
    ShiftBy(i64),
}

impl Admin {
    /// Moves a group that has no members, and answers where each partition goes on. What lies outside of the log is
    /// moved to the end of the log that is nearer.
    ///
    /// # Errors
    /// As [`Admin::list_offsets`] and [`Admin::alter_group_offsets`]. Of a partition: it is to be shifted and the group
    /// has committed nothing there.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn reset_group_offsets(
        &self,
        group: impl Into<Arc<str>>,
        partitions: impl IntoIterator<Item = impl Into<TopicPartition>>,
        to: OffsetReset,
    ) -> Result<Results<TopicPartition, i64>> {
        let group = group.into();
        let partitions: BTreeSet<_> = partitions.into_iter().map(Into::into).collect();
        let first = self.find(&partitions, OffsetSpec::Earliest).await?;
        let mut end = self.find(&partitions, OffsetSpec::Latest).await?;
        let mut wanted = match to {
            OffsetReset::Timestamp(ms) => self.find(&partitions, OffsetSpec::Timestamp(ms)).await?,
            _ => BTreeMap::new(),
        };
        let committed = match to {
            OffsetReset::ShiftBy(_) => self.list_group_offsets(group.clone()).await?,
            _ => BTreeMap::new(),
        };
        let mut goals = BTreeMap::new();
        for (which, first) in first {
            let goal = first.and_then(|first| {
                let first = first.offset.unwrap_or_default();
                let end = end.remove(&which).transpose()?.and_then(|found| found.offset);
                let end = end.unwrap_or(first);
                let goal = match to {
                    OffsetReset::Earliest => first,
                    OffsetReset::Latest => end,
                    OffsetReset::Offset(offset) => offset,
                    OffsetReset::Timestamp(_) => {
                        let found = wanted.remove(&which).transpose()?;
                        found.and_then(|found| found.offset).unwrap_or(end)
                    }
                    OffsetReset::ShiftBy(count) => match committed.get(&which) {
                        Some(at) => at.offset.saturating_add(count),
                        None => return Err(nothing_committed(&which)),
                    },
                };
                Ok(goal.clamp(first, end.max(first)))
            });
            goals.insert(which, goal);
        }
        let offsets = goals
            .iter()
            .filter_map(|(which, goal)| goal.as_ref().ok().map(|offset| (which.clone(), *offset)));
        for (which, altered) in self.alter_group_offsets(group, offsets.collect::<Vec<_>>()).await?
        {
            if let Err(error) = altered {
                goals.insert(which, Err(error));
            }
        }
        Ok(Results(goals))
    }

    async fn find(
        &self,
        partitions: &BTreeSet<TopicPartition>,
        spec: OffsetSpec,
    ) -> Result<BTreeMap<TopicPartition, Result<ListedOffset>>> {
        let asked: Vec<_> = partitions.iter().map(|which| (which.clone(), spec)).collect();
        Ok(self.list_offsets(asked).await?.0)
    }
}

#[cold]
fn nothing_committed(which: &TopicPartition) -> Error {
    let reason = "the group has committed nothing there that could be shifted";
    let error = Error::new(ErrorKind::Invalid, "shift the offset of the group", reason);
    error.with_topic(&which.topic, Some(which.partition))
}
