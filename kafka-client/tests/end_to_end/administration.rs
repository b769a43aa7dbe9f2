//! Topics, partitions, configs and the cluster, made, described and changed; deleted records are among the positions.

use crate::world::{World, numbers, partition, soon, take, texts};
use kafka_client::admin::{ConfigChanges, ConfigEntry, ConfigResource, ConfigSource};
use kafka_client::admin::{NewPartitions, NewTopic};
use kafka_client::config::ProducerConfig;
use kafka_client::{ErrorCode, ErrorKind, ProducerRecord, Result};
use std::time::Duration;

pub(crate) async fn cluster_is_described(world: World) {
    let cluster = world.admin().describe_cluster().await.unwrap();
    assert!(!cluster.cluster_id.unwrap().is_empty());
    let controller = cluster.controller.unwrap();
    assert!(cluster.brokers.iter().any(|broker| broker.id == controller), "{controller}");
    let advertised = cluster.brokers.iter().map(|b| format!("{}:{}", b.host, b.port));
    assert!(advertised.into_iter().any(|address| world.bootstrap.contains(&address)));
}

pub(crate) async fn topics_are_made_described_and_deleted(world: World) {
    let (one, two) = (world.name(), world.name());
    let topic = |name: &str, count| NewTopic::new(name).partitions(count).replication_factor(1);
    let results = world.admin().create_topics([topic(&one, 1), topic(&two, 3)]).await.unwrap();
    let created = results.all().unwrap();
    let ids: Vec<_> = created.values().map(|topic| topic.id).collect();
    let known = world.settled(&two).await;
    let described = world.admin().describe_topics([&*one, &*two]).await.unwrap().all().unwrap();
    assert_eq!(described.values().map(|topic| topic.partitions.len()).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(described.values().map(|topic| topic.id).collect::<Vec<_>>(), ids);
    assert_eq!(described[&*two], known);
    for (number, partition) in (0..).zip(&described[&*two].partitions) {
        assert_eq!(partition.partition, number);
        let leader = partition.leader.unwrap();
        assert_eq!((&*partition.replicas, &*partition.in_sync), (&[leader][..], &[leader][..]));
        assert!(partition.offline.is_empty());
    }
    let listed = world.admin().list_topics().await.unwrap();
    let of = |name: &str| listed.iter().find(|topic| *topic.name == *name).unwrap();
    assert!(!of(&one).is_internal && !of(&two).is_internal);

    world.admin().delete_topics([&*one]).await.unwrap().all().unwrap();
    let gone = async {
        while !is_unknown(world.admin().describe_topics([&*one]).await.unwrap().get(&*one)) {}
    };
    soon(gone).await;
    let again = world.admin().delete_topics([&*one, &*two]).await.unwrap();
    assert!(is_unknown(again.get(&*one)), "{again:?}");
    assert!(again.get(&*two).unwrap().is_ok(), "{again:?}");
}

fn is_unknown<T>(result: Option<&Result<T>>) -> bool {
    let error = result.expect("a result for every topic").as_ref().err();
    error.is_some_and(|error| error.kind() == ErrorKind::UnknownTopicOrPartition)
}

pub(crate) async fn what_cannot_be_made_is_refused(world: World) {
    let there = world.topic(1).await;
    let name = world.name();
    let new = || NewTopic::new(&*name).partitions(1).replication_factor(1);
    for (topic, code) in [
        (
            NewTopic::new(&*there).partitions(1).replication_factor(1),
            ErrorCode::TOPIC_ALREADY_EXISTS,
        ),
        (new().replication_factor(100), ErrorCode::INVALID_REPLICATION_FACTOR),
        (new().config("no.such.config", "1"), ErrorCode::INVALID_CONFIG),
        (new().config("retention.ms", "soon"), ErrorCode::INVALID_CONFIG),
        (new().config("cleanup.policy", "burn"), ErrorCode::INVALID_CONFIG),
        (
            NewTopic::new("no/name").partitions(1).replication_factor(1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
        ),
    ] {
        for results in [
            world.admin().validate_topics([topic.clone()]).await.unwrap(),
            world.admin().create_topics([topic.clone()]).await.unwrap(),
        ] {
            let error = results.all().expect_err(&format!("{topic:?}"));
            assert_eq!(error.code(), Some(code), "{topic:?}: {error}");
            assert!(!error.is_retriable(), "{error}");
        }
    }
    for topic in [new().partitions(0), new().replication_factor(0)] {
        let error = world.admin().create_topics([topic]).await.unwrap().all().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    // What only was to be checked is not there afterwards.
    world.admin().validate_topics([new()]).await.unwrap().all().unwrap();
    assert!(is_unknown(world.admin().describe_topics([&*name]).await.unwrap().get(&*name)));

    let no_more = world.admin().create_partitions([NewPartitions::new(&*there, 1)]).await.unwrap();
    assert_eq!(no_more.all().unwrap_err().code(), Some(ErrorCode::INVALID_PARTITIONS));
    let nowhere = world.admin().create_partitions([NewPartitions::new(&*name, 3)]).await.unwrap();
    assert!(is_unknown(nowhere.get(&*name)));
}

pub(crate) async fn partitions_are_added_under_a_running_producer(world: World) {
    let topic = world.topic(1).await;
    let config = ProducerConfig::default().linger(Duration::ZERO);
    let producer = world.producer(config);
    producer.send(ProducerRecord::new(&topic, "0").partition(0)).await.unwrap();
    let more = || [NewPartitions::new(&*topic, 4)];
    world.admin().validate_partitions(more()).await.unwrap().all().unwrap();
    assert_eq!(world.settled(&topic).await.partitions.len(), 1);
    world.admin().create_partitions(more()).await.unwrap().all().unwrap();
    let there = async { while world.settled(&topic).await.partitions.len() < 4 {} };
    soon(there).await;
    // The producer learns of them by itself.
    let reached = async {
        loop {
            match producer.send(ProducerRecord::new(&topic, "3").partition(3)).await {
                Ok(stored) => return stored,
                Err(error) => assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(soon(reached).await.partition(), 3);
    assert_eq!(texts(&world.read(&topic, 3, 1).await), ["3"]);
    let mut consumer = world.consumer(&topic, 0..4);
    let places: Vec<_> = take(&mut consumer, 2).await.iter().map(|r| r.partition()).collect();
    assert!(places.contains(&0) && places.contains(&3), "{places:?}");
    assert_eq!(numbers(0..1), texts(&world.read(&topic, 0, 1).await));
    let end = consumer.end_offsets([partition(&topic, 1)]).await.unwrap();
    assert_eq!(end.into_values().collect::<Vec<_>>(), [0]);
}

pub(crate) async fn configs_are_set_and_described(world: World) {
    let topic =
        world.topic_with(1, &[("retention.ms", "1234567"), ("cleanup.policy", "compact")]).await;
    let resource = || ConfigResource::topic(&*topic);
    let changes = ConfigChanges::new(resource())
        .set("max.message.bytes", "54321")
        .delete("retention.ms")
        .append("cleanup.policy", "delete");
    world.settled(&topic).await;
    world.admin().validate_configs([changes.clone()]).await.unwrap().all().unwrap();
    let unchanged = entry(&world, resource(), "retention.ms").await;
    assert_eq!(unchanged.value.as_deref(), Some("1234567"));
    assert_eq!(unchanged.source, ConfigSource::Topic);
    world.admin().incremental_alter_configs([changes]).await.unwrap().all().unwrap();
    // Brokers hear of it a moment later.
    let heard = async {
        while entry(&world, resource(), "max.message.bytes").await.value.as_deref() != Some("54321")
        {
        }
    };
    soon(heard).await;
    let policy = entry(&world, resource(), "cleanup.policy").await;
    assert_eq!(
        (policy.value.as_deref(), policy.source),
        (Some("compact,delete"), ConfigSource::Topic)
    );
    let retention = entry(&world, resource(), "retention.ms").await;
    assert_eq!(retention.value.as_deref(), Some("604800000"), "Kafka's default of seven days");
    assert_eq!(retention.source, ConfigSource::Default);

    // And what was set counts.
    let producer = world.producer(ProducerConfig::default());
    let large = vec![b'x'; 60_000];
    let error = producer.send(ProducerRecord::new(&topic, &large).key("k")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecordTooLarge);

    for wrong in [
        ConfigChanges::new(resource()).set("no.such.config", "1"),
        ConfigChanges::new(resource()).set("retention.ms", "soon"),
    ] {
        let error = world.admin().incremental_alter_configs([wrong]).await.unwrap().all();
        assert_eq!(error.unwrap_err().code(), Some(ErrorCode::INVALID_CONFIG));
    }
    let nowhere = ConfigResource::topic(world.name());
    let error = world.admin().describe_configs([nowhere]).await.unwrap().all().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition);

    let broker = world.admin().describe_cluster().await.unwrap().brokers[0].id;
    let request_max =
        entry(&world, ConfigResource::broker(broker), "socket.request.max.bytes").await;
    assert_eq!(request_max.value.as_deref(), Some("104857600"));
    assert!(request_max.is_read_only && !request_max.is_sensitive);
}

async fn entry(world: &World, of: ConfigResource, name: &str) -> ConfigEntry {
    let described = world.admin().describe_configs([of]).await.unwrap().all().unwrap();
    let entries = described.into_values().next().unwrap();
    entries.into_iter().find(|entry| *entry.name == *name).expect(name)
}
