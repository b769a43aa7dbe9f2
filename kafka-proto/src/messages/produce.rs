//! Produce.
use crate::{ErrorCode, records::Records, uuid::Uuid, wire::prelude::*};
api!(Produce = 0, versions 3..=13, flexible 9..);
wire! {
    /// Goes to the leader of every partition in it.
    pub struct Request {
        transactional_id: Option<Arc<str>>      = None,
        acks: i16,
        timeout_ms: i32,
        topic_data: Vec<TopicProduceData>,
    }
    /// A topic.
    pub struct TopicProduceData {
        name: Arc<str>                          [..=12, drop],
        topic_id: Uuid                          [13.., drop],
        partition_data: Vec<PartitionProduceData>,
    }
    /// A partition.
    pub struct PartitionProduceData {
        index: i32,
        records: Option<Records>,
    }
    /// R.
    pub struct Response {
        error_code: ErrorCode [tag 0, 12..],
        x: i64 [null 1..=4, drop] = -1,
        y: Option<TopicProduceData> [tag 1, 3..] = None,
    }
}
