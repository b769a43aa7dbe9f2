//! A test's hand in the broker: make requests fail, wait or lose their answers, and see what was asked.
//!
//! A [`Control`] is a handle that can be cloned and used from any thread. Rules are tried in the order they were made;
//! the first that fits a request acts on it, and on its last time it goes.
//!
//! ```
//! use kafka_broker_lite::control::Control;
//! use kafka_proto::{ErrorCode, api::ApiKey};
//! use std::time::Duration;
//!
//! let control = Control::default();
//! control.on(ApiKey::PRODUCE).times(2).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
//! control.on(ApiKey::FETCH).skip(10).times(1).lose_reply();
//! control.on(ApiKey::METADATA).delay(Duration::from_millis(50));
//! control.clear();
//! ```

use crate::broker::ConnectionId;
use kafka_proto::ErrorCode;
use kafka_proto::api::{ApiKey, Versions};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Requests that the log keeps; older ones go.
const LOG_LENGTH: usize = 10_000;

/// Steers a running broker. Clones steer the same one.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    rules: Vec<Rule>,
    log: VecDeque<LoggedRequest>,
    counters: Counters,
    release: Option<Release>,
    orders: Vec<Order>,
}

#[derive(Debug)]
struct Rule {
    api: ApiKey,
    client_id: Option<Arc<str>>,
    skip: u64,
    /// `None` for ever.
    times: Option<u64>,
    fault: Fault,
}

/// What a rule does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered with an error in place of being handled.
    Error(ErrorCode),
    /// Handled, and then answered with an error.
    HandledError(ErrorCode),
    /// Handled later.
    Delay(Duration),
    /// Handled at once, answered later.
    DelayReply(Duration),
    /// Not handled; the connection closes.
    DropConnection,
    /// Handled; the connection closes without an answer.
    LoseReply,
    /// Handled; the connection closes after that many bytes of the answer.
    CutReply(usize),
    /// Handled; neither it nor anything after it is answered, and the connection stays open.
    Hang,
}

/// Something to be done to the broker itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// A partition gets a new leader epoch, as if its leader had changed.
    RaiseLeaderEpoch { topic: Arc<str>, partition: i32 },
    /// Groups come back from their log, as if their coordinator had failed over.
    RestartCoordinator,
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// What was asked.
    pub api: ApiKey,
    /// In which version.
    pub version: i16,
    /// On which connection.
    pub connection: ConnectionId,
    /// By whom.
    pub client_id: Option<Arc<str>>,
}

/// What the broker has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests per API.
    pub requests: BTreeMap<ApiKey, u64>,
    /// Batches that went into a log.
    pub appended_batches: u64,
    /// Batches that were in the log already, and were answered with their old offset.
    pub duplicates_answered: u64,
    /// Rules that acted.
    pub faults: u64,
    /// Fetches that had to wait.
    pub waited_fetches: u64,
}

/// A release of Kafka whose API versions the broker offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 2.1
    V2_1,
    /// 2.8
    V2_8,
    /// 3.9
    V3_9,
    /// 4.0
    V4_0,
    /// 4.4
    V4_4,
}

impl std::str::FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "2.1" => Ok(Self::V2_1),
            "2.8" => Ok(Self::V2_8),
            "3.9" => Ok(Self::V3_9),
            "4.0" => Ok(Self::V4_0),
            "4.4" => Ok(Self::V4_4),
            _ => Err(UnknownRelease(text.to_owned())),
        }
    }
}

/// A release that the broker cannot pass for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRelease(String);

impl std::fmt::Display for UnknownRelease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot pass for Kafka {:?}; known are 2.1, 2.8, 3.9, 4.0 and 4.4", self.0)
    }
}

impl std::error::Error for UnknownRelease {}

