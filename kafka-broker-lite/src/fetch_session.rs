//! Incremental fetch sessions (KIP-227): what a consumer wants is remembered, so that it names only what changes and
//! is told only what is new.
//!
//! A session belongs to whoever knows its id and counts its epoch, not to a connection. The number of sessions is
//! bounded; a new one takes the place of one that is idle, or of an older and smaller one.

use kafka_proto::ErrorCode;
use kafka_proto::messages::fetch::{FetchPartition, PartitionData, Request};
use kafka_proto::records::Records;
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Epoch of a request that opens a session.
const INITIAL_EPOCH: i32 = 0;

/// Epoch of a request that closes its session, or has none.
const FINAL_EPOCH: i32 = -1;

/// After this long unused a session gives way to any other, and from this age on to a larger one
/// (`min.incremental.fetch.session.eviction.ms`).
const EVICTION_MS: u64 = 120_000;

/// The first version that names topics by their ids.
const TOPIC_IDS_SINCE: i16 = 13;

/// How a request names a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TopicRef {
    Name(Arc<str>),
    Id(Uuid),
}

/// One partition that a consumer wants to read.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) topic: TopicRef,
    /// What the topic was called when it was named by its id.
    pub(crate) known_as: Option<Arc<str>>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) max_bytes: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) last_fetched_epoch: i32,
}

impl Wanted {
    fn new(topic: TopicRef, known_as: Option<Arc<str>>, asked: &FetchPartition) -> Self {
        Self {
            topic,
            known_as,
            partition: asked.partition,
            offset: asked.fetch_offset,
            max_bytes: asked.partition_max_bytes,
            // Any other negative epoch stands for none, too.
            leader_epoch: asked.current_leader_epoch.max(-1),
            last_fetched_epoch: asked.last_fetched_epoch,
        }
    }

    fn key(&self) -> Key {
        (self.topic.clone(), self.partition)
    }
}

type Key = (TopicRef, i32);

/// What becomes of a request's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// Everything is told and nothing remembered.
    Sessionless,
    /// Everything is told and remembered, if there is room.
    Opening,
    /// What is new is told.
    Incremental(i32),
}

#[derive(Debug)]
struct Remembered {
    wanted: Wanted,
    /// Partitions are read in this order; those that gave records go to the end of it.
    turn: u64,
    high_watermark: i64,
    log_start: i64,
}

#[derive(Debug)]
struct Session {
    /// Of the next request.
    epoch: i32,
    topic_ids: bool,
    created_ms: u64,
    used_ms: u64,
    partitions: BTreeMap<Key, Remembered>,
    turns: BTreeMap<u64, Key>,
    next_turn: u64,
}

/// The sessions of a broker.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots: usize,
    sessions: BTreeMap<i32, Session>,
}

