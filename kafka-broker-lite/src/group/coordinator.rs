//! All groups of the broker with their offsets: finds the group a request is about, keeps the time for all, and brings
//! them back from the log.
//!
//! A group is there from the first JoinGroup or commit for it until it is deleted, or until nobody is in it and all its
//! offsets are forgotten.

use super::classic::{ClassicGroup, Join, Leaving, Sync};
use super::offsets::{Committed, Offsets};
use super::records::{self, Change, Entry};
use super::timers::Timers;
use super::{Ticket, Turn};
use kafka_proto::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A group, and how far it has read.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) classic: ClassicGroup,
    pub(crate) offsets: Offsets,
}

/// Who commits offsets.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) member_id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
    /// -1 for somebody who is no member.
    pub(crate) generation: i32,
    /// What such a commit is told when there is no such group.
    pub(crate) unknown_group: ErrorCode,
}

/// An offset to be committed.
#[derive(Clone, Debug)]
pub(crate) struct NewOffset {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) committed: Committed,
}

#[derive(Debug)]
pub(crate) struct Coordinator {
    groups: BTreeMap<Arc<str>, Group>,
    timers: Timers<Arc<str>>,
    next_ticket: u64,
    /// When to look for offsets to forget; nothing is forgotten before there are groups.
    next_check_ms: Option<u64>,
}

impl Coordinator {
    pub(crate) fn new() -> Self {
        let (groups, timers) = (BTreeMap::new(), Timers::new());
        Self { groups, timers, next_ticket: 0, next_check_ms: None }
    }