impl Control {
    /// Begins a rule for requests of `api`. Without [`times`](RuleBuilder::times) it acts until [`Self::clear`].
    pub fn on(&self, api: ApiKey) -> RuleBuilder<'_> {
        RuleBuilder { control: self, api, client_id: None, skip: 0, times: None }
    }

    /// Takes all rules back.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// How many rules have not acted for the last time.
    #[must_use]
    pub fn pending_rules(&self) -> usize {
        self.lock().rules.len()
    }

    /// The requests so far, the oldest first; of very many only the last.
    #[must_use]
    pub fn request_log(&self) -> Vec<LoggedRequest> {
        self.lock().log.iter().cloned().collect()
    }

    /// Empties the request log.
    pub fn clear_request_log(&self) {
        self.lock().log.clear();
    }

    /// What the broker has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.lock().counters.clone()
    }

    /// Offers the API versions of an older release, such as `"3.9"`, on every request from now on.
    ///
    /// # Errors
    /// When there is no table for that release.
    pub fn as_version(&self, release: &str) -> Result<(), UnknownRelease> {
        self.lock().release = Some(release.parse()?);
        Ok(())
    }

    /// Gives a partition a new leader epoch, as if its leader had changed, before the next request.
    pub fn raise_leader_epoch(&self, topic: &str, partition: i32) {
        self.lock().orders.push(Order::RaiseLeaderEpoch { topic: topic.into(), partition });
    }

    /// Lets the coordinator of groups start anew before the next request: members that wait are told `NOT_COORDINATOR`,
    /// and groups are what their log says.
    pub fn restart_coordinator(&self) {
        self.lock().orders.push(Order::RestartCoordinator);
    }

    /// The versions offered of an API, when `all` are served.
    pub(crate) fn offered(&self, api: ApiKey, all: Versions) -> Option<Versions> {
        let release = self.lock().release;
        let newest = newest_of(release.unwrap_or(Release::V4_4), api)?;
        Some(Versions { min: all.min, max: all.max.min(newest) })
    }

    /// Notes a request, and gives what is to be done to it.
    pub(crate) fn arrived(&self, request: LoggedRequest) -> Option<Fault> {
        let mut inner = self.lock();
        *inner.counters.requests.entry(request.api).or_default() += 1;
        let fault = inner.act_on(&request);
        inner.counters.faults += u64::from(fault.is_some());
        if inner.log.len() == LOG_LENGTH {
            inner.log.pop_front();
        }
        inner.log.push_back(request);
        fault
    }

    pub(crate) fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut self.lock().orders)
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut self.lock().counters);
    }

    /// A panic elsewhere cannot leave this half changed.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn act_on(&mut self, request: &LoggedRequest) -> Option<Fault> {
        for (at, rule) in self.rules.iter_mut().enumerate() {
            let meant = rule.client_id.is_none() || rule.client_id == request.client_id;
            if rule.api != request.api || !meant {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            let fault = rule.fault;
            if let Some(times) = &mut rule.times {
                *times -= 1;
                if *times == 0 {
                    self.rules.remove(at);
                }
            }
            return Some(fault);
        }
        None
    }
}

/// A rule in the making: when it acts, and at last what it does.
#[derive(Debug)]
#[must_use = "a rule is made by saying what it does"]
pub struct RuleBuilder<'a> {
    control: &'a Control,
    api: ApiKey,
    client_id: Option<Arc<str>>,
    skip: u64,
    times: Option<u64>,
}

