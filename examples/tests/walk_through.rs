//! What somebody new to Kafka does first, done by `kt` on a broker that is a process of its own. README tells the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests a panic is how a check fails")]

#[path = "kt/harness.rs"]
mod harness;

use harness::{Kt, run_with, start};
use std::collections::BTreeMap;
use std::path::PathBuf;

const FIRST: &str = "com.example.topic.1";
const SECOND: &str = "com.example.topic.2";

/// A broker with an inside and an outside listener, whose logs outlive it.
struct World {
    logs: PathBuf,
    broker: Option<Kt>,
    inside: String,
    outside: String,
}

impl World {
    fn start() -> Self {
        let logs = std::env::temp_dir().join(format!("kt-walk-through-{}", std::process::id()));
        let mut world = Self {
            logs,
            broker: None,
            inside: "127.0.0.1:0".into(),
            outside: "127.0.0.1:0".into(),
        };
        world.up();
        world
    }

    /// Starts the broker, on the ports it had before, if any.
    fn up(&mut self) {
        let listeners = format!("listeners=INSIDE://{},OUTSIDE://{}", self.inside, self.outside);
        let logs = format!("log.dirs={}", self.logs.display());
        let settings = [
            &*listeners,
            &*logs,
            "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
            "inter.broker.listener.name=INSIDE",
            // Members of a test come one after the other anyway, and a killed one is to be missed soon.
            "group.initial.rebalance.delay.ms=0",
            "group.min.session.timeout.ms=1000",
            "log.retention.check.interval.ms=100",
        ];
        let mut arguments = vec!["broker"];
        settings.iter().for_each(|setting| arguments.extend(["--override", setting]));
        let mut broker = start(&arguments);
        let ready = broker.line();
        let listeners = ready.strip_prefix("The broker is ready at ").unwrap();
        let at: BTreeMap<&str, &str> =
            listeners.split(", ").map(|each| each.split_once("://").unwrap()).collect();
        (self.inside, self.outside) = (at["INSIDE"].to_owned(), at["OUTSIDE"].to_owned());
        self.broker = Some(broker);
    }

    /// As `kill -9` does.
    fn down(&mut self) {
        self.broker.take().unwrap().kill();
    }

    #[track_caller]
    fn kt(&self, arguments: &str) -> String {
        self.kt_with(arguments, "")
    }

    #[track_caller]
    fn kt_with(&self, arguments: &str, input: &str) -> String {
        let mut words: Vec<&str> = arguments.split_whitespace().collect();
        words.extend(["--bootstrap-server", &self.outside]);
        run_with(&words, input).ok()
    }

    /// A consumer that goes on until it is told to stop.
    fn consumer(&self, arguments: &str) -> Kt {
        let arguments = format!("console-consumer {arguments}");
        let mut words: Vec<&str> = arguments.split_whitespace().collect();
        words.extend(["--bootstrap-server", &self.outside]);
        words.extend(["--command-property", "session.timeout.ms=1500"]);
        words.extend(["--command-property", "heartbeat.interval.ms=300"]);
        words.extend(["--command-property", "auto.commit.interval.ms=200"]);
        start(&words)
    }

    /// Sends numbers as values, each to the partition that its key, the number, chooses.
    fn produce(&self, topic: &str, numbers: std::ops::RangeInclusive<u32>) {
        let lines: String = numbers.map(|number| format!("{number}:{number}\n")).collect();
        let keys = "--property parse.key=true --property key.separator=:";
        self.kt_with(&format!("console-producer --topic {topic} {keys}"), &lines);
    }

    /// What `consumer-groups --describe` shows, by topic and partition.
    fn group(&self, group: &str) -> BTreeMap<(String, u64), Shown> {
        let rows = self.kt(&format!("consumer-groups --describe --group {group} --output json"));
        let rows = rows.lines().map(|line| serde_json::from_str(line).unwrap());
        let row = |row: serde_json::Value| {
            let number = |key: &str| row[key].as_i64();
            let shown = Shown {
                current: number("currentOffset"),
                end: number("logEndOffset"),
                lag: number("lag"),
                member: row["consumerId"].as_str().map(str::to_owned),
            };
            let topic = row["topic"].as_str().unwrap_or("-").to_owned();
            ((topic, row["partition"].as_u64().unwrap_or(99)), shown)
        };
        rows.map(row).collect()
    }

