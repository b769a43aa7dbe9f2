//! `Admin` from end to end: against a broker over TCP, also one that passes for older releases, and one with faults.

use kafka_broker_lite::Cluster;
use kafka_client::admin::{
    ConfigChanges, ConfigEntry, ConfigResource, ConfigSource, ConfigType, DeleteBefore,
    NewPartitions, OffsetSpec,
};
use kafka_client::config::ProducerConfig;
use kafka_client::{Admin, Client, ErrorCode, ErrorKind, NewTopic, ProducerRecord};
use kafka_proto::api::ApiKey;
use std::sync::Arc;
use std::time::Duration;

const RELEASES: [&str; 5] = ["2.1", "2.8", "3.9", "4.0", "4.4"];

async fn start(release: &str) -> (Cluster, Client) {
    let cluster = Cluster::builder().topic("orders", 3).as_version(release).start().await.unwrap();
    let client = Client::connect(&cluster.bootstrap_servers()).await.unwrap();
    (cluster, client)
}

fn name(text: &str) -> Arc<str> {
    text.into()
}

fn versions(cluster: &Cluster, api: ApiKey) -> Vec<i16> {
    let log = cluster.control().request_log();
    log.iter().filter(|request| request.api == api).map(|request| request.version).collect()
}

fn entry<'a>(entries: &'a [ConfigEntry], name: &str) -> &'a ConfigEntry {
    entries.iter().find(|entry| &*entry.name == name).unwrap_or_else(|| panic!("no {name}"))
}

async fn configs_of(admin: &Admin, resource: ConfigResource) -> Vec<ConfigEntry> {
    let described = admin.describe_configs([resource.clone()]).await.unwrap();
    described.all().unwrap().remove(&resource).unwrap()
}

#[tokio::test]
async fn topics_are_created_described_grown_and_deleted() {
    for release in RELEASES {
        let (_cluster, client) = start(release).await;
        let admin = client.admin();
        let topic = |name| NewTopic::new(name).partitions(2).replication_factor(1);
        let new =
            [topic("a").config("retention.ms", "1000"), NewTopic::new("b").assignments([[1]])];

        let checked = admin.validate_topics(new.clone()).await.unwrap().all().unwrap();
        assert_eq!(checked.len(), 2, "{release}");
        assert_eq!(admin.list_topics().await.unwrap().len(), 1, "{release}: nothing was created");

        let created = admin.create_topics(new).await.unwrap().all().unwrap();
        let created = &created["a"];
        if release == "2.1" {
            assert_eq!((created.id, created.partitions, &created.configs), (None, None, &None));
        } else {
            assert!(created.id.is_some_and(|id| !id.is_zero()), "{release}");
            assert_eq!((created.partitions, created.replication_factor), (Some(2), Some(1)));
            let retention = entry(created.configs.as_ref().unwrap(), "retention.ms");
            assert_eq!(retention.value.as_deref(), Some("1000"), "{release}");
        }
        let listed = admin.list_topics().await.unwrap();
        let names: Vec<_> = listed.iter().map(|topic| &*topic.name).collect();
        assert_eq!(names, ["a", "b", "orders"], "{release}");
        assert_eq!(listed[0].id, created.id.filter(|_| release != "2.1"), "{release}");

        let grown = admin.create_partitions([NewPartitions::new("a", 5)]).await.unwrap();
        grown.all().unwrap();
        let unchanged = admin.validate_partitions([NewPartitions::new("a", 9)]).await.unwrap();
        unchanged.all().unwrap();
        let described = admin.describe_topics(["a", "nope"]).await.unwrap();
        let a = described.get("a").unwrap().as_ref().unwrap();
        assert_eq!(a.partitions.len(), 5, "{release}");
        let last = &a.partitions[4];
        assert_eq!((last.partition, last.leader, &*last.replicas), (4, Some(1), &[1][..]));
        assert_eq!((&*last.in_sync, &*last.offline), (&[1][..], &[][..]), "{release}");
        assert_eq!(
            described.get("nope").unwrap().as_ref().unwrap_err().to_string(),
            "describe the topic (nope): unknown topic or partition: \
             UNKNOWN_TOPIC_OR_PARTITION (3): The broker holds no such topic or partition."
        );

        let deleted = admin.delete_topics(["a", "nope"]).await.unwrap();
        assert!(deleted.get("a").unwrap().is_ok(), "{release}");
        let missing = deleted.get("nope").unwrap().as_ref().unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::UnknownTopicOrPartition, "{release}: {missing}");
        assert_eq!(missing.topic(), Some("nope"));
        let left = admin.list_topics().await.unwrap();
        assert_eq!(left.len(), 2, "{release}");
    }
}

