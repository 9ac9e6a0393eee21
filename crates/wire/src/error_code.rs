//! [`ErrorCode`]: the protocol's error numbers.
//!
//! Number, name and whether a client may try again are the protocol's. The sentences are ours:
//! what is sent when there is nothing more exact to say.

use std::fmt;

#[cfg(test)]
mod tests;

macro_rules! error_codes {
    ($($(#[$attribute:meta])? $number:literal, $variant:ident, $name:literal, $retriable:literal, $message:literal;)*) => {
        /// What a response says went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(
                #[doc = concat!($message, " (", stringify!($number), ").")]
                $(#[$attribute])?
                $variant = $number,
            )*
        }

        impl ErrorCode {
            /// All of them, by rising number.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant),*];

            /// The number on the wire.
            pub const fn number(self) -> i16 {
                match self { $(ErrorCode::$variant => $number,)* }
            }

            /// The code with this number.
            pub const fn from_number(number: i16) -> Option<Self> {
                match number { $($number => Some(ErrorCode::$variant),)* _ => None }
            }

            /// The name, as in the protocol's documents.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }

            /// A sentence for people, when there is none that says more.
            pub const fn message(self) -> &'static str {
                match self { $(ErrorCode::$variant => $message,)* }
            }

            /// Whether the same request may succeed later.
            pub const fn is_retriable(self) -> bool {
                match self { $(ErrorCode::$variant => $retriable,)* }
            }
        }
    };
}

