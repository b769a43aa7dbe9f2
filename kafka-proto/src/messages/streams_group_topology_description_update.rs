//! StreamsGroupTopologyDescriptionUpdate: hand in the description of a topology, for others to look at.
//!
//! Sent by Streams clients when the answer to a heartbeat asks for it. New in Kafka 4.4.

use crate::{ErrorCode, wire::prelude::*};
api!(StreamsGroupTopologyDescriptionUpdate = 93, versions 0..=0, flexible 0..);
wire! {
    /// The description.
    pub struct Request {
        group_id: Arc<str>,
        member_id: Arc<str>,
        topology_epoch: i32,
        topology_description: TopologyDescription,
    }

    /// All nodes of a topology.
    pub struct TopologyDescription {
        subtopologies: Vec<TopologyDescriptionSubtopology>,
        global_stores: Vec<TopologyDescriptionGlobalStore>,
    }

    /// The nodes of one part.
    pub struct TopologyDescriptionSubtopology {
        subtopology_id: Arc<str>,
        nodes: Vec<TopologyDescriptionNode>,
    }

    /// A source, processor or sink.
    pub struct TopologyDescriptionNode {
        name: Arc<str>,
        node_type: i8,
        source_topics: Vec<Arc<str>>,
        sink_topic: Option<Arc<str>> = None,
        stores: Vec<Arc<str>>,
        successors: Vec<Arc<str>>,
    }

    /// A store that every member has whole.
    pub struct TopologyDescriptionGlobalStore {
        source: TopologyDescriptionNode,
        processor: TopologyDescriptionNode,
    }

    /// Whether it is kept.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
    }
}