#[tokio::test]
async fn ids_name_one_topic_for_ever() {
    let (_cluster, client) = start("4.4").await;
    let admin = client.admin();
    let described = admin.describe_topics(["orders"]).await.unwrap().all().unwrap();
    let id = described["orders"].id.unwrap();
    let by_id = admin.describe_topics_by_id([id]).await.unwrap().all().unwrap();
    assert_eq!(by_id[&id], described["orders"]);
    admin.delete_topics_by_id([id]).await.unwrap().all().unwrap();
    admin.create_topics([NewTopic::new("orders")]).await.unwrap().all().unwrap();
    let error = admin.delete_topics_by_id([id]).await.unwrap().all().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "delete the topic with id {id}: unknown topic or partition: UNKNOWN_TOPIC_ID (100): \
             This server does not host this topic ID."
        )
    );
    let error = admin.describe_topics_by_id([id]).await.unwrap().all().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_ID));
    assert_eq!(admin.list_topics().await.unwrap().len(), 1, "the new topic stays");
}

#[tokio::test]
async fn what_an_old_broker_cannot_is_named() {
    let (cluster, client) = start("2.1").await;
    let admin = client.admin();
    let created = admin
        .create_topics([
            NewTopic::new("a"),
            NewTopic::new("b").partitions(1),
            NewTopic::new("c").partitions(1).replication_factor(1),
        ])
        .await
        .unwrap();
    let text = |name| created.get(name).unwrap().as_ref().unwrap_err().to_string();
    assert_eq!(
        text("a"),
        "create the topic (a): not supported by the broker: leaving `partitions` to the broker \
         needs CreateTopics 4 (Kafka 2.4), the broker speaks CreateTopics 3"
    );
    assert!(text("b").contains("leaving `replication_factor` to the broker"), "{}", text("b"));
    assert!(created.get("c").unwrap().is_ok(), "what it can is done");

    let id = kafka_client::Uuid::from_random(7);
    let error = admin.delete_topics_by_id([id]).await.unwrap().all().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("asking by topic id needs DeleteTopics 6 (Kafka 2.8)"));
    let error = admin.describe_topics_by_id([id]).await.unwrap().all().unwrap_err();
    assert!(error.to_string().contains("asking by topic id needs Metadata 12 (Kafka 3.1)"));
    let orders = ConfigResource::topic("orders");
    let error = admin.explain_configs([orders]).await.unwrap().all().unwrap_err();
    assert!(error.to_string().contains("documentation of configs needs DescribeConfigs 3"));

    let specs = [
        (OffsetSpec::Latest, true),
        (OffsetSpec::LatestStable, true),
        (OffsetSpec::MaxTimestamp, false),
        (OffsetSpec::EarliestLocal, false),
        (OffsetSpec::LatestTiered, false),
        (OffsetSpec::EarliestPendingUpload, false),
    ];
    for (spec, can) in specs {
        let listed = admin.list_offsets([(("orders", 0), spec)]).await.unwrap().all();
        assert_eq!(listed.is_ok(), can, "{spec:?}: {listed:?}");
        if let Err(error) = listed {
            let text = format!("OffsetSpec::{spec:?} needs ListOffsets ");
            assert!(error.to_string().contains(&text), "{error}");
            assert_eq!(error.partition(), Some(0));
        }
    }
    assert_eq!(versions(&cluster, ApiKey::LIST_OFFSETS), [4, 4], "the others were not asked");
}