// Number, variant, name, retriable, message.
error_codes! {
    -1, UnknownServerError, "UNKNOWN_SERVER_ERROR", false, "the broker failed in a way it has no code for";
    #[default] 0, None, "NONE", false, "no error";
    1, OffsetOutOfRange, "OFFSET_OUT_OF_RANGE", false, "the offset is not within what the partition holds";
    2, CorruptMessage, "CORRUPT_MESSAGE", true, "a record batch is damaged, too large or not valid for the topic";
    3, UnknownTopicOrPartition, "UNKNOWN_TOPIC_OR_PARTITION", true, "this broker does not have the topic or partition";
    4, InvalidFetchSize, "INVALID_FETCH_SIZE", false, "the fetch size is not valid";
    5, LeaderNotAvailable, "LEADER_NOT_AVAILABLE", true, "the partition has no leader at the moment";
    6, NotLeaderOrFollower, "NOT_LEADER_OR_FOLLOWER", true, "this broker is not the partition's leader, or not a replica of it";
    7, RequestTimedOut, "REQUEST_TIMED_OUT", true, "the time allowed for the request ran out";
    8, BrokerNotAvailable, "BROKER_NOT_AVAILABLE", false, "the broker is not available";
    9, ReplicaNotAvailable, "REPLICA_NOT_AVAILABLE", true, "the replica is not available";
    10, MessageTooLarge, "MESSAGE_TOO_LARGE", false, "a record batch is larger than allowed";
    11, StaleControllerEpoch, "STALE_CONTROLLER_EPOCH", false, "the controller has been replaced by a newer one";
    12, OffsetMetadataTooLarge, "OFFSET_METADATA_TOO_LARGE", false, "the text that goes with an offset is longer than allowed";
    13, NetworkException, "NETWORK_EXCEPTION", true, "the connection broke before the answer came";
    14, CoordinatorLoadInProgress, "COORDINATOR_LOAD_IN_PROGRESS", true, "the coordinator is still loading its state";
    15, CoordinatorNotAvailable, "COORDINATOR_NOT_AVAILABLE", true, "there is no coordinator at the moment";
    16, NotCoordinator, "NOT_COORDINATOR", true, "another broker is the coordinator";
    17, InvalidTopicException, "INVALID_TOPIC_EXCEPTION", false, "the topic's name is not valid, or the topic may not be used like this";
    18, RecordListTooLarge, "RECORD_LIST_TOO_LARGE", false, "the batch is larger than a segment can be";
    19, NotEnoughReplicas, "NOT_ENOUGH_REPLICAS", true, "too few replicas are in sync, nothing was written";
    20, NotEnoughReplicasAfterAppend, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true, "the batch was written, but too few replicas are in sync";
    21, InvalidRequiredAcks, "INVALID_REQUIRED_ACKS", false, "acks is none of 0, 1 and -1";
    22, IllegalGeneration, "ILLEGAL_GENERATION", false, "the group has moved on to another generation";
    23, InconsistentGroupProtocol, "INCONSISTENT_GROUP_PROTOCOL", false, "the member shares no assignment protocol with the group";
    24, InvalidGroupId, "INVALID_GROUP_ID", false, "the group's name is not valid";
    25, UnknownMemberId, "UNKNOWN_MEMBER_ID", false, "the group does not have this member";
    26, InvalidSessionTimeout, "INVALID_SESSION_TIMEOUT", false, "the session timeout is outside of what the broker allows";
    27, RebalanceInProgress, "REBALANCE_IN_PROGRESS", false, "the group is rebalancing, the member has to join again";
    28, InvalidCommitOffsetSize, "INVALID_COMMIT_OFFSET_SIZE", false, "the offsets to be committed take more room than allowed";
    29, TopicAuthorizationFailed, "TOPIC_AUTHORIZATION_FAILED", false, "no right to do this with the topic";
    30, GroupAuthorizationFailed, "GROUP_AUTHORIZATION_FAILED", false, "no right to do this with the group";
    31, ClusterAuthorizationFailed, "CLUSTER_AUTHORIZATION_FAILED", false, "no right to do this with the cluster";
    32, InvalidTimestamp, "INVALID_TIMESTAMP", false, "a record's timestamp is outside of what the topic allows";
    33, UnsupportedSaslMechanism, "UNSUPPORTED_SASL_MECHANISM", false, "the broker does not offer this login mechanism";
    34, IllegalSaslState, "ILLEGAL_SASL_STATE", false, "this request does not belong to this stage of the login";
    35, UnsupportedVersion, "UNSUPPORTED_VERSION", false, "the broker does not serve this version of the request";
    36, TopicAlreadyExists, "TOPIC_ALREADY_EXISTS", false, "a topic of this name exists";
    37, InvalidPartitions, "INVALID_PARTITIONS", false, "the number of partitions is not possible";
    38, InvalidReplicationFactor, "INVALID_REPLICATION_FACTOR", false, "the number of replicas is below one or above the number of brokers";
    39, InvalidReplicaAssignment, "INVALID_REPLICA_ASSIGNMENT", false, "the assignment of replicas to brokers is not possible";
    40, InvalidConfig, "INVALID_CONFIG", false, "a setting is unknown or its value is not allowed";
    41, NotController, "NOT_CONTROLLER", true, "this node is not the active controller";
    42, InvalidRequest, "INVALID_REQUEST", false, "the request contradicts itself or the protocol";
    43, UnsupportedForMessageFormat, "UNSUPPORTED_FOR_MESSAGE_FORMAT", false, "the records' format does not support this";
    44, PolicyViolation, "POLICY_VIOLATION", false, "a policy of this cluster does not allow it";
    45, OutOfOrderSequenceNumber, "OUT_OF_ORDER_SEQUENCE_NUMBER", false, "the producer's batches have a gap in their sequence";
    46, DuplicateSequenceNumber, "DUPLICATE_SEQUENCE_NUMBER", false, "the batch was written before";
    47, InvalidProducerEpoch, "INVALID_PRODUCER_EPOCH", false, "the producer's epoch is not the current one";
    48, InvalidTxnState, "INVALID_TXN_STATE", false, "the transaction is not in a state that allows this";
    49, InvalidProducerIdMapping, "INVALID_PRODUCER_ID_MAPPING", false, "the producer id is not the one of this transactional id";
    50, InvalidTransactionTimeout, "INVALID_TRANSACTION_TIMEOUT", false, "the transaction timeout is longer than allowed";
    51, ConcurrentTransactions, "CONCURRENT_TRANSACTIONS", true, "the producer's last transaction is still being completed";
    52, TransactionCoordinatorFenced, "TRANSACTION_COORDINATOR_FENCED", false, "the coordinator that wrote this has been replaced";
    53, TransactionalIdAuthorizationFailed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false, "no right to use the transactional id";
    54, SecurityDisabled, "SECURITY_DISABLED", false, "this broker has no authorization to administer";
    55, OperationNotAttempted, "OPERATION_NOT_ATTEMPTED", false, "not tried, because another part of the request failed";
    56, KafkaStorageError, "KAFKA_STORAGE_ERROR", true, "the disk failed";
    57, LogDirNotFound, "LOG_DIR_NOT_FOUND", false, "the broker does not have this log directory";
    58, SaslAuthenticationFailed, "SASL_AUTHENTICATION_FAILED", false, "the login failed";
    59, UnknownProducerId, "UNKNOWN_PRODUCER_ID", false, "the broker knows nothing of this producer any more";
    60, ReassignmentInProgress, "REASSIGNMENT_IN_PROGRESS", false, "the partition's replicas are being moved";
    61, DelegationTokenAuthDisabled, "DELEGATION_TOKEN_AUTH_DISABLED", false, "delegation tokens are not enabled";
    62, DelegationTokenNotFound, "DELEGATION_TOKEN_NOT_FOUND", false, "there is no such delegation token";
    63, DelegationTokenOwnerMismatch, "DELEGATION_TOKEN_OWNER_MISMATCH", false, "the delegation token belongs to someone else";
    64, DelegationTokenRequestNotAllowed, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", false, "delegation tokens cannot be handled over this connection";
    65, DelegationTokenAuthorizationFailed, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", false, "no right to do this with the delegation token";
    66, DelegationTokenExpired, "DELEGATION_TOKEN_EXPIRED", false, "the delegation token has expired";
    67, InvalidPrincipalType, "INVALID_PRINCIPAL_TYPE", false, "principals of this type are not supported here";
    68, NonEmptyGroup, "NON_EMPTY_GROUP", false, "the group has members";
    69, GroupIdNotFound, "GROUP_ID_NOT_FOUND", false, "there is no such group";
    70, FetchSessionIdNotFound, "FETCH_SESSION_ID_NOT_FOUND", true, "the broker does not have this fetch session any more";
    71, InvalidFetchSessionEpoch, "INVALID_FETCH_SESSION_EPOCH", true, "the fetch session is at another epoch";
    72, ListenerNotFound, "LISTENER_NOT_FOUND", true, "the leader has no listener of the name this request came in on";
    73, TopicDeletionDisabled, "TOPIC_DELETION_DISABLED", false, "deleting topics is switched off";
    74, FencedLeaderEpoch, "FENCED_LEADER_EPOCH", true, "the leader epoch is older than the broker's";
    75, UnknownLeaderEpoch, "UNKNOWN_LEADER_EPOCH", true, "the leader epoch is newer than the broker's";
    76, UnsupportedCompressionType, "UNSUPPORTED_COMPRESSION_TYPE", false, "this version cannot carry the compression used";
    77, StaleBrokerEpoch, "STALE_BROKER_EPOCH", false, "the broker has registered again since";
    78, OffsetNotAvailable, "OFFSET_NOT_AVAILABLE", true, "the new leader does not know yet how far the partition is committed";
    79, MemberIdRequired, "MEMBER_ID_REQUIRED", false, "join again with the member id given here";
    80, PreferredLeaderNotAvailable, "PREFERRED_LEADER_NOT_AVAILABLE", true, "the preferred leader cannot lead at the moment";
    81, GroupMaxSizeReached, "GROUP_MAX_SIZE_REACHED", false, "the group has as many members as it may";
    82, FencedInstanceId, "FENCED_INSTANCE_ID", false, "another member has taken this group instance id over";
    83, EligibleLeadersNotAvailable, "ELIGIBLE_LEADERS_NOT_AVAILABLE", true, "no replica that could lead is available";
    84, ElectionNotNeeded, "ELECTION_NOT_NEEDED", true, "the partition has the right leader already";
    85, NoReassignmentInProgress, "NO_REASSIGNMENT_IN_PROGRESS", false, "the partition's replicas are not being moved";
    86, GroupSubscribedToTopic, "GROUP_SUBSCRIBED_TO_TOPIC", false, "the group still reads the topic";
    87, InvalidRecord, "INVALID_RECORD", false, "a record breaks a rule of the broker";
    88, UnstableOffsetCommit, "UNSTABLE_OFFSET_COMMIT", true, "a transaction that commits these offsets is still open";
    89, ThrottlingQuotaExceeded, "THROTTLING_QUOTA_EXCEEDED", true, "the quota is used up";
    90, ProducerFenced, "PRODUCER_FENCED", false, "a newer producer uses the same transactional id";
    91, ResourceNotFound, "RESOURCE_NOT_FOUND", false, "there is no such resource";
    92, DuplicateResource, "DUPLICATE_RESOURCE", false, "the resource exists, or is named twice";
    93, UnacceptableCredential, "UNACCEPTABLE_CREDENTIAL", false, "the credential does not meet what is asked of one";
    94, InconsistentVoterSet, "INCONSISTENT_VOTER_SET", false, "the voter sets of sender and receiver contradict each other";
    95, InvalidUpdateVersion, "INVALID_UPDATE_VERSION", false, "the version to update to is not newer";
    96, FeatureUpdateFailed, "FEATURE_UPDATE_FAILED", false, "the features could not be updated";
    97, PrincipalDeserializationFailure, "PRINCIPAL_DESERIALIZATION_FAILURE", false, "the forwarded principal could not be read";
    98, SnapshotNotFound, "SNAPSHOT_NOT_FOUND", false, "there is no such snapshot";
    99, PositionOutOfRange, "POSITION_OUT_OF_RANGE", false, "the position is not within the snapshot";
    100, UnknownTopicId, "UNKNOWN_TOPIC_ID", true, "this broker does not have a topic with this id";
    101, DuplicateBrokerRegistration, "DUPLICATE_BROKER_REGISTRATION", false, "a broker with this id is registered and alive";
    102, BrokerIdNotRegistered, "BROKER_ID_NOT_REGISTERED", false, "no broker with this id is registered";
    103, InconsistentTopicId, "INCONSISTENT_TOPIC_ID", true, "the topic's id is not the one the log has";
    104, InconsistentClusterId, "INCONSISTENT_CLUSTER_ID", false, "this is another cluster";
    105, TransactionalIdNotFound, "TRANSACTIONAL_ID_NOT_FOUND", false, "the transactional id is not known";
    106, FetchSessionTopicIdError, "FETCH_SESSION_TOPIC_ID_ERROR", true, "the fetch session mixes topics with and without ids";
    107, IneligibleReplica, "INELIGIBLE_REPLICA", false, "a replica that was to join the in-sync set may not";
    108, NewLeaderElected, "NEW_LEADER_ELECTED", false, "the partition got a new leader by this change";
    109, OffsetMovedToTieredStorage, "OFFSET_MOVED_TO_TIERED_STORAGE", false, "the offset is not on this disk any more but in tiered storage";
    110, FencedMemberEpoch, "FENCED_MEMBER_EPOCH", false, "the coordinator has put the member at another epoch, it has to join again";
    111, UnreleasedInstanceId, "UNRELEASED_INSTANCE_ID", false, "another member still holds this group instance id";
    112, UnsupportedAssignor, "UNSUPPORTED_ASSIGNOR", false, "the group cannot use this assignor";
    113, StaleMemberEpoch, "STALE_MEMBER_EPOCH", false, "the member epoch is old, ask again with the current one";
    114, MismatchedEndpointType, "MISMATCHED_ENDPOINT_TYPE", false, "the request is for another kind of endpoint";
    115, UnsupportedEndpointType, "UNSUPPORTED_ENDPOINT_TYPE", false, "this kind of endpoint is not known";
    116, UnknownControllerId, "UNKNOWN_CONTROLLER_ID", false, "there is no such controller";
    117, UnknownSubscriptionId, "UNKNOWN_SUBSCRIPTION_ID", false, "the telemetry subscription has changed, ask for it again";
    118, TelemetryTooLarge, "TELEMETRY_TOO_LARGE", false, "the telemetry is larger than allowed";
    119, InvalidRegistration, "INVALID_REGISTRATION", false, "the controller does not accept the registration";
    120, TransactionAbortable, "TRANSACTION_ABORTABLE", false, "the transaction cannot go on, abort it";
    121, InvalidRecordState, "INVALID_RECORD_STATE", false, "the record is not in a state that allows this";
    122, ShareSessionNotFound, "SHARE_SESSION_NOT_FOUND", true, "the broker does not have this share session any more";
    123, InvalidShareSessionEpoch, "INVALID_SHARE_SESSION_EPOCH", true, "the share session is at another epoch";
    124, FencedStateEpoch, "FENCED_STATE_EPOCH", false, "the share coordinator is at a newer state epoch";
    125, InvalidVoterKey, "INVALID_VOTER_KEY", false, "the voter's key is not the one the receiver has";
    126, DuplicateVoter, "DUPLICATE_VOTER", false, "the voter is in the set already";
    127, VoterNotFound, "VOTER_NOT_FOUND", false, "the voter is not in the set";
    128, InvalidRegularExpression, "INVALID_REGULAR_EXPRESSION", false, "the regular expression is not valid";
    129, RebootstrapRequired, "REBOOTSTRAP_REQUIRED", false, "what the client knows of the cluster is wrong, start again from the bootstrap servers";
    130, StreamsInvalidTopology, "STREAMS_INVALID_TOPOLOGY", false, "the topology is not valid";
    131, StreamsInvalidTopologyEpoch, "STREAMS_INVALID_TOPOLOGY_EPOCH", false, "the topology epoch is not valid";
    132, StreamsTopologyFenced, "STREAMS_TOPOLOGY_FENCED", false, "the topology epoch is old";
    133, ShareSessionLimitReached, "SHARE_SESSION_LIMIT_REACHED", true, "the broker has as many share sessions as it may";
}

impl ErrorCode {
    /// Whether nothing went wrong.
    pub const fn is_ok(self) -> bool {
        matches!(self, ErrorCode::None)
    }

    /// `Ok` if nothing went wrong, else the code as an error.
    ///
    /// # Errors
    /// Every code but [`ErrorCode::None`].
    pub const fn ok(self) -> Result<(), ErrorCode> {
        if self.is_ok() { Ok(()) } else { Err(self) }
    }

    /// The code with this number; a number from a newer protocol counts as
    /// [`ErrorCode::UnknownServerError`], as clients treat it.
    pub fn from_wire(number: i16) -> Self {
        ErrorCode::from_number(number).unwrap_or(ErrorCode::UnknownServerError)
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> i16 {
        code.number()
    }
}

/// A number that is no error code we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a known error code")]
pub struct UnknownErrorCode(pub i16);

impl TryFrom<i16> for ErrorCode {
    type Error = UnknownErrorCode;

    fn try_from(number: i16) -> Result<Self, UnknownErrorCode> {
        ErrorCode::from_number(number).ok_or(UnknownErrorCode(number))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl std::error::Error for ErrorCode {}
