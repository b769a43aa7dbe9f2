//! Where a consumer stands in a partition, where it may stand, and where it goes when it cannot stand there.

use crate::world::{World, nothing_more, numbers, partition, soon, take, texts};
use kafka_client::admin::DeleteBefore;
use kafka_client::config::{AutoOffsetReset, ConsumerConfig, ProducerConfig};
use kafka_client::{ErrorKind, ProducerRecord};

pub(crate) async fn seek_and_position(world: World) {
    let topic = world.topic(2).await;
    world.fill(&topic, 0, 50, ProducerConfig::default(), 7).await;
    let (zero, one) = (partition(&topic, 0), partition(&topic, 1));
    let mut consumer = world.consumer(&topic, [0]);
    assert_eq!(soon(consumer.position(zero.clone())).await.unwrap(), 0);
    take(&mut consumer, 10).await;
    consumer.seek(zero.clone(), 40).unwrap();
    assert_eq!(consumer.position(zero.clone()).await.unwrap(), 40);
    assert_eq!(texts(&take(&mut consumer, 10).await), numbers(40..50));
    consumer.seek_to_beginning([zero.clone()]).unwrap();
    assert_eq!(texts(&take(&mut consumer, 3).await), numbers(0..3));
    consumer.seek_to_end([zero.clone()]).unwrap();
    assert_eq!(soon(consumer.position(zero.clone())).await.unwrap(), 50);
    nothing_more(&mut consumer).await;
    let producer = world.producer(ProducerConfig::default());
    producer.send(ProducerRecord::new(&topic, "50").partition(0)).await.unwrap();
    assert_eq!(texts(&take(&mut consumer, 1).await), ["50"]);

    let error = consumer.seek(one.clone(), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "it is not assigned");
    // A partition that stays assigned keeps its position.
    consumer.seek(zero.clone(), 20).unwrap();
    consumer.assign([zero.clone(), one]).unwrap();
    assert_eq!(texts(&take(&mut consumer, 31).await), numbers(20..51));
}

pub(crate) async fn beginning_end_and_lag(world: World) {
    let topic = world.topic(3).await;
    world.fill(&topic, 1, 30, ProducerConfig::default(), 10).await;
    world.fill(&topic, 2, 5, ProducerConfig::default(), 10).await;
    let all = || (0..3).map(|place| partition(&topic, place));
    let mut consumer = world.consumer(&topic, [1]);
    // Of any partition, assigned or not.
    let beginning = consumer.beginning_offsets(all()).await.unwrap();
    assert_eq!(beginning, all().zip([0, 0, 0]).collect());
    let end = consumer.end_offsets(all()).await.unwrap();
    assert_eq!(end, all().zip([0, 30, 5]).collect());

    take(&mut consumer, 12).await;
    soon(consumer.poll()).await.unwrap();
    let one = partition(&topic, 1);
    let lag = consumer.lag(one.clone());
    let position = consumer.position(one.clone()).await.unwrap();
    assert_eq!(lag, Some(u64::try_from(30 - position).unwrap()));
}

pub(crate) async fn offsets_for_times(world: World) {
    let forever = ("retention.ms", "-1");
    let topic = world.topic_with(2, &[forever]).await;
    let producer = world.producer(ProducerConfig::default());
    // Out of order, over several batches.
    for time in [1000, 2000, 1500, 3000, 3000, 5000] {
        let record = ProducerRecord::new(&topic, "v").partition(0).timestamp_ms(time);
        producer.send(record).await.unwrap();
    }
    let consumer = world.consumer(&topic, [0]);
    let (zero, one) = (partition(&topic, 0), partition(&topic, 1));
    for (time, expected) in [
        (0, Some((0, 1000))),
        (1000, Some((0, 1000))),
        (1001, Some((1, 2000))),
        (2001, Some((3, 3000))),
        (3000, Some((3, 3000))),
        (5000, Some((5, 5000))),
        (5001, None),
    ] {
        let found = consumer.offsets_for_times([(zero.clone(), time), (one.clone(), time)]);
        let found = soon(found).await.unwrap();
        let at = found[&zero].as_ref().map(|found| (found.offset, found.timestamp_ms));
        assert_eq!(at, expected, "at {time}");
        assert_eq!(found[&one].as_ref().map(|found| found.offset), None, "empty");
    }
}