#[tokio::test]
async fn configs_are_changed_one_by_one_also_where_the_broker_cannot() {
    for release in RELEASES {
        let (cluster, client) = start(release).await;
        let admin = client.admin();
        let orders = || ConfigResource::topic("orders");
        let change = async |changes: ConfigChanges| {
            admin.incremental_alter_configs([changes]).await.unwrap().all().map(drop)
        };
        let set = ConfigChanges::new(orders())
            .set("retention.ms", "1000")
            .set("max.message.bytes", "2000000")
            .append("cleanup.policy", "compact");
        let checked = admin.validate_configs([set.clone()]).await.unwrap().all();
        assert!(checked.is_ok(), "{release}: {checked:?}");
        let before = configs_of(&admin, orders()).await;
        assert_eq!(entry(&before, "retention.ms").source, ConfigSource::Default, "{release}");

        change(set).await.unwrap();
        change(ConfigChanges::new(orders()).delete("retention.ms")).await.unwrap();
        let after = configs_of(&admin, orders()).await;
        let retention = entry(&after, "retention.ms");
        assert_eq!(retention.source, ConfigSource::Default, "{release}");
        assert_eq!(retention.kind, (release != "2.1").then_some(ConfigType::Long), "{release}");
        let kept = entry(&after, "max.message.bytes");
        assert_eq!(kept.value.as_deref(), Some("2000000"), "{release}: what is not named stays");
        assert_eq!(kept.source, ConfigSource::Topic);
        assert_eq!(kept.synonyms[0].value.as_deref(), Some("2000000"));
        let policy = |entries: &[ConfigEntry]| entry(entries, "cleanup.policy").value.clone();
        assert_eq!(policy(&after).as_deref(), Some("delete,compact"), "{release}");
        change(ConfigChanges::new(orders()).subtract("cleanup.policy", "delete")).await.unwrap();
        assert_eq!(policy(&configs_of(&admin, orders()).await).as_deref(), Some("compact"));

        let error = change(ConfigChanges::new(orders()).set("no.such.config", "1")).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::INVALID_CONFIG), "{release}");
        let whole = if release == "2.1" { "replace" } else { "change" };
        assert_eq!(
            error.to_string(),
            format!(
                "{whole} the configs of topic orders: refused by the broker: INVALID_CONFIG (40): \
                 Unknown topic config name: no.such.config"
            )
        );
        let one_by_one = versions(&cluster, ApiKey::INCREMENTAL_ALTER_CONFIGS).len();
        let at_once = versions(&cluster, ApiKey::ALTER_CONFIGS).len();
        let expected = if release == "2.1" { (0, 5) } else { (5, 0) };
        assert_eq!((one_by_one, at_once), expected, "{release}");

        let whole = [(orders(), [("retention.ms", "5000")])];
        admin.alter_configs(whole).await.unwrap().all().unwrap();
        let after = configs_of(&admin, orders()).await;
        assert_eq!(entry(&after, "max.message.bytes").source, ConfigSource::Default);
        assert_eq!(entry(&after, "retention.ms").value.as_deref(), Some("5000"));
    }
}