impl FetchSessions {
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots, sessions: BTreeMap::new() }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Takes a request in: what to read, in order, and what its answer will be measured by.
    ///
    /// # Errors
    /// The error that answers the request as a whole.
    pub(crate) fn begin(
        &mut self,
        now_ms: u64,
        version: i16,
        request: &Request,
        name_of: &dyn Fn(Uuid) -> Option<Arc<str>>,
    ) -> Result<(Context, Vec<Wanted>), ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        let topic_ids = version >= TOPIC_IDS_SINCE;
        let asked = wanted(request, topic_ids, name_of);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            self.sessions.remove(&id);
            let opening = epoch == INITIAL_EPOCH;
            let context = if opening { Context::Opening } else { Context::Sessionless };
            return Ok((context, asked));
        }
        let session = self.sessions.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.topic_ids != topic_ids {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        session.epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        session.used_ms = now_ms;
        asked.into_iter().for_each(|wanted| session.want(wanted));
        for topic in &request.forgotten_topics_data {
            let named = topic_ref(topic_ids, topic.topic_id, &topic.topic);
            topic.partitions.iter().for_each(|index| session.forget(&(named.clone(), *index)));
        }
        if session.partitions.is_empty() {
            self.sessions.remove(&id);
            return Ok((Context::Sessionless, Vec::new()));
        }
        Ok((Context::Incremental(id), session.in_turn(name_of)))
    }

    /// Gives the session id of an answer, and keeps of `found` what belongs in it.
    pub(crate) fn finish(
        &mut self,
        now_ms: u64,
        context: Context,
        random: u64,
        found: &mut Vec<(Wanted, PartitionData)>,
    ) -> i32 {
        match context {
            Context::Sessionless => 0,
            Context::Opening => self.open(now_ms, random, found).unwrap_or(0),
            Context::Incremental(id) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    found.retain(|(wanted, data)| session.is_news(wanted, data));
                }
                id
            }
        }
    }

    fn open(&mut self, now_ms: u64, random: u64, found: &[(Wanted, PartitionData)]) -> Option<i32> {
        if found.is_empty() || !self.make_room(now_ms, found.len()) {
            return None;
        }
        let [_, _, _, _, bytes @ ..] = random.to_be_bytes();
        let mut id = (i32::from_be_bytes(bytes) & i32::MAX).max(1);
        while self.sessions.contains_key(&id) {
            id = if id == i32::MAX { 1 } else { id + 1 };
        }
        let mut session = Session {
            epoch: 1,
            topic_ids: matches!(found.first(), Some((Wanted { topic: TopicRef::Id(_), .. }, _))),
            created_ms: now_ms,
            used_ms: now_ms,
            partitions: BTreeMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
        };
        for (wanted, data) in found {
            session.want(wanted.clone());
            session.is_news(wanted, data);
        }
        self.sessions.insert(id, session);
        Some(id)
    }

    /// Whether there is a free slot for a session of `size` partitions, by removing another if need be.
    fn make_room(&mut self, now_ms: u64, size: usize) -> bool {
        if self.sessions.len() < self.slots {
            return true;
        }
        let idle = self.sessions.iter().min_by_key(|(id, session)| (session.used_ms, **id));
        let idle = idle.filter(|(_, session)| now_ms.saturating_sub(session.used_ms) > EVICTION_MS);
        let smaller = || {
            let old = |session: &Session| now_ms.saturating_sub(session.created_ms) > EVICTION_MS;
            let evictable = self.sessions.iter().filter(|(_, session)| old(session));
            evictable
                .min_by_key(|(id, session)| (session.partitions.len(), **id))
                .filter(|(_, session)| session.partitions.len() <= size)
        };
        match idle.or_else(smaller).map(|(id, _)| *id) {
            Some(id) if self.slots > 0 => self.sessions.remove(&id).is_some(),
            _ => false,
        }
    }
}

