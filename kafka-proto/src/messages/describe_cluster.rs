//! DescribeCluster: the brokers or controllers of the cluster, without topics.
//!
//! Sent by administrators (KIP-700). Version 1 can ask for controllers (KIP-919), 2 for fenced brokers (KIP-1073).

use crate::{ErrorCode, wire::prelude::*};
api!(DescribeCluster = 60, versions 0..=2, flexible 0..);
wire! {
    /// Can be answered by any broker or controller.
    pub struct Request {
        include_cluster_authorized_operations: bool,
        /// 1 brokers, 2 controllers.
        endpoint_type: i8                           [1..] = 1,
        include_fenced_brokers: bool                [2..],
    }

    /// The cluster as the answering node knows it.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>> = None,
        /// 1 brokers, 2 controllers.
        endpoint_type: i8                           [1..] = 1,
        cluster_id: Arc<str>,
        /// -1 when unknown; a broker without the role names any broker.
        controller_id: i32 = -1,
        brokers: Vec<DescribeClusterBroker>,
        /// The operations the caller may do, a bit each; `i32::MIN` when they were not asked for.
        cluster_authorized_operations: i32 = i32::MIN,
    }

    /// The address of a broker or controller.
    pub struct DescribeClusterBroker {
        broker_id: i32,
        host: Arc<str>,
        port: i32,
        rack: Option<Arc<str>> = None,
        /// Whether the controller keeps clients away from the broker.
        is_fenced: bool                             [2..],
    }
}