impl RuleBuilder<'_> {
    /// Acts this often, and then no more.
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Lets that many requests pass first.
    pub fn skip(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Acts on requests of this client alone.
    pub fn client_id(self, client_id: &str) -> Self {
        Self { client_id: Some(client_id.into()), ..self }
    }

    /// Answers with `code`, for everything that the request names, and does nothing.
    pub fn error(self, code: ErrorCode) {
        self.make(Fault::Error(code));
    }

    /// Handles the request, and then answers with `code` all the same.
    pub fn handle_then_error(self, code: ErrorCode) {
        self.make(Fault::HandledError(code));
    }

    /// Handles the request after that time; later ones of its connection wait behind it.
    pub fn delay(self, time: Duration) {
        self.make(Fault::Delay(time));
    }

    /// Handles the request at once, and answers after that time.
    pub fn delay_reply(self, time: Duration) {
        self.make(Fault::DelayReply(time));
    }

    /// Closes the connection before the request is handled.
    pub fn drop_connection(self) {
        self.make(Fault::DropConnection);
    }

    /// Handles the request, sends no answer and closes the connection.
    pub fn lose_reply(self) {
        self.make(Fault::LoseReply);
    }

    /// Handles the request, sends the first bytes of the answer and closes the connection.
    pub fn cut_reply(self, bytes: usize) {
        self.make(Fault::CutReply(bytes));
    }

    /// Handles the request, and from then on the connection is silent, but open.
    pub fn hang(self) {
        self.make(Fault::Hang);
    }

    fn make(self, fault: Fault) {
        let Self { control, api, client_id, skip, times } = self;
        if times != Some(0) {
            control.lock().rules.push(Rule { api, client_id, skip, times, fault });
        }
    }
}

