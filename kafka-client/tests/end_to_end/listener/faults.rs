//! A broker that refuses commits, for a while or for good. Only an embedded one does that when it is asked to.

use super::world::{Handled, Told, World, stop};
use crate::{LIMIT, block_on};
use kafka_broker_lite::Cluster;
use kafka_client::ErrorKind;
use kafka_client::listener::{AckMode, ListenerEvent};
use kafka_proto::ErrorCode;
use kafka_proto::api::ApiKey;
use std::future::Future;

fn run<F: Future<Output = ()>>(story: impl FnOnce(World, Cluster) -> F) {
    block_on(async {
        let cluster = Cluster::builder().start().await.unwrap();
        let world = World::new(crate::World::new(cluster.bootstrap_servers()).await);
        tokio::time::timeout(LIMIT, story(world, cluster)).await.expect("in time");
    });
}

#[test]
fn a_commit_that_is_refused_for_a_while_holds_handling_up_and_is_made() {
    run(|world, cluster| async move {
        world.fill(1, 10).await;
        let (handled, told) = (Handled::default(), Told::default());
        let own = handled.clone();
        // The commit of record 3, as often as it is tried within its time.
        let commits = cluster.control().on(ApiKey::OFFSET_COMMIT).skip(3);
        commits.error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        let listener = world.listener(500).ack_mode(AckMode::Record);
        let listener = told.by(listener).start(move |record| {
            own.note(&record);
            async {}
        });
        handled.reaches(4).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(handled.of(0), [0, 1, 2, 3], "no more before that is committed");
        assert_eq!(world.committed(0).await, Some(3));
        cluster.control().clear();
        world.commits(0, 10).await;
        assert_eq!(told.count(|e| matches!(e, ListenerEvent::Committed { .. })), 10);
        stop(listener.unwrap()).await;
    });
}

#[test]
fn a_commit_that_is_refused_for_good_ends_the_listener() {
    run(|world, cluster| async move {
        world.fill(1, 10).await;
        cluster.control().on(ApiKey::OFFSET_COMMIT).error(ErrorCode::GROUP_AUTHORIZATION_FAILED);
        let told = Told::default();
        let error = told.by(world.listener(500)).run(|_| async {}).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::GROUP_AUTHORIZATION_FAILED));
        assert_eq!(error.kind(), ErrorKind::Broker);
        assert!(told.count(|e| matches!(e, ListenerEvent::CommitFailed { .. })) > 0);
        assert_eq!(told.count(|e| matches!(e, ListenerEvent::Stopped { error: Some(_) })), 1);
    });
}

/// The coordinator forgets everybody: what was not committed is handled again, and nothing is lost.
#[test]
fn a_group_that_is_forgotten_is_joined_again() {
    run(|world, cluster| async move {
        world.fill(2, 10).await;
        let told = Told::default();
        let listener = told.by(world.listener(500)).start(|_| async {}).unwrap();
        world.commits(1, 10).await;
        cluster.control().on(ApiKey::HEARTBEAT).times(1).error(ErrorCode::UNKNOWN_MEMBER_ID);
        told.comes("it is lost", |e| matches!(e, ListenerEvent::Lost { .. })).await;
        world.append(0, 10..20).await;
        world.commits(0, 20).await;
        stop(listener).await;
    });
}
