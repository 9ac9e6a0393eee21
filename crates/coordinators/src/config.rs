//! What an operator sets for all groups. The defaults and their reasons are in `limits`.

use crate::limits;
use std::time::Duration;

/// Settings of the group coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`
    pub session_timeout_min: Duration,
    /// `group.max.session.timeout.ms`
    pub session_timeout_max: Duration,
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`
    pub group_size_max: u32,
    /// `offset.metadata.max.bytes`; counted as Kafka counts it, in UTF-16 units.
    pub metadata_bytes_max: u32,
    /// `offsets.retention.minutes`
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`
    pub offsets_check_interval: Duration,
    /// How long a join of a new member is parked at most.
    pub new_member_join_timeout: Duration,
    /// Bytes that the keys and values of one group record, or of one commit, may have together.
    pub records_bytes_max: usize,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            session_timeout_min: limits::SESSION_TIMEOUT_MIN,
            session_timeout_max: limits::SESSION_TIMEOUT_MAX,
            initial_rebalance_delay: limits::INITIAL_REBALANCE_DELAY,
            group_size_max: limits::GROUP_SIZE_MAX,
            metadata_bytes_max: limits::OFFSET_METADATA_MAX,
            offsets_retention: limits::OFFSETS_RETENTION,
            offsets_check_interval: limits::OFFSETS_CHECK_INTERVAL,
            new_member_join_timeout: limits::NEW_MEMBER_JOIN_TIMEOUT,
            records_bytes_max: limits::RECORDS_BYTES_MAX,
        }
    }
}
