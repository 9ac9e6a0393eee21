//! [`ApiKey`]: the protocol's requests by number, with their versions.
//!
//! The versions are the stable ones of Kafka 4.3. They say what exists, not what a broker serves:
//! that is what its handlers say. Keys 4 to 7 went away with ZooKeeper and have no versions. A test
//! holds this table against the structs in [`crate::messages`], another one against Kafka's own.

use std::fmt;
use std::ops::RangeInclusive;

macro_rules! api_keys {
    ($($name:ident = $number:literal, $versions:expr, $flexible:expr;)*) => {
        /// The number by which a request says what it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("`", stringify!($name), "`, ", stringify!($number), ".")]
                $name = $number,
            )*
        }

        impl ApiKey {
            /// All of them, by rising number.
            pub const ALL: &'static [ApiKey] = &[$(ApiKey::$name),*];

            /// The number on the wire.
            pub const fn number(self) -> i16 {
                match self { $(ApiKey::$name => $number,)* }
            }

            /// The key with this number.
            pub const fn from_number(number: i16) -> Option<Self> {
                match number { $($number => Some(ApiKey::$name),)* _ => None }
            }

            /// The name, as in the protocol's documents.
            pub const fn name(self) -> &'static str {
                match self { $(ApiKey::$name => stringify!($name),)* }
            }

            /// Stable versions; none if the API was removed.
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self { $(ApiKey::$name => $versions,)* }
            }

            /// First flexible version, if there is one.
            pub const fn flexible_since(self) -> Option<i16> {
                match self { $(ApiKey::$name => $flexible,)* }
            }
        }
    };
}

/// No version at all.
const REMOVED: RangeInclusive<i16> = RangeInclusive::new(0, -1);