#[tokio::test]
async fn brokers_have_configs_of_their_own() {
    let (_cluster, client) = start("4.4").await;
    let admin = client.admin();
    let broker = || ConfigResource::broker(1);
    let change = ConfigChanges::new(broker()).set("message.max.bytes", "3000000");
    let all = ConfigChanges::new(ConfigResource::all_brokers()).set("log.retention.ms", "7000");
    admin.incremental_alter_configs([change, all]).await.unwrap().all().unwrap();
    let entries = configs_of(&admin, broker()).await;
    assert_eq!(entry(&entries, "message.max.bytes").source, ConfigSource::Broker);
    let retention = entry(&entries, "log.retention.ms");
    assert_eq!(
        (retention.source, retention.value.as_deref()),
        (ConfigSource::AllBrokers, Some("7000"))
    );
    assert!(entry(&entries, "node.id").is_read_only);
    let explained = admin.explain_configs([broker()]).await.unwrap().all().unwrap();
    assert_eq!(explained[&broker()].len(), entries.len());

    let described = admin
        .describe_configs([ConfigResource::broker(77), ConfigResource::topic("nope"), broker()])
        .await
        .unwrap();
    let text = |resource| described.get(&resource).unwrap().as_ref().unwrap_err().to_string();
    assert_eq!(
        text(ConfigResource::broker(77)),
        "describe the configs of broker 77: no connection: there is no broker 77; the cluster has 1"
    );
    assert!(text(ConfigResource::topic("nope")).contains("UNKNOWN_TOPIC_OR_PARTITION"));
    assert!(described.get(&broker()).unwrap().is_ok(), "the others are answered all the same");
}

#[tokio::test]
async fn offsets_are_found_by_time_and_records_deleted() {
    for release in RELEASES {
        let (_cluster, client) = start(release).await;
        let admin = client.admin();
        let producer = client.producer(ProducerConfig::default()).unwrap();
        for timestamp in [1_000, 3_000, 2_000] {
            let record = ProducerRecord::new("orders", "v").partition(0).timestamp_ms(timestamp);
            producer.send(record).await.unwrap();
        }
        let at = async |spec| {
            let listed = admin.list_offsets([(("orders", 0), spec)]).await.unwrap();
            let listed = listed.all().unwrap().into_values().next().unwrap();
            (listed.offset, listed.timestamp_ms)
        };
        assert_eq!(at(OffsetSpec::Earliest).await, (Some(0), None), "{release}");
        assert_eq!(at(OffsetSpec::Latest).await, (Some(3), None), "{release}");
        assert_eq!(at(OffsetSpec::LatestStable).await, (Some(3), None), "{release}");
        assert_eq!(at(OffsetSpec::Timestamp(1_500)).await, (Some(1), Some(3_000)), "{release}");
        assert_eq!(at(OffsetSpec::Timestamp(9_000)).await, (None, None), "{release}");
        if ["3.9", "4.0", "4.4"].contains(&release) {
            assert_eq!(at(OffsetSpec::MaxTimestamp).await, (Some(1), Some(3_000)), "{release}");
            assert_eq!(at(OffsetSpec::EarliestLocal).await, (Some(0), None), "{release}");
            assert_eq!(at(OffsetSpec::LatestTiered).await, (None, None), "{release}");
        }
        let several = [0, 1, 2].map(|partition| (("orders", partition), OffsetSpec::Latest));
        let listed = admin.list_offsets(several).await.unwrap().all().unwrap();
        let ends: Vec<_> = listed.values().map(|listed| listed.offset).collect();
        assert_eq!(ends, [Some(3), Some(0), Some(0)], "{release}");

        let deleted = admin
            .delete_records([
                (("orders", 0), DeleteBefore::Offset(2)),
                (("orders", 1), DeleteBefore::Offset(5)),
                (("orders", 2), DeleteBefore::HighWatermark),
            ])
            .await
            .unwrap();
        let results: Vec<_> = deleted.into_iter().map(|(_, result)| result).collect();
        assert_eq!(*results[0].as_ref().unwrap(), 2, "{release}");
        let error = results[1].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OffsetOutOfRange);
        assert_eq!((error.topic(), error.partition()), (Some("orders"), Some(1)));
        assert_eq!(*results[2].as_ref().unwrap(), 0, "{release}");
        assert_eq!(at(OffsetSpec::Earliest).await, (Some(2), None), "{release}");
    }
}