    /// Waits until the group is as it should be; asking is what takes the time.
    #[track_caller]
    fn group_until(
        &self,
        group: &str,
        is_right: impl Fn(&BTreeMap<(String, u64), Shown>) -> bool,
    ) -> BTreeMap<(String, u64), Shown> {
        let mut last = BTreeMap::new();
        for _ in 0..1000 {
            last = self.group(group);
            if is_right(&last) {
                return last;
            }
        }
        panic!("group {group} stays {last:?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.broker = None;
        let _there_may_be_none = std::fs::remove_dir_all(&self.logs);
    }
}

/// A row of `consumer-groups --describe`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    current: Option<i64>,
    end: Option<i64>,
    lag: Option<i64>,
    member: Option<String>,
}

/// Those lines of a consumer that prints `partition=value`, by partition.
fn by_partition(lines: &[String]) -> BTreeMap<u32, Vec<u32>> {
    let mut all: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for line in lines {
        let (partition, value) = line.split_once('=').unwrap();
        all.entry(partition.parse().unwrap()).or_default().push(value.parse().unwrap());
    }
    all
}

fn sorted(lines: impl IntoIterator<Item = String>) -> Vec<u32> {
    let number = |line: String| line.rsplit('=').next().unwrap().parse().unwrap();
    let mut numbers: Vec<u32> = lines.into_iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_beginners_first_day() {
    let mut world = World::start();
    topics_are_made_and_filled(&world);
    everybody_without_a_group_sees_everything(&world);
    one_of_two_is_idle_on_one_partition(&world);
    let pair = two_share_two_partitions(&world);
    one_partition_from_an_offset(&world);
    a_second_group_sees_everything_again(&world);
    consumed_data_stays_until_retention_takes_it(&world);
    let last = a_killed_member_is_replaced(&world, pair);
    the_group_resumes_where_it_committed(&world, last);
    everything_is_there_after_kill_9(&mut world);
}

fn topics_are_made_and_filled(world: &World) {
    assert_ne!(world.inside, world.outside);
    for topic in [FIRST, SECOND] {
        let created = world.kt(&format!("topics --create --topic {topic} --partitions 1"));
        assert_eq!(created, format!("Created topic {topic}.\n"));
    }
    // Both listeners lead to the same broker.
    let inside = ["topics", "--list", "--bootstrap-server", &world.inside];
    let listed = format!("{FIRST}\n{SECOND}\n");
    assert_eq!(run_with(&inside, "").ok(), listed);
    assert_eq!(world.kt("topics --list"), listed);
    world.kt_with(&format!("console-producer --topic {FIRST}"), "1\n2\n3\n");
    world.kt_with(&format!("console-producer --topic {SECOND}"), "1\n2\n3\n4\n5\n");
}

fn everybody_without_a_group_sees_everything(world: &World) {
    let arguments = format!("--topic {FIRST} --from-beginning");
    let mut both = [world.consumer(&arguments), world.consumer(&arguments)];
    for consumer in &mut both {
        assert_eq!(consumer.lines(3), ["1", "2", "3"]);
    }
    for consumer in both {
        consumer.interrupt();
        assert_eq!(consumer.wait().ok(), "", "it saw nothing twice");
    }
}

fn one_of_two_is_idle_on_one_partition(world: &World) {
    let arguments = format!("--topic {FIRST} --from-beginning --group idle");
    let mut first = world.consumer(&arguments);
    assert_eq!(first.lines(3), ["1", "2", "3"]);
    let second = world.consumer(&arguments);
    let members = || {
        let members = world.kt("consumer-groups --describe --group idle --members --output json");
        let partitions = |line: &str| {
            let member: serde_json::Value = serde_json::from_str(line).unwrap();
            member["partitions"].as_u64().unwrap()
        };
        let mut counts: Vec<u64> = members.lines().map(partitions).collect();
        counts.sort_unstable();
        counts
    };
    let settled = (0..1000).any(|_| members() == [0, 1]);
    assert!(settled, "of two members one has the partition: {:?}", members());
    world.kt_with(&format!("console-producer --topic {FIRST}"), "4\n");
    let mut both = [first, second];
    // Whoever has the partition prints it; the other one has nothing to print.
    both.iter().for_each(Kt::interrupt);
    let printed: Vec<String> = both.iter_mut().flat_map(|kt| kt.unread()).collect();
    let rest = both.map(|kt| kt.wait().ok()).concat();
    let seen = printed.len() + rest.lines().count();
    assert!(seen <= 1, "4 was printed {seen} times: {printed:?} {rest}");
    // What was not printed before the end comes to the next member.
    let after = world.kt(&format!("console-consumer --topic {FIRST} --group idle -e"));
    assert_eq!(seen + after.lines().count(), 1, "4 came once: {printed:?} {rest} {after}");
}

/// Gives the two members of group `pair`, which have read everything.
fn two_share_two_partitions(world: &World) -> [Kt; 2] {
    let altered = world.kt(&format!("topics --alter --topic {SECOND} --partitions 2"));
    assert_eq!(altered, "");
    let tokens = "%p=%s\\n";
    let arguments = format!("--topic {SECOND} --from-beginning --group pair -f {tokens}");
    let mut one = world.consumer(&arguments);
    let before = one.lines(5);
    assert_eq!(by_partition(&before), BTreeMap::from([(0, vec![1, 2, 3, 4, 5])]));
    let two = world.consumer(&arguments);
    // Each has a partition.
    world.group_until("pair", |rows| {
        let members: Vec<_> = rows.values().map(|row| row.member.clone()).collect();
        rows.len() == 2 && members[0] != members[1] && members.iter().all(Option::is_some)
    });
    world.produce(SECOND, 6..=14);
    let mut pair = [one, two];
    let ends = world.kt(&format!("get-offsets --topic {SECOND} --output plain"));
    let ends: Vec<usize> =
        ends.lines().map(|line| line.rsplit('\t').next().unwrap().parse().unwrap()).collect();
    assert_eq!(ends.iter().sum::<usize>(), 14);
    assert!(ends[0] > 5 && ends[1] > 0, "both partitions got some: {ends:?}");
    let mut all = Vec::new();
    let mut owners = Vec::new();
    for member in &mut pair {
        let first = member.line();
        let partition: usize = first.split('=').next().unwrap().parse().unwrap();
        let mine = if partition == 0 { ends[0] - 5 } else { ends[1] };
        let mut lines = vec![first];
        lines.extend(member.lines(mine - 1));
        let read = by_partition(&lines);
        assert_eq!(read.len(), 1, "a member has one partition: {lines:?}");
        assert!(read.values().all(|values| values.is_sorted()), "in order: {lines:?}");
        owners.push(partition);
        all.extend(lines);
    }
    owners.sort_unstable();
    assert_eq!(owners, [0, 1], "each partition went to one of them");
    assert_eq!(sorted(all), (6..=14).collect::<Vec<_>>(), "nothing is lost or seen twice");
    pair
}

fn one_partition_from_an_offset(world: &World) {
    let whole = format!("console-consumer --topic {SECOND} --partition 0 --offset 0 -e");
    let whole = world.kt(&whole);
    let some = format!("console-consumer --topic {SECOND} --partition 0 --offset 3 -e");
    let some = world.kt(&some);
    let expected: Vec<&str> = whole.lines().skip(3).collect();
    assert_eq!(some.lines().collect::<Vec<_>>(), expected, "just that");
    assert_eq!(some.lines().next(), Some("4"));
}

fn a_second_group_sees_everything_again(world: &World) {
    let again = format!("console-consumer --topic {SECOND} --from-beginning --group second -e");
    let again = world.kt(&again);
    assert_eq!(sorted(again.lines().map(str::to_owned)), (1..=14).collect::<Vec<_>>());
}

fn consumed_data_stays_until_retention_takes_it(world: &World) {
    // Three groups have read it, and it is still in the files.
    let segment = world.logs.join(format!("{FIRST}-0/00000000000000000000.log"));
    let size = std::fs::metadata(&segment).unwrap().len();
    assert!(size > 4, "{size}");
    assert_eq!(
        world.kt(&format!("get-offsets --topic {FIRST} --time earliest")),
        format!("{FIRST}:0:0\n")
    );
    // A topic of its own, so that the others keep what they have; retention takes whole segments.
    let short = "--config retention.ms=1 --config segment.bytes=1048576";
    world.kt(&format!("topics --create --topic short --partitions 1 {short}"));
    let lines: String = (0..4000).map(|n| format!("{n:0500}\n")).collect();
    world.kt_with("console-producer --topic short", &lines);
    let earliest = || world.kt("get-offsets --topic short --time earliest");
    let gone = (0..1000).any(|_| earliest() != "short:0:0\n");
    assert!(gone, "retention took nothing: {}", earliest());
}

/// Gives the member that is left.
fn a_killed_member_is_replaced(world: &World, [killed, mut other]: [Kt; 2]) -> Kt {
    // Offsets are committed from time to time; in the end everything is, and no lag is left.
    let read = world.group_until("pair", |rows| rows.values().all(|row| row.lag == Some(0)));
    assert_eq!(read.values().map(|row| row.current.unwrap()).sum::<i64>(), 14);
    assert!(read.values().all(|row| row.current == row.end));
    let again = [killed.unread(), other.unread()].concat();
    assert_eq!(again, [""; 0], "nothing comes twice");
    killed.kill();
    world.group_until("pair", |rows| {
        let mut members: Vec<_> = rows.values().map(|row| row.member.clone()).collect();
        members.dedup();
        rows.len() == 2 && members.len() == 1 && members[0].is_some()
    });
    world.produce(SECOND, 15..=20);
    let lines = other.lines(6);
    assert_eq!(sorted(lines.clone()), (15..=20).collect::<Vec<_>>(), "and nothing of before again");
    assert_eq!(by_partition(&lines).len(), 2, "its partition moved: {lines:?}");
    other
}

fn the_group_resumes_where_it_committed(world: &World, last: Kt) {
    last.interrupt();
    assert_eq!(last.wait().ok(), "");
    let idle = world.group("pair");
    assert!(idle.values().all(|row| row.lag == Some(0) && row.member.is_none()), "{idle:?}");
    world.produce(SECOND, 21..=23);
    let behind = world.group("pair");
    assert_eq!(behind.values().map(|row| row.lag.unwrap()).sum::<i64>(), 3, "{behind:?}");
    let resumed = world.kt(&format!("console-consumer --topic {SECOND} --group pair -e"));
    assert_eq!(sorted(resumed.lines().map(str::to_owned)), [21, 22, 23]);
    let read = world.group("pair");
    assert!(read.values().all(|row| row.lag == Some(0)), "{read:?}");
}

fn everything_is_there_after_kill_9(world: &mut World) {
    let ends = world.kt("get-offsets --exclude-internal-topics");
    let offsets = world.group("pair");
    world.down();
    world.up();
    assert_eq!(world.kt("topics --list --exclude-internal"), format!("{FIRST}\n{SECOND}\nshort\n"));
    assert_eq!(world.kt("get-offsets --exclude-internal-topics"), ends);
    assert_eq!(world.group("pair"), offsets, "what groups have committed is there too");
    let first = world.kt(&format!("console-consumer --topic {FIRST} --from-beginning -e"));
    assert_eq!(first, "1\n2\n3\n4\n");
    let second = world.kt(&format!("console-consumer --topic {SECOND} --from-beginning -e"));
    assert_eq!(sorted(second.lines().map(str::to_owned)), (1..=23).collect::<Vec<_>>());
    world.produce(SECOND, 24..=24);
    let resumed = world.kt(&format!("console-consumer --topic {SECOND} --group pair -e"));
    assert_eq!(sorted(resumed.lines().map(str::to_owned)), [24]);
}
