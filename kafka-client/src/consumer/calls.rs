//! Carries out what the group's machine asks for: one request each, and what came of it.

use super::commit;
use super::committed;
use super::group::{Answer, Call};
use super::membership::{Ask, Farewell};
use super::settings::GroupSettings;
use crate::cluster::Cluster;
use crate::cluster::coordinator::GROUP;
use crate::error::Result;
use crate::net::{Address, Purpose, Throttled};
use kafka_proto::api::Request;
use kafka_proto::messages::{leave_group, offset_commit, offset_fetch};
use std::sync::Arc;
use std::time::Duration;

/// The newest OffsetCommit that goes by names: later ones want topic ids.
const NEWEST_COMMIT: i16 = 9;

/// Sends what is asked for and awaits the answer; `number` is the consumer's.
pub(super) async fn perform(
    cluster: Arc<Cluster>,
    group: Arc<GroupSettings>,
    number: u64,
    what: Call,
) -> Answer {
    let member = Purpose::Group(number);
    match what {
        Call::FindCoordinator => {
            Answer::Coordinator(cluster.find_coordinator(&group.group_id, GROUP).await)
        }
        Call::ListTopics => Answer::Topics(cluster.list_topics().await),
        Call::Member(at, Ask::Join { ticket, request, timeout }) => {
            let answer = call(&cluster, &at, member, &request, Some(timeout)).await;
            Answer::Join(at, ticket, answer)
        }
        Call::Member(at, Ask::Sync { ticket, request }) => {
            let answer = call(&cluster, &at, member, &request, None).await;
            Answer::Sync(at, ticket, answer)
        }
        Call::Member(at, Ask::Heartbeat { ticket, request }) => {
            let answer = call(&cluster, &at, member, &request, None).await;
            Answer::Heartbeat(at, ticket, answer)
        }
        Call::Member(at, Ask::Leave(farewell)) => {
            tell(&cluster, &group, &at, &farewell).await;
            Answer::Left
        }
        Call::Commit(at, ask) => {
            let request = commit::request(&ask, group.group_id.clone(), group.instance_id.clone());
            let answer = commit(&cluster, &at, &request).await;
            Answer::Commit(at, ask.ticket, answer)
        }
        Call::Lookup(at, ask) => {
            let answer = look_up(&cluster, &group, &at, &ask).await;
            Answer::Lookup(at, ask.ticket, answer)
        }
    }
}

async fn call<R>(
    cluster: &Cluster,
    at: &Address,
    purpose: Purpose,
    request: &R,
    timeout: Option<Duration>,
) -> Result<R::Response>
where
    R: Request<Response: Throttled>,
{
    let connection = cluster.pool.get(at, purpose).await?;
    let timeout = timeout.unwrap_or_else(|| connection.request_timeout());
    connection.call_within(request, connection.version::<R>()?, timeout).await
}

/// Not by the member's connection, where a join may be under way that holds everything up.
async fn commit(
    cluster: &Cluster,
    at: &Address,
    request: &offset_commit::Request,
) -> Result<offset_commit::Response> {
    let connection = cluster.pool.get(at, Purpose::General).await?;
    let version = connection.version_at_most::<offset_commit::Request>(NEWEST_COMMIT)?;
    connection.call_at(request, version).await
}

async fn look_up(
    cluster: &Cluster,
    group: &GroupSettings,
    at: &Address,
    ask: &committed::Ask,
) -> Result<offset_fetch::Response> {
    let connection = cluster.pool.get(at, Purpose::General).await?;
    let version = connection.version_at_most::<offset_fetch::Request>(committed::NEWEST)?;
    let id = group.group_id.clone();
    let request = committed::request(id, Some(&ask.partitions), ask.require_stable, version);
    connection.call_at(&request, version).await
}

/// Tells the coordinator that a member goes. If that fails, the member's session runs out.
pub(super) async fn tell(
    cluster: &Cluster,
    group: &GroupSettings,
    at: &Address,
    farewell: &Farewell,
) {
    let told = async {
        let connection = cluster.pool.get(at, Purpose::General).await?;
        let version = connection.version::<leave_group::Request>()?;
        connection.call_at(&farewell.request(group.group_id.clone(), version), version).await
    };
    match told.await {
        Ok(answer) => tracing::info!(
            group = &*group.group_id,
            member = &*farewell.member_id,
            code = %answer.error_code,
            "left"
        ),
        Err(error) => {
            tracing::warn!(group = &*group.group_id, %error, "left without the group's knowledge");
        }
    }
}