impl Session {
    fn want(&mut self, wanted: Wanted) {
        let key = wanted.key();
        if let Some(remembered) = self.partitions.get_mut(&key) {
            remembered.wanted = wanted;
            return;
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(turn, key.clone());
        let remembered = Remembered { wanted, turn, high_watermark: -1, log_start: -1 };
        self.partitions.insert(key, remembered);
    }

    fn forget(&mut self, key: &Key) {
        if let Some(remembered) = self.partitions.remove(key) {
            self.turns.remove(&remembered.turn);
        }
    }

    fn in_turn(&mut self, name_of: &dyn Fn(Uuid) -> Option<Arc<str>>) -> Vec<Wanted> {
        let mut all = Vec::with_capacity(self.partitions.len());
        for key in self.turns.values() {
            let Some(remembered) = self.partitions.get_mut(key) else { continue };
            let wanted = &mut remembered.wanted;
            if let (TopicRef::Id(id), None) = (&wanted.topic, &wanted.known_as) {
                wanted.known_as = name_of(*id);
            }
            all.push(wanted.clone());
        }
        all
    }

    /// Whether the consumer has to be told, and remembers that it was.
    fn is_news(&mut self, wanted: &Wanted, data: &PartitionData) -> bool {
        let key = wanted.key();
        let Some(remembered) = self.partitions.get_mut(&key) else { return false };
        let has_records =
            data.records.as_ref().is_some_and(|records: &Records| !records.is_empty());
        let moved = remembered.high_watermark != data.high_watermark
            || remembered.log_start != data.log_start_offset;
        let failed = !data.error_code.is_ok();
        // An error is told again and again, and so is whatever follows it.
        remembered.high_watermark = if failed { -1 } else { data.high_watermark };
        remembered.log_start = data.log_start_offset;
        if has_records {
            self.turns.remove(&remembered.turn);
            remembered.turn = self.next_turn;
            self.turns.insert(remembered.turn, key);
            self.next_turn += 1;
        }
        has_records || moved || failed || data.diverging_epoch.epoch >= 0
    }
}

fn topic_ref(topic_ids: bool, id: Uuid, name: &Arc<str>) -> TopicRef {
    if topic_ids { TopicRef::Id(id) } else { TopicRef::Name(name.clone()) }
}

fn wanted(
    request: &Request,
    topic_ids: bool,
    name_of: &dyn Fn(Uuid) -> Option<Arc<str>>,
) -> Vec<Wanted> {
    let mut all = Vec::new();
    for topic in &request.topics {
        let named = topic_ref(topic_ids, topic.topic_id, &topic.topic);
        let known_as = if topic_ids { name_of(topic.topic_id) } else { None };
        for partition in &topic.partitions {
            all.push(Wanted::new(named.clone(), known_as.clone(), partition));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_proto::messages::fetch::{FetchTopic, ForgottenTopic};

    fn request(id: i32, epoch: i32, partitions: &[i32]) -> Request {
        let ask = |partition: &i32| FetchPartition { partition: *partition, ..Default::default() };
        let partitions = partitions.iter().map(ask).collect();
        let topic = FetchTopic { topic: "t".into(), partitions, ..Default::default() };
        let topics = vec![topic];
        Request { session_id: id, session_epoch: epoch, topics, ..Default::default() }
    }

    fn begin(
        sessions: &mut FetchSessions,
        now_ms: u64,
        request: &Request,
    ) -> Result<(Context, Vec<Wanted>), ErrorCode> {
        sessions.begin(now_ms, 12, request, &|_| None)
    }

    fn answer(wanted: Vec<Wanted>, high_watermark: i64) -> Vec<(Wanted, PartitionData)> {
        let data = PartitionData { high_watermark, ..Default::default() };
        wanted.into_iter().map(|wanted| (wanted, data.clone())).collect()
    }

    fn open(sessions: &mut FetchSessions, now_ms: u64, partitions: &[i32]) -> i32 {
        let (context, wanted) = begin(sessions, now_ms, &request(0, 0, partitions)).unwrap();
        let mut found = answer(wanted, 0);
        let id = sessions.finish(now_ms, context, 99 + now_ms, &mut found);
        assert_eq!(found.len(), partitions.len(), "the first answer tells everything");
        id
    }

    fn told(found: &[(Wanted, PartitionData)]) -> Vec<i32> {
        found.iter().map(|(wanted, _)| wanted.partition).collect()
    }

    #[test]
    fn tells_only_what_is_new_and_forgets_what_it_should() {
        let mut sessions = FetchSessions::new(10);
        let id = open(&mut sessions, 0, &[0, 1, 2]);
        let (context, wanted) = begin(&mut sessions, 1, &request(id, 1, &[])).unwrap();
        let mut found = answer(wanted, 0);
        found[1].1.high_watermark = 5;
        assert_eq!(sessions.finish(1, context, 0, &mut found), id);
        assert_eq!(told(&found), [1]);

        let mut next = request(id, 2, &[3]);
        let forgotten =
            ForgottenTopic { topic: "t".into(), partitions: vec![0, 2], ..Default::default() };
        next.forgotten_topics_data = vec![forgotten];
        let (_, wanted) = begin(&mut sessions, 2, &next).unwrap();
        let partitions: Vec<_> = wanted.iter().map(|wanted| wanted.partition).collect();
        assert_eq!(partitions, [1, 3]);
    }

    #[test]
    fn partitions_that_gave_records_wait_for_the_others() {
        let mut sessions = FetchSessions::new(10);
        let id = open(&mut sessions, 0, &[0, 1, 2]);
        let (context, wanted) = begin(&mut sessions, 1, &request(id, 1, &[])).unwrap();
        let mut found = answer(wanted, 0);
        found[0].1.records = Some(Records::Bytes(vec![1].into()));
        sessions.finish(1, context, 0, &mut found);
        let (_, wanted) = begin(&mut sessions, 2, &request(id, 2, &[])).unwrap();
        let partitions: Vec<_> = wanted.iter().map(|wanted| wanted.partition).collect();
        assert_eq!(partitions, [1, 2, 0]);
    }

    #[test]
    fn an_error_is_told_until_it_is_gone_and_then_the_recovery_is() {
        let mut sessions = FetchSessions::new(10);
        let id = open(&mut sessions, 0, &[0]);
        for (epoch, error_code, expected) in [
            (1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, vec![0]),
            (2, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, vec![0]),
            (3, ErrorCode::NONE, vec![0]),
            (4, ErrorCode::NONE, vec![]),
        ] {
            let (context, wanted) = begin(&mut sessions, 1, &request(id, epoch, &[])).unwrap();
            let mut found = answer(wanted, 0);
            found[0].1.error_code = error_code;
            sessions.finish(1, context, 0, &mut found);
            assert_eq!(told(&found), expected, "epoch {epoch}");
        }
    }

    #[test]
    fn refuses_unknown_ids_wrong_epochs_and_a_change_to_topic_ids() {
        let mut sessions = FetchSessions::new(10);
        let id = open(&mut sessions, 0, &[0]);
        let refused = |sessions: &mut FetchSessions, request: &Request, version| {
            sessions.begin(0, version, request, &|_| None).unwrap_err()
        };
        let unknown = refused(&mut sessions, &request(id ^ 1, 1, &[]), 12);
        assert_eq!(unknown, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        let skipped = refused(&mut sessions, &request(id, 2, &[]), 12);
        assert_eq!(skipped, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        let changed = refused(&mut sessions, &request(id, 1, &[]), 13);
        assert_eq!(changed, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        assert!(begin(&mut sessions, 0, &request(id, -1, &[0])).is_ok(), "closes it");
        let closed = refused(&mut sessions, &request(id, 1, &[]), 12);
        assert_eq!(closed, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn a_session_without_partitions_ends() {
        let mut sessions = FetchSessions::new(10);
        let id = open(&mut sessions, 0, &[0]);
        let mut request = request(id, 1, &[]);
        request.forgotten_topics_data =
            vec![ForgottenTopic { topic: "t".into(), partitions: vec![0], ..Default::default() }];
        let (context, wanted) = begin(&mut sessions, 0, &request).unwrap();
        assert_eq!((context, wanted.len(), sessions.len()), (Context::Sessionless, 0, 0));
    }

    #[test]
    fn a_full_cache_gives_way_to_larger_sessions_after_a_while_and_to_all_when_idle() {
        let mut sessions = FetchSessions::new(1);
        let first = open(&mut sessions, 0, &[0, 1]);
        assert_ne!(first, 0);
        assert_eq!(open(&mut sessions, 10, &[0, 1, 2]), 0, "the first is too young");
        begin(&mut sessions, EVICTION_MS, &request(first, 1, &[])).unwrap();
        let later = EVICTION_MS + 1;
        assert_eq!(open(&mut sessions, later, &[0]), 0, "the first is larger");
        let second = open(&mut sessions, later, &[0, 1, 2]);
        assert_ne!(second, 0);
        let gone = begin(&mut sessions, later, &request(first, 2, &[])).unwrap_err();
        assert_eq!(gone, ErrorCode::FETCH_SESSION_ID_NOT_FOUND, "the first gave way");
        assert_ne!(open(&mut sessions, 3 * EVICTION_MS, &[0]), 0, "the second is idle");
        let mut none = FetchSessions::new(0);
        assert_eq!(open(&mut none, 0, &[0]), 0);
    }
}
