//! One file per API: its request, its response, and the structs they are made of. All stable
//! versions of Kafka 4.3 are here, also of APIs that no broker of ours serves.
//!
//! Field names are the schema's in snake case; the comment at the head of each file says what
//! each version added, and comments on fields stand where the name does not say it all. Values
//! are raw: what `-1` or an error number means is the front end's business. Structs have the
//! schema's names too; where a request and its response have two structs of one name, `Request` or
//! `Response` stands before it.
//!
//! `Default` gives the schema's defaults. One thing differs from them: a field that may be null in
//! all versions that carry it defaults to `None`.
//!
//! To add an API: write its file, add its line to [`crate::for_each_api`]. The tests then cover it.

#![expect(missing_docs, reason = "names are the schema's; comments stand where they say more")]

pub mod consumer_protocol;

#[cfg(test)]
mod tests;

/// Calls a macro with the list of all APIs, one `module, Api, Request, Response;` each, by rising
/// key.
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
            alter_partition_reassignments, AlterPartitionReassignments,
                AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
            list_partition_reassignments, ListPartitionReassignments,
                ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
            offset_delete, OffsetDelete, OffsetDeleteRequest, OffsetDeleteResponse;
            describe_client_quotas, DescribeClientQuotas,
                DescribeClientQuotasRequest, DescribeClientQuotasResponse;
            alter_client_quotas, AlterClientQuotas,
                AlterClientQuotasRequest, AlterClientQuotasResponse;
            describe_user_scram_credentials, DescribeUserScramCredentials,
                DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
            alter_user_scram_credentials, AlterUserScramCredentials,
                AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse;
            vote, Vote, VoteRequest, VoteResponse;
            begin_quorum_epoch, BeginQuorumEpoch, BeginQuorumEpochRequest, BeginQuorumEpochResponse;
            end_quorum_epoch, EndQuorumEpoch, EndQuorumEpochRequest, EndQuorumEpochResponse;
            describe_quorum, DescribeQuorum, DescribeQuorumRequest, DescribeQuorumResponse;
            alter_partition, AlterPartition, AlterPartitionRequest, AlterPartitionResponse;
            update_features, UpdateFeatures, UpdateFeaturesRequest, UpdateFeaturesResponse;
            envelope, Envelope, EnvelopeRequest, EnvelopeResponse;
            fetch_snapshot, FetchSnapshot, FetchSnapshotRequest, FetchSnapshotResponse;
            describe_cluster, DescribeCluster, DescribeClusterRequest, DescribeClusterResponse;
            describe_producers, DescribeProducers,
                DescribeProducersRequest, DescribeProducersResponse;
            broker_registration, BrokerRegistration,
                BrokerRegistrationRequest, BrokerRegistrationResponse;
            broker_heartbeat, BrokerHeartbeat, BrokerHeartbeatRequest, BrokerHeartbeatResponse;
            unregister_broker, UnregisterBroker, UnregisterBrokerRequest, UnregisterBrokerResponse;
            describe_transactions, DescribeTransactions,
                DescribeTransactionsRequest, DescribeTransactionsResponse;
            list_transactions, ListTransactions, ListTransactionsRequest, ListTransactionsResponse;
            allocate_producer_ids, AllocateProducerIds,
                AllocateProducerIdsRequest, AllocateProducerIdsResponse;
            consumer_group_heartbeat, ConsumerGroupHeartbeat,
                ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
            consumer_group_describe, ConsumerGroupDescribe,
                ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
            controller_registration, ControllerRegistration,
                ControllerRegistrationRequest, ControllerRegistrationResponse;
            get_telemetry_subscriptions, GetTelemetrySubscriptions,
                GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse;
            push_telemetry, PushTelemetry, PushTelemetryRequest, PushTelemetryResponse;
            assign_replicas_to_dirs, AssignReplicasToDirs,
                AssignReplicasToDirsRequest, AssignReplicasToDirsResponse;
            list_config_resources, ListConfigResources,
                ListConfigResourcesRequest, ListConfigResourcesResponse;
            describe_topic_partitions, DescribeTopicPartitions,
                DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
            share_group_heartbeat, ShareGroupHeartbeat,
                ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse;
            share_group_describe, ShareGroupDescribe,
                ShareGroupDescribeRequest, ShareGroupDescribeResponse;
            share_fetch, ShareFetch, ShareFetchRequest, ShareFetchResponse;
            share_acknowledge, ShareAcknowledge, ShareAcknowledgeRequest, ShareAcknowledgeResponse;
            add_raft_voter, AddRaftVoter, AddRaftVoterRequest, AddRaftVoterResponse;
            remove_raft_voter, RemoveRaftVoter, RemoveRaftVoterRequest, RemoveRaftVoterResponse;
            update_raft_voter, UpdateRaftVoter, UpdateRaftVoterRequest, UpdateRaftVoterResponse;
            initialize_share_group_state, InitializeShareGroupState,
                InitializeShareGroupStateRequest, InitializeShareGroupStateResponse;
            read_share_group_state, ReadShareGroupState,
                ReadShareGroupStateRequest, ReadShareGroupStateResponse;
            write_share_group_state, WriteShareGroupState,
                WriteShareGroupStateRequest, WriteShareGroupStateResponse;
            delete_share_group_state, DeleteShareGroupState,
                DeleteShareGroupStateRequest, DeleteShareGroupStateResponse;
            read_share_group_state_summary, ReadShareGroupStateSummary,
                ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse;
            streams_group_heartbeat, StreamsGroupHeartbeat,
                StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse;
            streams_group_describe, StreamsGroupDescribe,
                StreamsGroupDescribeRequest, StreamsGroupDescribeResponse;
            describe_share_group_offsets, DescribeShareGroupOffsets,
                DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse;
            alter_share_group_offsets, AlterShareGroupOffsets,
                AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse;
            delete_share_group_offsets, DeleteShareGroupOffsets,
                DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse;
        }
    };
}

macro_rules! declare {
    ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
        $(
            pub mod $module;
            pub use $module::{$request, $response};
        )*
    };
}

for_each_api!(declare);

pub use consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