// Name, number, stable versions, first flexible version.
api_keys! {
    Produce = 0, 3..=13, Some(9);
    Fetch = 1, 4..=18, Some(12);
    ListOffsets = 2, 1..=11, Some(6);
    Metadata = 3, 0..=13, Some(9);
    LeaderAndIsr = 4, REMOVED, None;
    StopReplica = 5, REMOVED, None;
    UpdateMetadata = 6, REMOVED, None;
    ControlledShutdown = 7, REMOVED, None;
    OffsetCommit = 8, 2..=10, Some(8);
    OffsetFetch = 9, 1..=10, Some(6);
    FindCoordinator = 10, 0..=6, Some(3);
    JoinGroup = 11, 0..=9, Some(6);
    Heartbeat = 12, 0..=4, Some(4);
    LeaveGroup = 13, 0..=5, Some(4);
    SyncGroup = 14, 0..=5, Some(4);
    DescribeGroups = 15, 0..=6, Some(5);
    ListGroups = 16, 0..=5, Some(3);
    SaslHandshake = 17, 0..=1, None;
    ApiVersions = 18, 0..=4, Some(3);
    CreateTopics = 19, 2..=7, Some(5);
    DeleteTopics = 20, 1..=6, Some(4);
    DeleteRecords = 21, 0..=2, Some(2);
    InitProducerId = 22, 0..=5, Some(2);
    OffsetForLeaderEpoch = 23, 2..=4, Some(4);
    AddPartitionsToTxn = 24, 0..=5, Some(3);
    AddOffsetsToTxn = 25, 0..=4, Some(3);
    EndTxn = 26, 0..=5, Some(3);
    WriteTxnMarkers = 27, 1..=2, Some(1);
    TxnOffsetCommit = 28, 0..=5, Some(3);
    DescribeAcls = 29, 1..=3, Some(2);
    CreateAcls = 30, 1..=3, Some(2);
    DeleteAcls = 31, 1..=3, Some(2);
    DescribeConfigs = 32, 1..=4, Some(4);
    AlterConfigs = 33, 0..=2, Some(2);
    AlterReplicaLogDirs = 34, 1..=2, Some(2);
    DescribeLogDirs = 35, 1..=5, Some(2);
    SaslAuthenticate = 36, 0..=2, Some(2);
    CreatePartitions = 37, 0..=3, Some(2);
    CreateDelegationToken = 38, 1..=3, Some(2);
    RenewDelegationToken = 39, 1..=2, Some(2);
    ExpireDelegationToken = 40, 1..=2, Some(2);
    DescribeDelegationToken = 41, 1..=3, Some(2);
    DeleteGroups = 42, 0..=2, Some(2);
    ElectLeaders = 43, 0..=2, Some(2);
    IncrementalAlterConfigs = 44, 0..=1, Some(1);
    AlterPartitionReassignments = 45, 0..=1, Some(0);
    ListPartitionReassignments = 46, 0..=0, Some(0);
    OffsetDelete = 47, 0..=0, None;
    DescribeClientQuotas = 48, 0..=1, Some(1);
    AlterClientQuotas = 49, 0..=1, Some(1);
    DescribeUserScramCredentials = 50, 0..=0, Some(0);
    AlterUserScramCredentials = 51, 0..=0, Some(0);
    Vote = 52, 0..=2, Some(0);
    BeginQuorumEpoch = 53, 0..=1, Some(1);
    EndQuorumEpoch = 54, 0..=1, Some(1);
    DescribeQuorum = 55, 0..=2, Some(0);
    AlterPartition = 56, 2..=3, Some(0);
    UpdateFeatures = 57, 0..=2, Some(0);
    Envelope = 58, 0..=0, Some(0);
    FetchSnapshot = 59, 0..=1, Some(0);
    DescribeCluster = 60, 0..=2, Some(0);
    DescribeProducers = 61, 0..=0, Some(0);
    BrokerRegistration = 62, 0..=4, Some(0);
    BrokerHeartbeat = 63, 0..=2, Some(0);
    UnregisterBroker = 64, 0..=0, Some(0);
    DescribeTransactions = 65, 0..=0, Some(0);
    ListTransactions = 66, 0..=2, Some(0);
    AllocateProducerIds = 67, 0..=0, Some(0);
    ConsumerGroupHeartbeat = 68, 0..=1, Some(0);
    ConsumerGroupDescribe = 69, 0..=1, Some(0);
    ControllerRegistration = 70, 0..=0, Some(0);
    GetTelemetrySubscriptions = 71, 0..=0, Some(0);
    PushTelemetry = 72, 0..=0, Some(0);
    AssignReplicasToDirs = 73, 0..=0, Some(0);
    ListConfigResources = 74, 0..=1, Some(0);
    DescribeTopicPartitions = 75, 0..=0, Some(0);
    ShareGroupHeartbeat = 76, 1..=1, Some(0);
    ShareGroupDescribe = 77, 1..=1, Some(0);
    ShareFetch = 78, 1..=2, Some(0);
    ShareAcknowledge = 79, 1..=2, Some(0);
    AddRaftVoter = 80, 0..=1, Some(0);
    RemoveRaftVoter = 81, 0..=0, Some(0);
    UpdateRaftVoter = 82, 0..=0, Some(0);
    InitializeShareGroupState = 83, 0..=0, Some(0);
    ReadShareGroupState = 84, 0..=0, Some(0);
    WriteShareGroupState = 85, 0..=1, Some(0);
    DeleteShareGroupState = 86, 0..=0, Some(0);
    ReadShareGroupStateSummary = 87, 0..=1, Some(0);
    StreamsGroupHeartbeat = 88, 0..=0, Some(0);
    StreamsGroupDescribe = 89, 0..=0, Some(0);
    DescribeShareGroupOffsets = 90, 0..=1, Some(0);
    AlterShareGroupOffsets = 91, 0..=0, Some(0);
    DeleteShareGroupOffsets = 92, 0..=0, Some(0);
}

impl ApiKey {
    /// Whether the version has compact lengths and tagged fields.
    pub fn is_flexible(self, version: i16) -> bool {
        self.flexible_since().is_some_and(|first| version >= first)
    }

    /// Version of the header before the request in this version: 1, or 2 if it is flexible.
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// Version of the header before the response in this version: 0, or 1 if it is flexible.
    ///
    /// Always 0 for ApiVersions: a client that asked in a version the broker does not know must
    /// be able to read the answer.
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != ApiKey::ApiVersions && self.is_flexible(version))
    }
}

impl TryFrom<i16> for ApiKey {
    type Error = i16;

    fn try_from(number: i16) -> Result<Self, i16> {
        ApiKey::from_number(number).ok_or(number)
    }
}

impl From<ApiKey> for i16 {
    fn from(key: ApiKey) -> i16 {
        key.number()
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