    /// A ticket that nobody has.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// When [`Self::tick`] is due.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let group_ms = self.timers.first();
        let both = group_ms.zip(self.next_check_ms).map(|(group, check)| group.min(check));
        both.or(group_ms).or(self.next_check_ms)
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>) {
        while let Some(id) = self.timers.due(turn.now.monotonic_ms) {
            self.with(turn, &id, ClassicGroup::tick);
        }
        if self.next_check_ms.is_some_and(|at_ms| at_ms <= turn.now.monotonic_ms) {
            self.next_check_ms = None;
            self.forget_expired(turn);
            self.schedule_check(turn);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    /// All of them, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Group)> {
        self.groups.iter()
    }

    /// Somebody wants to be a member; the answer comes by the ticket.
    pub(crate) fn join(&mut self, turn: &mut Turn<'_>, group: &Arc<str>, join: Join) {
        let config = turn.config;
        let sessions_ms = config.min_session_timeout_ms..=config.max_session_timeout_ms;
        let refused = if group.is_empty() {
            Err(ErrorCode::INVALID_GROUP_ID)
        } else if !sessions_ms.contains(&join.session_timeout_ms) {
            Err(ErrorCode::INVALID_SESSION_TIMEOUT)
        } else if self.groups.contains_key(group) {
            Ok(())
        } else if join.member_id.is_empty() {
            self.create(turn, group)
        } else {
            Err(ErrorCode::UNKNOWN_MEMBER_ID)
        };
        match refused {
            Ok(()) => {
                self.with(turn, group, |classic, turn| classic.join(turn, join));
            }
            Err(code) => turn.refuse_join(join.ticket, &join.member_id, code),
        }
    }

    fn create(&mut self, turn: &mut Turn<'_>, id: &Arc<str>) -> Result<(), ErrorCode> {
        let classic = ClassicGroup::new(id.clone(), turn.now.wall_ms);
        turn.write(id, [records::group(&classic, &BTreeMap::new())])?;
        self.insert(turn, id, classic);
        Ok(())
    }

    fn insert(&mut self, turn: &Turn<'_>, id: &Arc<str>, classic: ClassicGroup) {
        self.groups.insert(id.clone(), Group { classic, offsets: Offsets::default() });
        self.schedule_check(turn);
    }

    fn schedule_check(&mut self, turn: &Turn<'_>) {
        if !self.groups.is_empty() {
            let at_ms = turn.now.monotonic_ms + turn.config.offsets_retention_check_interval_ms;
            self.next_check_ms.get_or_insert(at_ms);
        }
    }

    /// Lets a group act, and notes when it wants to act again; `None` when there is no such group.
    fn with<T>(
        &mut self,
        turn: &mut Turn<'_>,
        id: &Arc<str>,
        act: impl FnOnce(&mut ClassicGroup, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let group = self.groups.get_mut(id)?;
        let result = act(&mut group.classic, turn);
        self.timers.put(id, group.classic.deadline());
        Some(result)
    }

    /// A member asks for its assignment; the answer comes by the ticket.
    pub(crate) fn sync(&mut self, turn: &mut Turn<'_>, group: &Arc<str>, sync: Sync) {
        let ticket = sync.ticket;
        if group.is_empty() {
            return turn.refuse_sync(ticket, ErrorCode::INVALID_GROUP_ID);
        }
        if self.with(turn, group, |classic, turn| classic.sync(turn, sync)).is_none() {
            turn.refuse_sync(ticket, ErrorCode::UNKNOWN_MEMBER_ID);
        }
    }

    /// A member says that it is there.
    ///
    /// # Errors
    /// What it is told when it is none, or has to join again.
    pub(crate) fn heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        group: &Arc<str>,
        member_id: &Arc<str>,
        instance_id: Option<&Arc<str>>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        if group.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        self.with(turn, group, |classic, turn| {
            classic.heartbeat(turn, member_id, instance_id, generation)
        })
        .unwrap_or(Err(ErrorCode::UNKNOWN_MEMBER_ID))
    }

    /// Members leave; gives what became of each.
    ///
    /// # Errors
    /// When nothing can be said of any of them.
    pub(crate) fn leave(
        &mut self,
        turn: &mut Turn<'_>,
        group: &Arc<str>,
        leaving: &[Leaving],
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        if group.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let left = self.with(turn, group, |classic, turn| classic.leave(turn, leaving));
        Ok(left.unwrap_or_else(|| vec![Err(ErrorCode::UNKNOWN_MEMBER_ID); leaving.len()]))
    }

    /// Commits offsets; they hold when this returns. Gives what became of each.
    ///
    /// # Errors
    /// When none of them is taken.
    pub(crate) fn commit(
        &mut self,
        turn: &mut Turn<'_>,
        group: &Arc<str>,
        commit: &Commit,
        offsets: Vec<NewOffset>,
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        let Commit { member_id, instance_id, generation, unknown_group } = commit;
        let checked = self.with(turn, group, |classic, turn| {
            classic.check_commit(turn, member_id, instance_id.as_ref(), *generation)
        });
        match checked {
            Some(checked) => checked?,
            None if *generation >= 0 => return Err(*unknown_group),
            None => {}
        }
        let longest = turn.config.offset_metadata_max_bytes;
        let fits = |new: &NewOffset| new.committed.metadata.encode_utf16().count() <= longest;
        let results = offsets
            .iter()
            .map(|new| fits(new).then_some(()).ok_or(ErrorCode::OFFSET_METADATA_TOO_LARGE))
            .collect();
        let offsets: Vec<_> = offsets.into_iter().filter(fits).collect();
        if offsets.is_empty() {
            return Ok(results);
        }
        turn.write(group, offsets.iter().map(|new| records::offset(group, new)))?;
        if checked.is_none() {
            self.insert(turn, group, ClassicGroup::new(group.clone(), turn.now.wall_ms));
        }
        let Some(known) = self.groups.get_mut(group) else { return Ok(results) };
        for NewOffset { topic, partition, committed } in offsets {
            known.offsets.insert(topic, partition, committed);
        }
        Ok(results)
    }

    /// Forgets committed offsets; gives what became of each.
    ///
    /// # Errors
    /// When none of them may be forgotten.
    pub(crate) fn delete_offsets(
        &mut self,
        turn: &mut Turn<'_>,
        id: &Arc<str>,
        partitions: &[(Arc<str>, i32)],
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let group = self.groups.get(id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        if !group.classic.is_empty() && !group.classic.is_of_consumers() {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let free = |topic: &Arc<str>| !group.classic.is_subscribed_to(topic);
        let results = partitions
            .iter()
            .map(|(topic, _)| free(topic).then_some(()).ok_or(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC))
            .collect();
        let known = |(topic, partition): &&(Arc<str>, i32)| {
            free(topic) && group.offsets.get(topic, *partition).is_some()
        };
        let gone: Vec<_> = partitions.iter().filter(known).cloned().collect();
        self.forget(turn, id, &gone, false)?;
        Ok(results)
    }

    /// Deletes a group that nobody is in, with its offsets.
    ///
    /// # Errors
    /// Why it cannot be deleted.
    pub(crate) fn delete(&mut self, turn: &mut Turn<'_>, id: &Arc<str>) -> Result<(), ErrorCode> {
        let group = self.groups.get(id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        if !group.classic.is_empty() {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let all: Vec<_> =
            group.offsets.partitions().map(|(topic, at, _)| (topic.clone(), at)).collect();
        self.forget(turn, id, &all, true)
    }

    /// Forgets every offset of a topic that is deleted.
    pub(crate) fn topic_is_deleted(&mut self, turn: &mut Turn<'_>, topic: &str) {
        let of_topic = |(id, group): (&Arc<str>, &Group)| {
            let (topic, partitions) = group.offsets.topics().get_key_value(topic)?;
            let gone = partitions.keys().map(|at| (topic.clone(), *at)).collect::<Vec<_>>();
            Some((id.clone(), gone))
        };
        let gone: Vec<_> = self.groups.iter().filter_map(of_topic).collect();
        for (id, gone) in gone {
            // What cannot be written down stays, and expires.
            let _kept = self.forget(turn, &id, &gone, false);
        }
    }

    fn forget_expired(&mut self, turn: &mut Turn<'_>) {
        let ids: Vec<_> = self.groups.keys().cloned().collect();
        for id in ids {
            let Some(group) = self.groups.get(&id) else { continue };
            let retention_ms = turn.config.offsets_retention_ms;
            let gone = group.offsets.expired(&group.classic, turn.now.wall_ms, retention_ms);
            let left = group.offsets.partitions().count() > gone.len();
            let whole = group.classic.is_empty() && !group.classic.is_expecting() && !left;
            // What cannot be written down is tried again next time.
            let _kept = self.forget(turn, &id, &gone, whole);
        }
    }

    /// Forgets offsets of a group, and with `whole` the group itself.
    fn forget(
        &mut self,
        turn: &mut Turn<'_>,
        id: &Arc<str>,
        partitions: &[(Arc<str>, i32)],
        whole: bool,
    ) -> Result<(), ErrorCode> {
        let offsets = partitions.iter().map(|(topic, at)| records::no_offset(id, topic, *at));
        turn.write(id, offsets.chain(whole.then(|| records::no_group(id))))?;
        if let Some(group) = self.groups.get_mut(id) {
            for (topic, partition) in partitions {
                group.offsets.remove(topic, *partition);
            }
        }
        if whole {
            self.groups.remove(id);
            self.timers.clear(id);
        }
        Ok(())
    }

    /// Takes in a record of the log, in its order; [`Self::start`] comes when all are in.
    pub(crate) fn load(&mut self, entry: &Entry) {
        match records::read(entry) {
            Some(Change::Group(id, Some(value))) => {
                let classic = ClassicGroup::from_record(id.clone(), value);
                match self.groups.get_mut(&id) {
                    Some(group) => group.classic = classic,
                    None => {
                        let offsets = Offsets::default();
                        self.groups.insert(id, Group { classic, offsets });
                    }
                }
            }
            Some(Change::Group(id, None)) => {
                self.groups.remove(&id);
            }
            Some(Change::Offset { group, topic, partition, committed: Some(committed) }) => {
                let fresh = || Group {
                    classic: ClassicGroup::new(group.clone(), committed.committed_ms),
                    offsets: Offsets::default(),
                };
                let group = self.groups.entry(group.clone()).or_insert_with(fresh);
                group.offsets.insert(topic, partition, committed);
            }
            Some(Change::Offset { group, topic, partition, committed: None }) => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.offsets.remove(&topic, partition);
                }
            }
            None => {}
        }
    }

    /// Begins to look after the groups that were loaded.
    pub(crate) fn start(&mut self, turn: &mut Turn<'_>) {
        let ids: Vec<_> = self.groups.keys().cloned().collect();
        for id in ids {
            self.with(turn, &id, ClassicGroup::start);
        }
        self.schedule_check(turn);
    }

    /// Lets go of all groups, and tells those that wait to look for another coordinator.
    pub(crate) fn unload(&mut self, turn: &mut Turn<'_>) {
        self.groups.values_mut().for_each(|group| group.classic.unload(turn));
        self.groups.clear();
        self.timers = Timers::new();
        self.next_check_ms = None;
    }
}
