//! What an administrator does with groups and their offsets.

use crate::groups::member;
use crate::member::{Member, eventually};
use crate::world::{World, now_ms, partition, soon, take};
use kafka_client::admin::OffsetReset;
use kafka_client::config::ProducerConfig;
use kafka_client::{ErrorCode, OffsetAndMetadata};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) async fn groups_are_listed_described_and_deleted(world: World) {
    let (topic, group, admin) = (world.topic(2).await, world.group(), world.admin());
    world.settled(&topic).await;
    let config = member(&group).group_instance_id("one").session_timeout(Duration::from_secs(2));
    let mut consumer = world.client.consumer(config).unwrap();
    consumer.subscribe([&*topic]).unwrap();
    let one = Member::start(consumer);
    eventually("it has all", || one.seen().held.len() == 2).await;

    let listed = admin.list_groups().await.unwrap();
    let ours = listed.iter().find(|listing| *listing.group_id == *group).unwrap();
    assert_eq!(&*ours.protocol_type, "consumer");
    assert!(ours.state.as_deref().is_none_or(|state| state == "Stable"), "{ours:?}");

    let nowhere = world.group();
    let described = admin.describe_groups([&*group, &*nowhere]).await.unwrap();
    let ours = described.get(&*group).unwrap().as_ref().unwrap();
    let seen = (&*ours.state, &*ours.protocol_type, &*ours.protocol);
    assert_eq!(seen, ("Stable", "consumer", "range"));
    let members: Vec<_> = ours.members.iter().collect();
    assert_eq!((members.len(), members[0].assignment.len()), (1, 2));
    assert!(members[0].assignment.contains(&partition(&topic, 0)));
    let name = members[0].group_instance_id.as_deref();
    assert!(name.is_none_or(|name| name == "one"), "older brokers do not tell");
    let error = described.get(&*nowhere).unwrap().as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    assert!(error.to_string().contains(&nowhere), "{error}");

    let deleted = admin.delete_groups([&*group]).await.unwrap();
    let error = deleted.get(&*group).unwrap().as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NON_EMPTY_GROUP));
    // A static member would stay for its session; without subscription it is out at once.
    let mut consumer = one.stop().await;
    soon(consumer.commit()).await.unwrap();
    soon(consumer.close()).await.unwrap();
    let gone = async {
        loop {
            let deleted = admin.delete_groups([&*group]).await.unwrap().all();
            match deleted {
                Ok(_) => return,
                Err(error) => assert_eq!(error.code(), Some(ErrorCode::NON_EMPTY_GROUP)),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon(gone).await;
    let listed = admin.list_groups().await.unwrap();
    assert!(listed.iter().all(|listing| *listing.group_id != *group));
    let deleted = admin.delete_groups([&*nowhere]).await.unwrap();
    let error = deleted.all().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
}

pub(crate) async fn offsets_of_groups_are_altered_listed_and_deleted(world: World) {
    let (topic, group, admin) = (world.topic(2).await, world.group(), world.admin());
    world.settled(&topic).await;
    assert_eq!(admin.list_group_offsets(&*group).await.unwrap(), BTreeMap::new());
    let (zero, one) = (partition(&topic, 0), partition(&topic, 1));
    let noted = OffsetAndMetadata::new(3).metadata("by hand");
    let wanted = [(zero.clone(), noted.clone()), (one.clone(), OffsetAndMetadata::new(4))];
    admin.alter_group_offsets(&*group, wanted.clone()).await.unwrap().all().unwrap();
    assert_eq!(admin.list_group_offsets(&*group).await.unwrap(), wanted.into());

    let missing = partition(&world.name(), 0);
    let rows = [(zero.clone(), -1), (missing.clone(), 1), (one.clone(), 5)];
    let altered = admin.alter_group_offsets(&*group, rows).await.unwrap();
    assert!(altered.get(&zero).unwrap().is_err() && altered.get(&missing).unwrap().is_err());
    assert!(altered.get(&one).unwrap().is_ok());

    let deleted = admin.delete_group_offsets(&*group, [&zero]).await.unwrap();
    deleted.all().unwrap();
    let left = admin.list_group_offsets(&*group).await.unwrap();
    assert_eq!(left, [(one.clone(), OffsetAndMetadata::new(5))].into());

    let mut consumer = world.client.consumer(member(&group)).unwrap();
    consumer.subscribe([&*topic]).unwrap();
    let busy = Member::start(consumer);
    eventually("it has all", || busy.seen().held.len() == 2).await;
    let error = admin.alter_group_offsets(&*group, [(&one, 0)]).await.unwrap().all().unwrap_err();
    assert!(error.to_string().contains("the group has members"), "{error}");
    let deleted = admin.delete_group_offsets(&*group, [&one]).await.unwrap();
    let error = deleted.all().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC));
    soon(busy.stop().await.close()).await.unwrap();
}

pub(crate) async fn groups_are_moved_to_other_offsets(world: World) {
    let (topic, group, admin) = (world.topic(2).await, world.group(), world.admin());
    world.fill(&topic, 0, 10, ProducerConfig::default(), 10).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let middle = now_ms();
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.fill(&topic, 0, 10, ProducerConfig::default(), 10).await;
    let both = [partition(&topic, 0), partition(&topic, 1)];
    let shifted = admin.reset_group_offsets(&*group, &both, OffsetReset::ShiftBy(1)).await.unwrap();
    assert!(shifted.all().unwrap_err().to_string().contains("committed nothing"));
    for (to, expected) in [
        (OffsetReset::Latest, [20, 0]),
        (OffsetReset::Earliest, [0, 0]),
        (OffsetReset::Offset(7), [7, 0]),
        (OffsetReset::ShiftBy(5), [12, 0]),
        (OffsetReset::ShiftBy(100), [20, 0]),
        (OffsetReset::ShiftBy(-4), [16, 0]),
        (OffsetReset::Timestamp(middle), [10, 0]),
        (OffsetReset::Timestamp(middle + 1_000_000), [20, 0]),
        (OffsetReset::ShiftBy(-3), [17, 0]),
    ] {
        let moved = admin.reset_group_offsets(&*group, &both, to).await.unwrap().all().unwrap();
        let moved: Vec<_> = moved.into_values().collect();
        assert_eq!(moved, expected, "{to:?}");
    }
    let mut consumer = world.client.consumer(member(&group)).unwrap();
    consumer.subscribe([&*topic]).unwrap();
    let offsets: Vec<_> = take(&mut consumer, 3).await.iter().map(|r| r.offset()).collect();
    assert_eq!(offsets, [17, 18, 19]);
    soon(consumer.close()).await.unwrap();
}
