//! Groups: members that share, come, go, die and come back.

use crate::member::{Member, Seen, eventually};
use crate::world::{World, numbers, partition, soon, take, texts};
use kafka_client::config::{AutoOffsetReset, ClientConfig, ConsumerConfig, ProducerConfig};
use kafka_client::{
    Client, Connector, Consumer, ErrorKind, OffsetAndMetadata, ProducerRecord, RebalanceListener,
    Result, Stream, TcpConnector, TopicPartition,
};
use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A member's settings: from the start of the log, quick to react, and nothing is committed unless it is asked for.
pub(crate) fn member(group: &str) -> ConsumerConfig {
    ConsumerConfig::default()
        .group(group)
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .enable_auto_commit(false)
        .heartbeat_interval(Duration::from_millis(200))
        .session_timeout(Duration::from_secs(6))
}

fn cooperative(group: &str) -> ConsumerConfig {
    member(group).partition_assignment_strategy(["cooperative-sticky"])
}

async fn subscribed(world: &World, config: ConsumerConfig, topic: &str) -> Consumer {
    // A coordinator may have to make its own topic first.
    world.settled(topic).await;
    let mut consumer = world.client.consumer(config).unwrap();
    consumer.subscribe([topic]).unwrap();
    consumer
}

fn all(topic: &str, count: i32) -> BTreeSet<TopicPartition> {
    (0..count).map(|place| partition(topic, place)).collect()
}

async fn fill(world: &World, topic: &str, partitions: i32, each: usize) {
    for place in 0..partitions {
        world.fill(topic, place, each, ProducerConfig::default(), each).await;
    }
}

async fn committed(consumer: &Consumer, topic: &str, place: i32) -> Option<i64> {
    let which = partition(topic, place);
    let mut found = consumer.committed([&which]).await.unwrap();
    found.remove(&which).unwrap().map(|what| what.offset)
}

pub(crate) async fn records_are_read_on_from_where_the_group_committed(world: World) {
    let (topic, group) = (world.topic(1).await, world.group());
    fill(&world, &topic, 1, 100).await;
    let mut consumer = subscribed(&world, member(&group), &topic).await;
    let read = take(&mut consumer, 40).await;
    assert_eq!(texts(&read), numbers(0..40));
    assert_eq!(committed(&consumer, &topic, 0).await, None);
    // The record that was given last counts as done: the call says so.
    consumer.commit().await.unwrap();
    assert_eq!(committed(&consumer, &topic, 0).await, Some(40));
    take(&mut consumer, 10).await;
    soon(consumer.close()).await.unwrap();

    let mut next = subscribed(&world, member(&group).max_poll_records(7), &topic).await;
    let polled = soon(next.poll()).await.unwrap();
    let offsets: Vec<_> = polled.iter().map(|record| record.offset()).collect();
    assert_eq!(offsets, (40..47).collect::<Vec<_>>());
    next.commit().await.unwrap();
    let me = next.group_metadata().unwrap();
    assert_eq!(*me.group_id, *group);
    assert!(me.generation_id > 0 && !me.member_id.is_empty());
    soon(next.unsubscribe()).await.unwrap();
    assert!(next.assignment().is_empty());
    assert_eq!(next.group_metadata().unwrap().generation_id, -1);
    let error = next.poll().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);

    // Without membership, the group's offsets are there all the same.
    next.assign([partition(&topic, 0)]).unwrap();
    assert_eq!(soon(next.position(partition(&topic, 0))).await.unwrap(), 47);
    assert_eq!(texts(&take(&mut next, 53).await), numbers(47..100));
}

/// Connects by TCP, until it is told to let nothing through any more.
#[derive(Clone, Debug, Default)]
struct Freezer(Arc<AtomicBool>);

struct Frozen {
    stream: Box<dyn Stream>,
    frozen: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl Connector for Freezer {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let stream = TcpConnector.connect(host, port).await?;
        Ok(Box::new(Frozen { stream, frozen: self.0.clone() }))
    }
}

