//! StreamsGroupHeartbeat (88), version 0: a member of a Kafka Streams application joins, lives and
//! leaves (KIP-1071). Always flexible.

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = StreamsGroupHeartbeat, versions = "0", flexible = "0+")]
pub struct StreamsGroupHeartbeatRequest {
    pub group_id: Str,
    /// Made by the client.
    pub member_id: Str,
    /// 0 to join, -1 to leave, -2 for a static member that will come back.
    pub member_epoch: i32,
    /// The newest the member was told.
    pub endpoint_information_epoch: i32,
    /// Identity of a static member across restarts.
    pub instance_id: Option<Str>,
    /// `None` if it did not change.
    pub rack_id: Option<Str>,
    /// How long the member may take to give tasks up; -1 if it did not change.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// Sent when joining.
    pub topology: Option<Topology>,
    /// What it holds; `None` if it did not change.
    pub active_tasks: Option<Vec<TaskIds>>,
    /// As `active_tasks`.
    pub standby_tasks: Option<Vec<TaskIds>>,
    /// As `active_tasks`.
    pub warmup_tasks: Option<Vec<TaskIds>>,
    /// The process, which may have several members; `None` if it did not change.
    pub process_id: Option<Str>,
    /// Where the member answers queries; `None` if it did not change or there is none.
    pub user_endpoint: Option<Endpoint>,
    /// For assignments that know racks; `None` if they did not change.
    pub client_tags: Option<Vec<KeyValue>>,
    /// How far the state of tasks is; `None` if it did not change.
    pub task_offsets: Option<Vec<TaskOffset>>,
    /// Where the state of tasks ends; `None` if it did not change.
    pub task_end_offsets: Option<Vec<TaskOffset>>,
    /// All members shall end.
    pub shutdown_application: bool,
}

/// What the application computes: sub-topologies, each read and computed by tasks of its own.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Subtopology {
    /// Follows from the topology.
    pub subtopology_id: Str,
    pub source_topics: Vec<Str>,
    pub source_topic_regex: Vec<Str>,
    /// Made by the broker where they are missing.
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_sink_topics: Vec<Str>,
    /// Made by the broker where they are missing.
    pub repartition_source_topics: Vec<TopicInfo>,
    pub copartition_groups: Vec<CopartitionGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicInfo {
    pub name: Str,
    /// 0 to let the broker find out; always 0 for changelogs.
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

/// Topics that must have the same number of partitions.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CopartitionGroup {
    /// Places in the array of the subtopology.
    pub source_topics: Vec<i16>,
    /// Places in the array of the subtopology.
    pub source_topic_regex: Vec<i16>,
    /// Places in the array of the subtopology.
    pub repartition_source_topics: Vec<i16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TaskIds {
    /// Follows from the topology.
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Endpoint {
    pub host: Str,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TaskOffset {
    /// Follows from the topology.
    pub subtopology_id: Str,
    pub partition: i32,
    pub offset: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = StreamsGroupHeartbeat, versions = "0", flexible = "0+")]
pub struct StreamsGroupHeartbeatResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// Made by the client.
    pub member_id: Str,
    /// The one to send next.
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    /// Records a warm-up task may be behind and count as caught up.
    pub acceptable_recovery_lag: i32,
    /// How often the member shall send the offsets of its tasks.
    pub task_offset_interval_ms: i32,
    /// What keeps the group from its work.
    pub status: Option<Vec<Status>>,
    /// What it shall hold; `None` if there is no news.
    pub active_tasks: Option<Vec<TaskIds>>,
    /// As `active_tasks`.
    pub standby_tasks: Option<Vec<TaskIds>>,
    /// As `active_tasks`.
    pub warmup_tasks: Option<Vec<TaskIds>>,
    pub endpoint_information_epoch: i32,
    /// Who answers queries about what; `None` if there is no news.
    pub partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Status {
    /// 0 old topology, 1 source topics missing, 2 topics with a wrong number of partitions, 3
    /// internal topics missing, 4 shutdown asked for, 5 assignment delayed.
    pub status_code: i8,
    /// For people.
    pub status_detail: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct EndpointToPartitions {
    pub user_endpoint: Endpoint,
    pub active_partitions: Vec<TopicPartition>,
    pub standby_partitions: Vec<TopicPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct TopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}
