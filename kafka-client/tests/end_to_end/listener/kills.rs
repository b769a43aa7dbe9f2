//! What is repeated when the process of a listener is killed at random points, against the bound of each mode.

use super::child::{KEPT, Orders};
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};

const PARTITIONS: i32 = 2;
const RECORDS: i64 = 250;
const KILLS: usize = 5;
const POLL: usize = 20;

/// What a process said before it was killed, of one partition.
#[derive(Debug, Default)]
struct Life {
    handled: Vec<i64>,
    /// The offsets acknowledged, and whether each could have been committed.
    acknowledged: BTreeSet<i64>,
    /// The last offset that is known to be committed.
    committed: Option<i64>,
}

type Lives = BTreeMap<i32, Life>;

/// Runs a process until it has handled that many records or has nothing to do any more, then kills it.
fn live(orders: &Orders, records: usize, mut all: impl FnMut(i32, i64) -> bool) -> Lives {
    let mut child = orders.start();
    let mut lives = Lives::new();
    let mut count = 0;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines {
        let line = line.unwrap();
        let words: Vec<_> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        assert!(!line.starts_with("# ended"), "{line}");
        match words[0] {
            "handled" => {
                let partition = i32::try_from(number(1)).unwrap();
                lives.entry(partition).or_default().handled.push(number(2));
                count += 1;
                if count >= records || all(partition, number(2)) {
                    // What it has said before it is dead is still read.
                    child.kill().unwrap();
                }
            }
            "acknowledged" => {
                let partition = i32::try_from(number(1)).unwrap();
                lives.entry(partition).or_default().acknowledged.insert(number(2));
            }
            "committed" => {
                let partition = i32::try_from(number(1)).unwrap();
                lives.entry(partition).or_default().committed = Some(number(2));
            }
            _ => {}
        }
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    lives
}

/// A splitmix64 sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % limit).unwrap()
    }
}

/// Kills listeners until all records are handled. `bound` says how many records of a partition may be handled again
/// after a life that ended like this.
async fn kill(world: World, mode: &str, bound: impl Fn(&Life) -> usize + Send + 'static) {
    world.fill(PARTITIONS, usize::try_from(RECORDS).unwrap()).await;
    let orders = Orders {
        bootstrap: world.bootstrap.clone(),
        topic: world.topic.clone(),
        group: world.group.clone(),
        mode: mode.to_owned(),
        poll: POLL,
    };
    tokio::task::spawn_blocking(move || check(&orders, bound)).await.unwrap();
}

fn check(orders: &Orders, bound: impl Fn(&Life) -> usize) {
    let mut random = Random(orders.mode.bytes().map(u64::from).sum());
    let mut seen: BTreeSet<(i32, i64)> = BTreeSet::new();
    let mut before = Lives::new();
    let total = usize::try_from(RECORDS * i64::from(PARTITIONS)).unwrap();
    let (mut repeated, mut kills) = (0, 0);
    while seen.len() < total {
        assert!(kills < KILLS + 3, "{} of {total} are handled", seen.len());
        let most = if kills < KILLS { 5 + random.below(80) } else { usize::MAX };
        let mut now = seen.clone();
        let lives = live(orders, most, |partition, offset| {
            now.insert((partition, offset));
            now.len() == total
        });
        kills += 1;
        for (partition, life) in lives {
            let first = life.handled[0];
            let in_order = life.handled.iter().copied().eq((first..).take(life.handled.len()));
            assert!(in_order, "{}: {:?}", orders.mode, life.handled);
            let last = before.get(&partition).and_then(|life| life.handled.last());
            let next = last.map_or(0, |last| last + 1);
            assert!(first <= next, "{}: partition {partition} lost {next}..{first}", orders.mode);
            let again = usize::try_from(next - first).unwrap();
            let most = before.get(&partition).map_or(0, &bound);
            assert!(
                again <= most,
                "{}: of partition {partition}, {again} were repeated, at most {most} may be",
                orders.mode
            );
            repeated += again;
            seen.extend(life.handled.iter().map(|offset| (partition, *offset)));
            before.insert(partition, life);
        }
    }
    eprintln!("{}: {kills} processes, {repeated} of {total} records repeated", orders.mode);
}

impl Life {
    /// How many were handed out from the first that was not acknowledged on.
    fn unacknowledged(&self) -> usize {
        let done = self.handled.iter().take_while(|offset| self.acknowledged.contains(offset));
        self.handled.len() - done.count()
    }

    /// How many were handled since the last commit.
    fn since_commit(&self) -> usize {
        let after = |offset: &&i64| self.committed.is_none_or(|committed| **offset >= committed);
        self.handled.iter().filter(after).count()
    }
}

pub(crate) async fn record_repeats_at_most_one(world: World) {
    kill(world, "record", |_| 1).await;
}

pub(crate) async fn batch_repeats_at_most_a_poll(world: World) {
    kill(world, "batch", |_| POLL).await;
}

pub(crate) async fn time_repeats_what_came_since(world: World) {
    kill(world, "time:50", Life::since_commit).await;
}

pub(crate) async fn count_repeats_fewer_than_that_and_a_poll(world: World) {
    kill(world, "count:30", |_| 29 + POLL).await;
}

pub(crate) async fn count_and_time_repeat_the_smaller_of_both(world: World) {
    kill(world, "count-time:30:50", |life| life.since_commit().min(29 + POLL)).await;
}

pub(crate) async fn manual_repeats_the_unacknowledged_and_a_poll(world: World) {
    kill(world, "manual", |life| {
        assert!(life.unacknowledged() <= KEPT, "{life:?}");
        life.unacknowledged() + POLL
    })
    .await;
}

pub(crate) async fn manual_immediate_repeats_the_unacknowledged_and_one(world: World) {
    kill(world, "manual-immediate", |life| life.unacknowledged() + 1).await;
}