pub(crate) async fn reset_policies(world: World) {
    let topic = world.topic(1).await;
    world.fill(&topic, 0, 20, ProducerConfig::default(), 10).await;
    let zero = partition(&topic, 0);
    let with = |reset| ConsumerConfig::default().auto_offset_reset(reset);

    let mut earliest = world.consumer_with(with(AutoOffsetReset::Earliest), &topic, [0]);
    assert_eq!(texts(&take(&mut earliest, 20).await), numbers(0..20));
    earliest.seek(zero.clone(), 1000).unwrap();
    assert_eq!(texts(&take(&mut earliest, 20).await), numbers(0..20));

    let mut latest = world.consumer_with(with(AutoOffsetReset::Latest), &topic, [0]);
    assert_eq!(soon(latest.position(zero.clone())).await.unwrap(), 20);
    latest.seek(zero.clone(), 1000).unwrap();
    // Until the broker has said that there is no such offset, it is where it was put.
    let reset = async {
        while latest.position(zero.clone()).await.unwrap() == 1000 {
            nothing_more(&mut latest).await;
        }
    };
    soon(reset).await;
    assert_eq!(latest.position(zero.clone()).await.unwrap(), 20);

    let hour = AutoOffsetReset::ByDuration(std::time::Duration::from_secs(3600));
    let mut recent = world.consumer_with(with(hour), &topic, [0]);
    assert_eq!(texts(&take(&mut recent, 20).await), numbers(0..20));

    let mut none = world.consumer_with(with(AutoOffsetReset::None), &topic, [0]);
    let error = soon(none.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OffsetOutOfRange, "{error}");
    assert_eq!((error.topic(), error.partition()), (Some(&*topic), Some(0)));
    none.seek(zero.clone(), 1000).unwrap();
    let error = soon(none.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OffsetOutOfRange, "{error}");
    none.seek(zero.clone(), 15).unwrap();
    assert_eq!(texts(&take(&mut none, 5).await), numbers(15..20));
}

pub(crate) async fn deleted_records_put_a_position_out_of_range(world: World) {
    let topic = world.topic(1).await;
    world.fill(&topic, 0, 100, ProducerConfig::default(), 10).await;
    let zero = partition(&topic, 0);
    let with = |reset| ConsumerConfig::default().auto_offset_reset(reset);
    let mut strict = world.consumer_with(with(AutoOffsetReset::None), &topic, [0]);
    let mut lenient = world.consumer(&topic, [0]);

    // In the middle of a batch.
    let deleted =
        world.admin().delete_records([(zero.clone(), DeleteBefore::Offset(55))]).await.unwrap();
    assert_eq!(deleted.all().unwrap()[&zero], 55, "the new beginning");
    assert_eq!(strict.beginning_offsets([zero.clone()]).await.unwrap()[&zero], 55);

    strict.seek(zero.clone(), 54).unwrap();
    let error = soon(strict.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OffsetOutOfRange, "{error}");
    strict.seek(zero.clone(), 55).unwrap();
    assert_eq!(texts(&take(&mut strict, 45).await), numbers(55..100));
    lenient.seek(zero.clone(), 3).unwrap();
    assert_eq!(texts(&take(&mut lenient, 45).await), numbers(55..100));

    // Everything.
    let deleted =
        world.admin().delete_records([(zero.clone(), DeleteBefore::HighWatermark)]).await.unwrap();
    assert_eq!(deleted.all().unwrap()[&zero], 100);
    lenient.seek(zero.clone(), 99).unwrap();
    let producer = world.producer(ProducerConfig::default());
    producer.send(ProducerRecord::new(&topic, "100")).await.unwrap();
    assert_eq!(texts(&take(&mut lenient, 1).await), ["100"]);
    let beyond =
        world.admin().delete_records([(zero.clone(), DeleteBefore::Offset(200))]).await.unwrap();
    let error = beyond.all().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OffsetOutOfRange, "{error}");
}
