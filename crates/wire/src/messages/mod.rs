//! One file per API: its request, its response, and the structs they are made of.
//!
//! Field names are the schema's in snake case; the comment at the head of each file says what
//! each version added, and comments on fields stand where the name does not say it all. Values
//! are raw: what `-1` or an error number means is the front end's business.
//!
//! `Default` gives the schema's defaults. One thing differs from them: a field that may be null in
//! all versions that carry it defaults to `None`.
//!
//! To add an API: write its file, add its line to [`crate::for_each_api`]. The tests then cover it.

#![expect(missing_docs, reason = "names are the schema's; comments stand where they say more")]

use crate::{ApiKey, Message as _};

pub mod consumer_protocol;

#[cfg(test)]
mod tests;

/// Calls a macro with the list of all APIs that have structs here, one
/// `module, Api, Request, Response;` each, by rising key.
#[macro_export]
macro_rules! for_each_api {
    ($callback:path) => {
        $callback! {
            produce, Produce, ProduceRequest, ProduceResponse;
            fetch, Fetch, FetchRequest, FetchResponse;
            list_offsets, ListOffsets, ListOffsetsRequest, ListOffsetsResponse;
            metadata, Metadata, MetadataRequest, MetadataResponse;
            offset_commit, OffsetCommit, OffsetCommitRequest, OffsetCommitResponse;
            offset_fetch, OffsetFetch, OffsetFetchRequest, OffsetFetchResponse;
            find_coordinator, FindCoordinator, FindCoordinatorRequest, FindCoordinatorResponse;
            join_group, JoinGroup, JoinGroupRequest, JoinGroupResponse;
            heartbeat, Heartbeat, HeartbeatRequest, HeartbeatResponse;
            leave_group, LeaveGroup, LeaveGroupRequest, LeaveGroupResponse;
            sync_group, SyncGroup, SyncGroupRequest, SyncGroupResponse;
            describe_groups, DescribeGroups, DescribeGroupsRequest, DescribeGroupsResponse;
            list_groups, ListGroups, ListGroupsRequest, ListGroupsResponse;
            sasl_handshake, SaslHandshake, SaslHandshakeRequest, SaslHandshakeResponse;
            api_versions, ApiVersions, ApiVersionsRequest, ApiVersionsResponse;
            create_topics, CreateTopics, CreateTopicsRequest, CreateTopicsResponse;
            delete_topics, DeleteTopics, DeleteTopicsRequest, DeleteTopicsResponse;
            delete_records, DeleteRecords, DeleteRecordsRequest, DeleteRecordsResponse;
            init_producer_id, InitProducerId, InitProducerIdRequest, InitProducerIdResponse;
            offset_for_leader_epoch, OffsetForLeaderEpoch,
                OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
            add_partitions_to_txn, AddPartitionsToTxn,
                AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
            add_offsets_to_txn, AddOffsetsToTxn, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
            end_txn, EndTxn, EndTxnRequest, EndTxnResponse;
            write_txn_markers, WriteTxnMarkers, WriteTxnMarkersRequest, WriteTxnMarkersResponse;
            txn_offset_commit, TxnOffsetCommit, TxnOffsetCommitRequest, TxnOffsetCommitResponse;
            describe_acls, DescribeAcls, DescribeAclsRequest, DescribeAclsResponse;
            create_acls, CreateAcls, CreateAclsRequest, CreateAclsResponse;
            delete_acls, DeleteAcls, DeleteAclsRequest, DeleteAclsResponse;
            describe_configs, DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResponse;
            alter_configs, AlterConfigs, AlterConfigsRequest, AlterConfigsResponse;
            alter_replica_log_dirs, AlterReplicaLogDirs,
                AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
            describe_log_dirs, DescribeLogDirs, DescribeLogDirsRequest, DescribeLogDirsResponse;
            sasl_authenticate, SaslAuthenticate, SaslAuthenticateRequest, SaslAuthenticateResponse;
            create_partitions, CreatePartitions, CreatePartitionsRequest, CreatePartitionsResponse;
            create_delegation_token, CreateDelegationToken,
                CreateDelegationTokenRequest, CreateDelegationTokenResponse;
            renew_delegation_token, RenewDelegationToken,
                RenewDelegationTokenRequest, RenewDelegationTokenResponse;
            expire_delegation_token, ExpireDelegationToken,
                ExpireDelegationTokenRequest, ExpireDelegationTokenResponse;
            describe_delegation_token, DescribeDelegationToken,
                DescribeDelegationTokenRequest, DescribeDelegationTokenResponse;
            delete_groups, DeleteGroups, DeleteGroupsRequest, DeleteGroupsResponse;
            elect_leaders, ElectLeaders, ElectLeadersRequest, ElectLeadersResponse;
            incremental_alter_configs, IncrementalAlterConfigs,
                IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
            offset_delete, OffsetDelete, OffsetDeleteRequest, OffsetDeleteResponse;
            describe_cluster, DescribeCluster, DescribeClusterRequest, DescribeClusterResponse;
            describe_producers, DescribeProducers,
                DescribeProducersRequest, DescribeProducersResponse;
            describe_topic_partitions, DescribeTopicPartitions,
                DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
        }
    };
}

macro_rules! declare {
    ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
        $(
            pub mod $module;
            pub use $module::{$request, $response};
        )*

        /// The APIs that have structs here, by rising key.
        pub const APIS: &[ApiInfo] = &[
            $(ApiInfo {
                key: ApiKey::$api,
                min: *$request::VERSIONS.start(),
                max: *$request::VERSIONS.end(),
                flexible_since: $request::FLEXIBLE_SINCE,
            },)*
        ];
    };
}

for_each_api!(declare);

pub use consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};

/// Versions of an API that have structs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiInfo {
    pub key: ApiKey,
    pub min: i16,
    /// Inclusive.
    pub max: i16,
    /// First flexible version, if there is one.
    pub flexible_since: Option<i16>,
}

/// The versions of an API that have structs here; `None` if it has none.
pub fn api_info(key: ApiKey) -> Option<&'static ApiInfo> {
    APIS.iter().find(|api| api.key == key)
}