#[tokio::test]
async fn the_cluster_is_described_by_old_brokers_too() {
    for release in RELEASES {
        let (cluster, client) = start(release).await;
        let described = client.admin().describe_cluster().await.unwrap();
        assert!(described.cluster_id.is_some(), "{release}");
        assert_eq!(described.controller, Some(1), "{release}");
        let [broker] = &*described.brokers else { panic!("{release}: {described:?}") };
        assert_eq!(broker.id, 1);
        assert_eq!(format!("{}:{}", broker.host, broker.port), cluster.bootstrap_servers());
        let told = ["4.0", "4.4"].contains(&release);
        assert_eq!(described.fenced_brokers.is_some(), told, "{release}");
        let asked = versions(&cluster, ApiKey::DESCRIBE_CLUSTER).len();
        assert_eq!(asked, usize::from(release != "2.1"), "{release}");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let (cluster, client) = start("4.4").await;
    let admin = client.admin();
    let control = cluster.control();
    control.on(ApiKey::CREATE_TOPICS).times(1).error(ErrorCode::NOT_CONTROLLER);
    admin.create_topics([NewTopic::new("a")]).await.unwrap().all().unwrap();
    assert_eq!(versions(&cluster, ApiKey::CREATE_TOPICS).len(), 2);

    control.on(ApiKey::LIST_OFFSETS).times(2).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    control.on(ApiKey::METADATA).times(1).drop_connection();
    let latest = [(("orders", 0), OffsetSpec::Latest)];
    admin.list_offsets(latest).await.unwrap().all().unwrap();
    assert_eq!(versions(&cluster, ApiKey::LIST_OFFSETS).len(), 3);

    control.on(ApiKey::DELETE_RECORDS).times(1).drop_connection();
    let all = [(("orders", 0), DeleteBefore::HighWatermark)];
    admin.delete_records(all).await.unwrap().all().unwrap();

    // A lost answer: the topic is there, and the error tells why it may be.
    control.on(ApiKey::CREATE_TOPICS).times(1).lose_reply();
    let error = admin.create_topics([NewTopic::new("b")]).await.unwrap().all().unwrap_err();
    assert_eq!(
        error.to_string(),
        "create the topic (b): refused by the broker: TOPIC_ALREADY_EXISTS (36): Topic 'b' already \
         exists; an earlier try of this call lost its answer and may have done it"
    );
    assert!(admin.describe_topics(["b"]).await.unwrap().all().is_ok());
    assert_eq!(control.pending_rules(), 0);
}

#[tokio::test]
async fn what_does_not_pass_ends_in_time_and_says_why() {
    let (cluster, client) = start("4.4").await;
    let admin = client.admin().with_timeout(Duration::from_millis(300));
    let control = cluster.control();
    control.on(ApiKey::LIST_OFFSETS).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let two = [(("orders", 0), OffsetSpec::Latest), (("orders", 9), OffsetSpec::Timestamp(-5))];
    let listed = admin.list_offsets(two).await.unwrap();
    let errors: Vec<_> = listed.into_iter().map(|(_, result)| result.unwrap_err()).collect();
    assert_eq!(errors[0].code(), Some(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert_eq!(
        errors[0].to_string(),
        "find the offset (orders-0): timed out: not done within 300 ms (default.api.timeout.ms); \
         the last try: refused by the broker: NOT_LEADER_OR_FOLLOWER (6): The broker does not lead \
         this partition, or holds no replica of it."
    );
    assert_eq!(errors[1].to_string(), "find the offset (orders-9): invalid: -5 is before 1970");
    control.clear();

    control.on(ApiKey::DESCRIBE_CLUSTER).times(1).hang();
    let error = admin.describe_cluster().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "describe the cluster: timed out: no answer within 300 ms (default.api.timeout.ms)"
    );
}

#[tokio::test]
async fn wrong_arguments_fail_alone_and_in_words() {
    let (cluster, client) = start("4.4").await;
    let admin = client.admin();
    let created = admin
        .create_topics([
            NewTopic::new("good"),
            NewTopic::new("none").partitions(0),
            NewTopic::new("both").partitions(1).assignments([[1]]),
            NewTopic::new("twice"),
            NewTopic::new("twice"),
            NewTopic::new("bad name"),
            NewTopic::new("many").replication_factor(3),
            NewTopic::new("odd").config("retention.ms", "soon"),
        ])
        .await
        .unwrap();
    let text = |name: &str| created.get(name).unwrap().as_ref().unwrap_err().to_string();
    assert!(created.get("good").unwrap().is_ok());
    assert_eq!(text("none"), "create the topic (none): invalid: it cannot have 0 partitions");
    assert_eq!(
        text("both"),
        "create the topic (both): invalid: assignments stand in place of partitions and \
         replication_factor; set one"
    );
    assert_eq!(text("twice"), "create the topic (twice): invalid: it is named twice in one call");
    assert!(text("bad name").contains("INVALID_TOPIC_EXCEPTION (17): "), "{}", text("bad name"));
    assert!(text("many").contains("INVALID_REPLICATION_FACTOR (38): Unable to replicate"));
    assert!(text("odd").contains("INVALID_CONFIG (40): "), "{}", text("odd"));
    assert_eq!(created.all().unwrap_err().topic(), Some("bad name"), "the first, by name");

    let grown = admin
        .create_partitions([NewPartitions::new("orders", 2), NewPartitions::new("nope", 2)])
        .await
        .unwrap();
    let text = |name: &str| grown.get(name).unwrap().as_ref().unwrap_err().to_string();
    assert_eq!(
        text("orders"),
        "add partitions to the topic (orders): refused by the broker: INVALID_PARTITIONS (37): The \
         topic orders currently has 3 partition(s); 2 would not be an increase."
    );
    assert!(text("nope").contains("unknown topic or partition"));
    let before = cluster.control().counters();
    assert!(admin.delete_topics(Vec::<Arc<str>>::new()).await.unwrap().is_empty());
    let after = cluster.control().counters();
    let deletions = |counters: &kafka_broker_lite::control::Counters| {
        counters.requests.get(&ApiKey::DELETE_TOPICS).copied()
    };
    assert_eq!(deletions(&before), deletions(&after), "nothing to ask, nobody asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_run_in_tasks_and_outlive_the_client() {
    let (cluster, client) = start("4.4").await;
    let admin = client.admin();
    drop(client);
    let calls = (0..8).map(|n| {
        let admin = admin.clone();
        tokio::spawn(async move { admin.create_topics([NewTopic::new(format!("t{n}"))]).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap().all().unwrap();
    }
    assert_eq!(admin.list_topics().await.unwrap().len(), 9);
    cluster.shutdown().await;
    let admin = admin.with_timeout(Duration::from_millis(300));
    let error = admin.describe_topics([name("orders")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains("no broker of bootstrap.servers answers"), "{error}");
}

#[tokio::test]
async fn brokers_tell_what_they_serve_and_who_coordinates() {
    for release in RELEASES {
        let (cluster, client) = start(release).await;
        let admin = client.admin();
        let offers = admin.api_versions([1, 7]).await.unwrap();
        let there = offers.get(&1).unwrap().as_ref().unwrap();
        let fetch = there.iter().find(|offer| offer.key == ApiKey::FETCH.0).unwrap();
        assert_eq!((fetch.name, fetch.usable), (Some("Fetch"), Some(fetch.max)), "{release}");
        assert!(there.is_sorted_by_key(|offer| offer.key), "{release}");
        let nobody = offers.get(&7).unwrap().as_ref().unwrap_err();
        assert!(nobody.to_string().contains("there is no broker 7"), "{release}: {nobody}");

        let found = admin.describe_coordinators(["one", "two"]).await.unwrap().all().unwrap();
        assert_eq!(found.len(), 2, "{release}");
        let address = format!("{}:{}", found["one"].host, found["one"].port);
        assert_eq!((found["one"].id, address), (1, cluster.bootstrap_servers()), "{release}");
    }
}