impl AsyncRead for Frozen {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.frozen.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Frozen {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.frozen.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

pub(crate) async fn two_members_share_and_one_dies(world: World) {
    let (topic, group) = (world.topic(4).await, world.group());
    fill(&world, &topic, 4, 50).await;
    let config = || member(&group).session_timeout(Duration::from_secs(2));
    let first = Member::start(subscribed(&world, config(), &topic).await);
    eventually("one has all", || first.seen().held == all(&topic, 4)).await;

    let freezer = Freezer::default();
    let of_client = ClientConfig::default().bootstrap_servers([&*world.bootstrap]);
    let client = Client::builder(of_client).connector(freezer.clone()).connect().await.unwrap();
    let mut consumer = client.consumer(config()).unwrap();
    consumer.subscribe([&*topic]).unwrap();
    let second = Member::start(consumer);
    eventually("they share", || {
        let (first, second) = (first.seen().held.clone(), second.seen().held.clone());
        first.len() == 2
            && second.len() == 2
            && first.union(&second).cloned().collect::<BTreeSet<_>>() == all(&topic, 4)
    })
    .await;

    // It says nothing any more, not even that it goes.
    freezer.0.store(true, Ordering::Relaxed);
    second.abort().await;
    eventually("one has all again", || first.seen().held == all(&topic, 4)).await;
    eventually("every record was read", || {
        let seen = first.seen();
        (0..4).all(|p| (0..50).all(|o| seen.offsets(&partition(&topic, p)).contains(&o)))
    })
    .await;
    soon(first.stop().await.close()).await.unwrap();
}

pub(crate) async fn a_static_member_comes_back_unnoticed(world: World) {
    let (topic, group) = (world.topic(4).await, world.group());
    let config = |name: &str| member(&group).group_instance_id(name);
    let one = Member::start(subscribed(&world, config("one"), &topic).await);
    let two = Member::start(subscribed(&world, config("two"), &topic).await);
    eventually("they share", || one.seen().held.len() == 2 && two.seen().held.len() == 2).await;
    let (held, events) = (two.seen().held.clone(), one.seen().events.len());
    let consumer = two.stop().await;
    let before = consumer.group_metadata().unwrap();
    soon(consumer.close()).await.unwrap();

    let two = Member::start(subscribed(&world, config("two"), &topic).await);
    eventually("it gets the same again", || two.seen().held == held).await;
    assert_eq!(one.seen().events.len(), events, "the other member has nothing to do with it");
    let consumer = two.stop().await;
    let after = consumer.group_metadata().unwrap();
    assert_eq!(before.generation_id, after.generation_id, "no rebalance");
    assert_ne!(before.member_id, after.member_id);

    // Whoever takes a name away from a living member ends it.
    let two = Member::start(consumer);
    let thief = Member::start(subscribed(&world, config("two"), &topic).await);
    eventually("it is fenced", || {
        two.seen().error.as_ref().is_some_and(|e| e.kind() == ErrorKind::Fenced)
    })
    .await;
    eventually("its place is taken", || thief.seen().held == held).await;
    assert!(two.seen().events.iter().any(|event| event.starts_with("lost")));
    for member in [one, two, thief] {
        soon(member.stop().await.close()).await.unwrap();
    }
}

pub(crate) async fn cooperative_members_read_on_through_a_rebalance(world: World) {
    const PARTITIONS: i32 = 6;
    let (topic, group) = (world.topic(PARTITIONS).await, world.group());
    let first = Member::start(subscribed(&world, cooperative(&group), &topic).await);
    eventually("one has all", || first.seen().held == all(&topic, PARTITIONS)).await;

    let producer = world.producer(ProducerConfig::default().linger(Duration::ZERO));
    let (name, going) = (topic.clone(), Arc::new(AtomicBool::new(true)));
    let goes_on = going.clone();
    let sending = tokio::spawn(async move {
        let mut sent = 0_i64;
        while goes_on.load(Ordering::Relaxed) {
            for place in 0..PARTITIONS {
                let record = ProducerRecord::new(&name, "v").partition(place);
                producer.send(record).await.unwrap();
            }
            sent += 1;
        }
        sent
    });
    let total = |seen: &Seen| seen.records.values().map(Vec::len).sum::<usize>();
    eventually("records come", || total(&first.seen()) > 100).await;
    let second = Member::start(subscribed(&world, cooperative(&group), &topic).await);
    let third = Member::start(subscribed(&world, cooperative(&group), &topic).await);
    let members = [first, second, third];
    eventually("they share", || members.iter().all(|m| m.seen().held.len() == 2)).await;
    let before: Vec<_> = members.iter().map(|m| total(&m.seen())).collect();
    eventually("records come to all", || {
        members.iter().zip(&before).all(|(m, before)| total(&m.seen()) > before + 50)
    })
    .await;
    going.store(false, Ordering::Relaxed);
    let sent = soon(sending).await.unwrap();
    eventually("all were read", || {
        let read = |p| {
            members.iter().any(|m| m.seen().offsets(&partition(&topic, p)).contains(&(sent - 1)))
        };
        (0..PARTITIONS).all(read)
    })
    .await;
    check_kept(&members[0].seen(), &all(&topic, PARTITIONS), sent);
    for member in members {
        soon(member.stop().await.close()).await.unwrap();
    }
}

/// What it kept it was never asked to give up, and it read every record of it once.
fn check_kept(seen: &Seen, all: &BTreeSet<TopicPartition>, sent: i64) {
    assert!(seen.events.iter().all(|event| !event.starts_with("lost")));
    for which in &seen.held {
        assert_eq!(seen.offsets(which), (0..sent).collect::<Vec<_>>(), "{which}");
        assert!(!seen.was_revoked(which));
    }
    assert!(all.difference(&seen.held).all(|which| seen.was_revoked(which)));
}

async fn quick_client(world: &World) -> Client {
    let config = ClientConfig::default()
        .bootstrap_servers([&*world.bootstrap])
        .metadata_max_age(Duration::from_millis(300));
    Client::builder(config).connect().await.unwrap()
}

pub(crate) async fn a_pattern_finds_topics_that_come(world: World) {
    let (prefix, group) = (world.name(), world.group());
    let first = format!("{prefix}-a");
    world.own(&first);
    world.make_topic(&first, 1, &[]).await;
    let mut consumer = quick_client(&world).await.consumer(member(&group)).unwrap();
    consumer.subscribe_pattern(&format!("{prefix}-[ab]")).unwrap();
    let member = Member::start(consumer);
    eventually("it has the first", || member.seen().held == all(&first, 1)).await;
    let (second, other) = (format!("{prefix}-b"), format!("{prefix}-ba"));
    for name in [&second, &other] {
        world.own(name);
        world.make_topic(name, 2, &[]).await;
    }
    let both = all(&first, 1).union(&all(&second, 2)).cloned().collect::<BTreeSet<_>>();
    eventually("it has both", || member.seen().held == both).await;
    world.admin().delete_topics([&*first]).await.unwrap().all().unwrap();
    eventually("the first is gone", || member.seen().held == all(&second, 2)).await;
    soon(member.stop().await.close()).await.unwrap();
}

pub(crate) async fn added_partitions_are_shared_out(world: World) {
    let (topic, group) = (world.topic(1).await, world.group());
    let client = quick_client(&world).await;
    let mut members = Vec::new();
    for _ in 0..2 {
        let mut consumer = client.consumer(cooperative(&group)).unwrap();
        consumer.subscribe([&*topic]).unwrap();
        members.push(Member::start(consumer));
    }
    let held = |members: &[Member]| -> Vec<usize> {
        let mut held: Vec<_> = members.iter().map(|m| m.seen().held.len()).collect();
        held.sort_unstable();
        held
    };
    eventually("one has nothing", || held(&members) == [0, 1]).await;
    let more = kafka_client::admin::NewPartitions::new(&*topic, 4);
    world.admin().create_partitions([more]).await.unwrap().all().unwrap();
    eventually("both have two", || held(&members) == [2, 2]).await;
    for member in members {
        soon(member.stop().await.close()).await.unwrap();
    }
}

pub(crate) async fn offsets_are_committed_with_metadata(world: World) {
    let (topic, group) = (world.topic(2).await, world.group());
    fill(&world, &topic, 2, 10).await;
    let mut consumer = world.client.consumer(member(&group)).unwrap();
    consumer.assign([partition(&topic, 0), partition(&topic, 1)]).unwrap();
    let noted = OffsetAndMetadata::new(5).metadata("half");
    soon(consumer.commit_offsets([(partition(&topic, 0), noted.clone())])).await.unwrap();
    let both = [partition(&topic, 0), partition(&topic, 1)];
    let found = consumer.committed(&both).await.unwrap();
    assert_eq!((found[&both[0]].as_ref(), found[&both[1]].as_ref()), (Some(&noted), None));
    // Of those that wait, the newest is stored, and whoever asked for an older one learns that it is.
    let pending: Vec<_> =
        (6..=9).map(|n| consumer.commit_offsets_async([(partition(&topic, 0), n)])).collect();
    for commit in pending {
        soon(commit).await.unwrap();
    }
    assert_eq!(committed(&consumer, &topic, 0).await, Some(9));
    let error = consumer.commit_offsets([(partition(&topic, 0), -1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.partition()), (ErrorKind::Invalid, Some(0)));
    let long = OffsetAndMetadata::new(9).metadata("x".repeat(10_000));
    let error = consumer.commit_offsets([(partition(&topic, 0), long)]).await.unwrap_err();
    assert_eq!(error.code(), Some(kafka_client::ErrorCode::OFFSET_METADATA_TOO_LARGE));
    // Reading goes on from there; what was read last has a leader epoch.
    let mut read = take(&mut consumer, 11).await;
    read.sort_by_key(|record| (record.partition(), record.offset()));
    let expected = [numbers(9..10), numbers(0..10)].concat();
    assert_eq!(texts(&read), expected);
    soon(consumer.commit()).await.unwrap();
    let found = consumer.committed(&both).await.unwrap();
    for (which, what) in found {
        let what = what.unwrap();
        assert_eq!((what.offset, &*what.metadata), (10, ""), "{which}");
        assert!(what.leader_epoch.is_some());
    }
}

/// Commits what was handed out when partitions go.
struct CommitOnRevoke;

impl RebalanceListener for CommitOnRevoke {
    async fn on_revoked(&mut self, consumer: &mut Consumer, _: &[TopicPartition]) -> Result<()> {
        let error = consumer.poll().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "records are not for listeners to ask for");
        consumer.commit().await
    }
}

pub(crate) async fn a_listener_commits_what_goes(world: World) {
    let (topic, group) = (world.topic(2).await, world.group());
    fill(&world, &topic, 2, 300).await;
    for config in [member(&group), cooperative(&world.group())] {
        let mut first = subscribed(&world, config.clone().max_poll_records(10), &topic).await;
        first.rebalance_listener(CommitOnRevoke).unwrap();
        let mut read = BTreeSet::new();
        let mut note = |records: &kafka_client::Records| {
            for record in records {
                let new = read.insert((record.partition(), record.offset()));
                assert!(new, "read twice: {}-{}", record.partition(), record.offset());
            }
            read.len()
        };
        for _ in 0..5 {
            note(&soon(first.poll()).await.unwrap());
        }
        // Nothing is read twice although the partitions change hands in the middle.
        let mut second = subscribed(&world, config.clone().max_poll_records(10), &topic).await;
        second.rebalance_listener(CommitOnRevoke).unwrap();
        let limit = Duration::from_millis(100);
        let both = async {
            loop {
                note(&first.poll_timeout(limit).await.unwrap());
                if note(&second.poll_timeout(limit).await.unwrap()) == 600 {
                    return;
                }
            }
        };
        soon(both).await;
        assert_eq!(first.assignment().len() + second.assignment().len(), 2);
        soon(first.close()).await.unwrap();
        soon(second.close()).await.unwrap();
    }
}

pub(crate) async fn auto_commit_leaves_out_what_is_in_hand(world: World) {
    let topic = world.topic(1).await;
    fill(&world, &topic, 1, 100).await;
    let automatic = |group: &str| {
        let config = member(group).enable_auto_commit(true).max_poll_records(10);
        config.auto_commit_interval(Duration::from_millis(50))
    };
    let watch = |group: &str| world.client.consumer(member(group)).unwrap();
    let pause = || tokio::time::sleep(Duration::from_millis(300));

    let group = world.group();
    let (mut consumer, watcher) =
        (subscribed(&world, automatic(&group), &topic).await, watch(&group));
    assert_eq!(soon(consumer.poll()).await.unwrap().len(), 10);
    pause().await;
    assert!(committed(&watcher, &topic, 0).await.unwrap_or(0) == 0, "they are still being handled");
    soon(consumer.poll()).await.unwrap();
    pause().await;
    assert_eq!(committed(&watcher, &topic, 0).await, Some(10));
    soon(consumer.close()).await.unwrap();
    assert_eq!(committed(&watcher, &topic, 0).await, Some(20));

    let group = world.group();
    let (mut consumer, watcher) =
        (subscribed(&world, automatic(&group), &topic).await, watch(&group));
    take(&mut consumer, 5).await;
    pause().await;
    take(&mut consumer, 1).await;
    pause().await;
    assert_eq!(committed(&watcher, &topic, 0).await, Some(5), "the sixth is in hand");
    drop(consumer);
    pause().await;
    assert_eq!(committed(&watcher, &topic, 0).await, Some(5), "dropping commits nothing");
}

pub(crate) async fn silent_members_leave_and_come_back(world: World) {
    let (topic, group) = (world.topic(2).await, world.group());
    let config = || member(&group).max_poll_interval(Duration::from_secs(2));
    let busy = Member::start(subscribed(&world, config(), &topic).await);
    let other = Member::start(subscribed(&world, config(), &topic).await);
    eventually("they share", || busy.seen().held.len() == 1 && other.seen().held.len() == 1).await;
    // One handles its records for too long, the other waits for records all the time, which counts.
    let mut consumer = busy.stop().await;
    eventually("the other has all", || other.seen().held == all(&topic, 2)).await;
    assert!(other.seen().events.iter().all(|event| !event.starts_with("lost")));
    let error = soon(consumer.commit()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rebalanced);
    let busy = Member::start(consumer);
    eventually("they share again", || busy.seen().held.len() == 1 && other.seen().held.len() == 1)
        .await;
    assert!(busy.seen().events[0].starts_with("lost"));
    for member in [busy, other] {
        soon(member.stop().await.close()).await.unwrap();
    }
}

pub(crate) async fn every_assignor_shares_everything_out(world: World) {
    let (one, two) = (world.topic(3).await, world.topic(2).await);
    world.settled(&two).await;
    for strategy in ["range", "roundrobin", "sticky", "cooperative-sticky"] {
        let group = world.group();
        let config = || member(&group).partition_assignment_strategy([strategy]);
        let mut members = Vec::new();
        for _ in 0..3 {
            let mut consumer = subscribed(&world, config(), &one).await;
            consumer.subscribe([&*one, &*two]).unwrap();
            members.push(Member::start(consumer));
        }
        let everything = all(&one, 3).union(&all(&two, 2)).cloned().collect::<BTreeSet<_>>();
        eventually(strategy, || {
            let held: Vec<_> = members.iter().map(|m| m.seen().held.clone()).collect();
            held.iter().map(BTreeSet::len).sum::<usize>() == 5
                && held.iter().all(|held| !held.is_empty())
                && held.into_iter().flatten().collect::<BTreeSet<_>>() == everything
        })
        .await;
        for member in members {
            soon(member.stop().await.close()).await.unwrap();
        }
    }
}

pub(crate) async fn subscriptions_change(world: World) {
    let (one, two, group) = (world.topic(1).await, world.topic(1).await, world.group());
    fill(&world, &one, 1, 5).await;
    fill(&world, &two, 1, 5).await;
    let mut consumer = subscribed(&world, cooperative(&group), &one).await;
    let error = consumer.assign([partition(&one, 0)]).unwrap_err();
    assert!(error.to_string().contains("call unsubscribe first"), "{error}");
    assert!(take(&mut consumer, 5).await.iter().all(|record| record.topic() == one));
    consumer.subscribe([&*two]).unwrap();
    assert!(take(&mut consumer, 5).await.iter().all(|record| record.topic() == two));
    assert_eq!(consumer.assignment(), [partition(&two, 0)]);
    consumer.enforce_rebalance().unwrap();
    let before = consumer.group_metadata().unwrap().generation_id;
    let limit = Duration::from_millis(50);
    let rebalanced = async {
        while consumer.group_metadata().unwrap().generation_id == before {
            assert!(consumer.poll_timeout(limit).await.unwrap().is_empty());
        }
    };
    soon(rebalanced).await;
    soon(consumer.close()).await.unwrap();
}
