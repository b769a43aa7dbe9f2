//! Records that are fetched in sessions.

use super::batches::plain;
use super::fetching::{TOPIC_IDS_SINCE, Wanted, filled, request, want};
use super::twins::{Side, Twins};
use kafka_proto::messages::delete_topics;
use kafka_proto::messages::fetch::{self, ForgottenTopic};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

fn forget(side: &Side, version: i16, topic: &str, partitions: &[i32]) -> ForgottenTopic {
    let by_id = version >= TOPIC_IDS_SINCE;
    ForgottenTopic {
        topic: if by_id { "".into() } else { topic.into() },
        topic_id: if by_id { side.id(topic) } else { Uuid::ZERO },
        partitions: partitions.to_vec(),
    }
}

fn in_session(side: &Side, version: i16, epoch: i32, topics: &[Wanted<'_>]) -> fetch::Request {
    let session_id = i32::try_from(side.given["session"]).unwrap();
    fetch::Request { session_id, session_epoch: epoch, ..request(side, version, topics) }
}

/// One version of Fetch, in which everything is asked.
struct At<'a>(&'a mut Twins, i16);

impl At<'_> {
    async fn go_on(&mut self, what: &str, epoch: i32, topics: &[Wanted<'_>]) {
        let Self(twins, version) = self;
        twins
            .change_at(what, *version..=*version, |side, version| {
                in_session(side, version, epoch, topics)
            })
            .await;
    }
}

pub(crate) async fn fetched_in_sessions(twins: &mut Twins) {
    for version in [7, 11, 12, 13, 16, 18] {
        let there = filled(twins, &format!("there-{version}")).await;
        let goes = filled(twins, &format!("goes-{version}")).await;
        let topics = [(&*there, vec![want(0, 0), want(1, 0)]), (&*goes, vec![want(0, 7)])];
        open(twins, version, &topics).await;
        ask_for_more_and_less(&mut At(twins, version), &there).await;
        delete_and_make_again(&mut At(twins, version), &goes).await;
        let mut at = At(twins, version);
        at.go_on("closing", -1, &[]).await;
        at.go_on("closed", 16, &[]).await;
    }
}

async fn open(twins: &mut Twins, version: i16, topics: &[Wanted<'_>]) {
    let nobodys = |side: &Side, version| fetch::Request {
        session_id: 123_456,
        session_epoch: 1,
        ..request(side, version, &[])
    };
    twins.change_at("a session that nobody opened", version..=version, nobodys).await;
    let open = |side: &Side, version| fetch::Request {
        session_epoch: 0,
        ..request(side, version, topics)
    };
    twins.change_at("opening", version..=version, open).await;
    twins
        .take("opening", version, open, |side, response| {
            side.given.insert("session", response.session_id.into());
        })
        .await;
}

async fn ask_for_more_and_less(at: &mut At<'_>, there: &Arc<str>) {
    let missing = at.0.name("missing");
    let steps: Vec<(&str, i32, Vec<Wanted<'_>>)> = vec![
        ("records that were not taken", 1, vec![]),
        ("the end", 2, vec![(there, vec![want(0, 7)])]),
        ("nothing new", 3, vec![]),
        ("a wrong epoch", 3, vec![]),
        ("a wrong epoch", 9, vec![]),
        ("out of range", 4, vec![(there, vec![want(0, 99)])]),
        ("still out of range", 5, vec![]),
        ("back in range", 6, vec![(there, vec![want(0, 7)])]),
        ("nothing new again", 7, vec![]),
        ("a missing topic", 8, vec![(&missing, vec![want(0, 0)])]),
        ("a missing partition", 9, vec![(there, vec![want(6, 0)])]),
    ];
    for (what, epoch, topics) in &steps {
        at.go_on(what, *epoch, topics).await;
    }
    let version = at.1;
    at.0.change_at("forgetting", version..=version, |side, version| fetch::Request {
        forgotten_topics_data: vec![forget(side, version, there, &[6, 8])],
        ..in_session(side, version, 10, &[])
    })
    .await;
    at.0.append(there, 1, plain(&[0])).await;
    at.go_on("a new record", 11, &[]).await;
    let other = if version < TOPIC_IDS_SINCE { TOPIC_IDS_SINCE } else { TOPIC_IDS_SINCE - 1 };
    At(at.0, other).go_on("the other way to name topics", 12, &[]).await;
    at.go_on("after that", 12, &[(there, vec![want(1, 1)])]).await;
}

async fn delete_and_make_again(at: &mut At<'_>, goes: &Arc<str>) {
    let delete = delete_topics::Request {
        topic_names: vec![goes.clone()],
        timeout_ms: 5000,
        ..Default::default()
    };
    at.0.change_at("delete", 5..=5, |_, _| delete.clone()).await;
    // Until Kafka's broker has heard of it from the controller.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    at.go_on("a topic that is gone", 13, &[]).await;
    let again = at.0.create(&format!("goes-{}", at.1), 1, &[]).await;
    at.go_on("a topic that came back", 14, &[]).await;
    at.go_on("asked for anew", 15, &[(&again, vec![want(0, 0)])]).await;
}