/// The newest version of an API in a release; `None` where the release has no such API.
#[rustfmt::skip]
fn newest_of(release: Release, api: ApiKey) -> Option<i16> {
    const NONE: i16 = -1;
    // The columns are the releases, in their order.
    let row = match api {
        ApiKey::PRODUCE =>                   [   7,    9, 11, 12, 13],
        ApiKey::FETCH =>                     [  10,   12, 17, 17, 18],
        ApiKey::LIST_OFFSETS =>              [   4,    6,  9, 10, 11],
        ApiKey::METADATA =>                  [   7,   11, 12, 13, 13],
        ApiKey::FIND_COORDINATOR =>          [   2,    3,  6,  6,  6],
        ApiKey::API_VERSIONS =>              [   2,    3,  4,  4,  5],
        ApiKey::CREATE_TOPICS =>             [   3,    7,  7,  7,  7],
        ApiKey::DELETE_TOPICS =>             [   3,    6,  6,  6,  6],
        ApiKey::DELETE_RECORDS =>            [   1,    2,  2,  2,  2],
        ApiKey::INIT_PRODUCER_ID =>          [   1,    4,  5,  5,  5],
        ApiKey::OFFSET_COMMIT =>             [   6,    8,  9,  9, 10],
        ApiKey::OFFSET_FETCH =>              [   5,    7,  9,  9, 10],
        ApiKey::JOIN_GROUP =>                [   3,    7,  9,  9,  9],
        ApiKey::HEARTBEAT =>                 [   2,    4,  4,  4,  4],
        ApiKey::LEAVE_GROUP =>               [   2,    4,  5,  5,  5],
        ApiKey::SYNC_GROUP =>                [   2,    5,  5,  5,  5],
        ApiKey::DESCRIBE_GROUPS =>           [   2,    5,  5,  6,  6],
        ApiKey::LIST_GROUPS =>               [   2,    4,  5,  5,  5],
        ApiKey::DELETE_GROUPS =>             [   1,    2,  2,  2,  3],
        ApiKey::OFFSET_DELETE =>             [NONE,    0,  0,  0,  0],
        ApiKey::OFFSET_FOR_LEADER_EPOCH =>   [   2,    4,  4,  4,  4],
        ApiKey::DESCRIBE_ACLS =>             [   1,    2,  3,  3,  3],
        ApiKey::DESCRIBE_CONFIGS =>          [   2,    4,  4,  4,  4],
        ApiKey::ALTER_CONFIGS =>             [   1,    2,  2,  2,  2],
        ApiKey::ALTER_REPLICA_LOG_DIRS =>    [   1,    2,  2,  2,  2],
        ApiKey::DESCRIBE_LOG_DIRS =>         [   1,    2,  4,  4,  5],
        ApiKey::CREATE_PARTITIONS =>         [   1,    3,  3,  3,  3],
        ApiKey::ELECT_LEADERS =>             [NONE,    2,  2,  2,  2],
        ApiKey::INCREMENTAL_ALTER_CONFIGS => [NONE,    1,  1,  1,  1],
        ApiKey::ALTER_PARTITION_REASSIGNMENTS => [NONE, 0, 0, 0, 1],
        ApiKey::LIST_PARTITION_REASSIGNMENTS
        | ApiKey::DESCRIBE_USER_SCRAM_CREDENTIALS
        | ApiKey::DESCRIBE_PRODUCERS =>      [NONE,    0,  0,  0,  0],
        ApiKey::DESCRIBE_CLIENT_QUOTAS =>    [NONE,    1,  1,  1,  1],
        ApiKey::DESCRIBE_QUORUM =>           [NONE, NONE,  2,  2,  2],
        ApiKey::DESCRIBE_CLUSTER =>          [NONE,    0,  1,  2,  2],
        ApiKey::LIST_CONFIG_RESOURCES =>     [NONE, NONE,  0,  0,  1],
        ApiKey::DESCRIBE_TOPIC_PARTITIONS => [NONE, NONE,  0,  0,  0],
        _ => return None,
    };
    let [v2_1, v2_8, v3_9, v4_0, v4_4] = row;
    let newest = match release {
        Release::V2_1 => v2_1,
        Release::V2_8 => v2_8,
        Release::V3_9 => v3_9,
        Release::V4_0 => v4_0,
        Release::V4_4 => v4_4,
    };
    (newest != NONE).then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(control: &Control, api: ApiKey, client_id: &str) -> Option<Fault> {
        let client_id = Some(client_id.into());
        control.arrived(LoggedRequest { api, version: 3, connection: ConnectionId(1), client_id })
    }

    #[test]
    fn a_rule_acts_on_its_requests_as_often_as_it_says() {
        let control = Control::default();
        control.on(ApiKey::PRODUCE).skip(1).times(2).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        control.on(ApiKey::PRODUCE).client_id("b").drop_connection();
        let error = Some(Fault::Error(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        assert_eq!(arrive(&control, ApiKey::FETCH, "a"), None);
        assert_eq!(arrive(&control, ApiKey::PRODUCE, "a"), None);
        assert_eq!(arrive(&control, ApiKey::PRODUCE, "a"), error);
        assert_eq!(arrive(&control, ApiKey::PRODUCE, "b"), error);
        assert_eq!(arrive(&control, ApiKey::PRODUCE, "a"), None);
        assert_eq!(arrive(&control, ApiKey::PRODUCE, "b"), Some(Fault::DropConnection));
        assert_eq!(control.pending_rules(), 1);
        control.clear();
        assert_eq!(arrive(&control, ApiKey::PRODUCE, "b"), None);
        let counters = control.counters();
        assert_eq!((counters.requests[&ApiKey::PRODUCE], counters.faults), (6, 3));
        assert_eq!(control.request_log().len(), 7);
        assert_eq!(control.request_log()[0].api, ApiKey::FETCH);
    }

    #[test]
    fn no_times_is_no_rule_and_the_log_is_bounded() {
        let control = Control::default();
        control.on(ApiKey::PRODUCE).times(0).lose_reply();
        for _ in 0..=LOG_LENGTH {
            assert_eq!(arrive(&control, ApiKey::PRODUCE, "a"), None);
        }
        assert_eq!(control.request_log().len(), LOG_LENGTH);
        control.clear_request_log();
        assert!(control.request_log().is_empty());
    }

    #[test]
    fn an_older_release_offers_less() {
        let control = Control::default();
        let all = Versions { min: 4, max: 18 };
        assert_eq!(control.offered(ApiKey::FETCH, all), Some(all));
        control.as_version("2.8").unwrap();
        let older = Versions { min: 4, max: 12 };
        assert_eq!(control.offered(ApiKey::FETCH, all), Some(older));
        control.as_version("2.1").unwrap();
        assert_eq!(control.offered(ApiKey::DESCRIBE_CLUSTER, all), None);
        let error = control.as_version("5.0").unwrap_err().to_string();
        assert_eq!(error, "cannot pass for Kafka \"5.0\"; known are 2.1, 2.8, 3.9, 4.0 and 4.4");
    }
}
