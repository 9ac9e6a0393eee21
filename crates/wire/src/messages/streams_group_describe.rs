//! StreamsGroupDescribe (89), version 0: state and members of Kafka Streams applications
//! (KIP-1071). Always flexible.

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = StreamsGroupDescribe, versions = "0", flexible = "0+")]
pub struct StreamsGroupDescribeRequest {
    pub group_ids: Vec<Str>,
    pub include_authorized_operations: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = StreamsGroupDescribe, versions = "0", flexible = "0+")]
pub struct StreamsGroupDescribeResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribedGroup {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub group_id: Str,
    /// Empty beside an error.
    pub group_state: Str,
    pub group_epoch: i32,
    /// Group epoch for which the assignment was computed.
    pub assignment_epoch: i32,
    /// `None` beside an error.
    pub topology: Option<Topology>,
    pub members: Vec<Member>,
    /// Bits of what the client may do; the minimum if not asked for.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Topology {
    pub epoch: i32,
    /// `None` while topics are missing.
    pub subtopologies: Option<Vec<Subtopology>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Subtopology {
    pub subtopology_id: Str,
    pub source_topics: Vec<Str>,
    pub repartition_sink_topics: Vec<Str>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_source_topics: Vec<TopicInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicInfo {
    pub name: Str,
    /// 0 if nobody asks for a number; always 0 for changelogs.
    pub partitions: i32,
    /// 0 for the broker's setting.
    pub replication_factor: i16,
    pub topic_configs: Vec<KeyValue>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct KeyValue {
    pub key: Str,
    pub value: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Member {
    pub member_id: Str,
    pub member_epoch: i32,
    /// Identity of a static member across restarts.
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub topology_epoch: i32,
    /// The process, which may have several members.
    pub process_id: Str,
    /// Where the member answers queries.
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
    /// How far the state of tasks is.
    pub task_offsets: Vec<TaskOffset>,
    /// Where the state of tasks ends.
    pub task_end_offsets: Vec<TaskOffset>,
    /// What it holds.
    pub assignment: Assignment,
    /// What it shall hold.
    pub target_assignment: Assignment,
    /// Still of the classic protocol.
    pub is_classic: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Endpoint {
    pub host: Str,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TaskOffset {
    pub subtopology_id: Str,
    pub partition: i32,
    pub offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Assignment {
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
}
