//! Every limit of the group coordinator, with its reason. What Kafka lets an operator set is the
//! default of a field of `GroupConfig`; the others hold always.

use std::time::Duration;

/// Shortest session a member may ask for. Kafka's default: below this, one lost heartbeat or one
/// pause of a client ends its membership and everybody rebalances.
pub const SESSION_TIMEOUT_MIN: Duration = Duration::from_secs(6);

/// Longest session a member may ask for. Kafka's default: a dead member keeps its partitions from
/// being read for this long.
pub const SESSION_TIMEOUT_MAX: Duration = Duration::from_secs(30 * 60);

/// How long the first rebalance of an empty group waits for more members. Kafka's default: a group
/// that starts together gets one assignment instead of one per member.
pub const INITIAL_REBALANCE_DELAY: Duration = Duration::from_secs(3);

/// Members of one group. Kafka has no limit; the leader's answer and the group's record grow with
/// the members, and both must fit one frame.
pub const GROUP_SIZE_MAX: u32 = 1_000;

/// Member ids given out but not used yet, per group. They expire with the session timeout they
/// asked for; without a limit a client that asks in a loop fills the memory.
pub const PENDING_MEMBERS_MAX: usize = 1_000;

/// Protocols one member may offer. Clients offer one to three.
pub const PROTOCOLS_PER_MEMBER_MAX: usize = 64;

/// Bytes of protocol metadata that all members of a group may hold together. The leader gets all of
/// it in one answer, and part of it goes into one record.
pub const GROUP_METADATA_BYTES_MAX: usize = 8 << 20;

/// Bytes of one record or one commit's records. Kafka's default `message.max.bytes`, which is what
/// the partition accepts in one batch, less what the batch itself takes.
pub const RECORDS_BYTES_MAX: usize = 1_048_588 - 1_024;

/// Characters of the note that a client may leave with an offset. Kafka's default.
pub const OFFSET_METADATA_MAX: u32 = 4_096;

/// How long offsets outlive their group. Kafka's default, a week.
pub const OFFSETS_RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How often one group's offsets are looked at for expiry. Kafka's default.
pub const OFFSETS_CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// How long a join of a new member is parked before it is let go. Kafka's fixed value: a new member
/// cannot send heartbeats and its connection cannot be watched while its join waits.
pub const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(300);

/// Groups in one shard: about 100 MB of empty groups.
pub const GROUPS_PER_SHARD_MAX: usize = 100_000;

/// Committed offsets in one shard: about 150 MB without notes.
pub const OFFSETS_PER_SHARD_MAX: usize = 1_000_000;

/// Shortest time after which a rebalance that nobody has joined is looked at again, whatever the
/// rebalance timeout: a member may ask for a timeout of zero.
pub const JOIN_RETRY_MIN: Duration = Duration::from_secs(1);

/// Shortest time between two looks at a group's offsets, whatever the setting.
pub const OFFSETS_CHECK_INTERVAL_MIN: Duration = Duration::from_millis(1);
