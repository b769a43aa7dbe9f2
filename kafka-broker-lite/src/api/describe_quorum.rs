//! DescribeQuorum: of one voter, this broker, which leads and has everything.

use super::{Context, Outcome, Serve};
use crate::metadata::METADATA_TOPIC;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_quorum::{
    Listener, Node, PartitionDataResponse, ReplicaState, Request, Response, TopicDataResponse,
};

/// The first version that says where nodes are, and of which directories.
const NODES_SINCE: i16 = 2;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let asked = match &self.topics[..] {
            [topic] if &*topic.topic_name == METADATA_TOPIC => &topic.partitions[..],
            _ => &[],
        };
        if !matches!(asked, [partition] if partition.partition_index == 0) {
            let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            return Outcome::Ready(self.refuse(state, cx, code));
        }
        let node_id = state.config.node_id;
        let (leader_epoch, end) = state.metadata_end();
        let mut voter = ReplicaState {
            replica_id: node_id,
            log_end_offset: end,
            last_fetch_timestamp: cx.now.wall_ms,
            last_caught_up_timestamp: cx.now.wall_ms,
            ..ReplicaState::default()
        };
        let mut nodes = Vec::new();
        if cx.version >= NODES_SINCE {
            voter.replica_directory_id = state.metadata_directory();
            let (host, port) = state.address(&cx.listener);
            let (name, port) = (cx.listener.to_string().into(), u16::try_from(port).unwrap_or(0));
            nodes.push(Node { node_id, listeners: vec![Listener { name, host, port }] });
        }
        let partition = PartitionDataResponse {
            leader_id: node_id,
            leader_epoch,
            high_watermark: end,
            current_voters: vec![voter],
            ..PartitionDataResponse::default()
        };
        let topic_name = METADATA_TOPIC.into();
        let topics = vec![TopicDataResponse { topic_name, partitions: vec![partition] }];
        Outcome::Ready(Response { topics, nodes, ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let topics = self.topics.iter().map(|topic| {
            let refused = topic.partitions.iter().map(|partition| PartitionDataResponse {
                partition_index: partition.partition_index,
                error_code,
                error_message: Some(error_code.meaning().into()),
                ..PartitionDataResponse::default()
            });
            let topic_name = topic.topic_name.clone();
            TopicDataResponse { topic_name, partitions: refused.collect() }
        });
        Response { topics: topics.collect(), ..Response::default() }
    }
}
