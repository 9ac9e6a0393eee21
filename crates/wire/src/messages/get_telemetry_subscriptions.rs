//! GetTelemetrySubscriptions (71), version 0: a client asks which metrics the operator wants of it
//! (KIP-714). Always flexible.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = GetTelemetrySubscriptions, versions = "0", flexible = "0+")]
pub struct GetTelemetrySubscriptionsRequest {
    /// Zero at first.
    pub client_instance_id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = GetTelemetrySubscriptions, versions = "0", flexible = "0+")]
pub struct GetTelemetrySubscriptionsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// The new one, if the request had none.
    pub client_instance_id: Uuid,
    /// Changes with what is asked for.
    pub subscription_id: i32,
    /// 1 gzip, 2 snappy, 3 lz4, 4 zstd; the best first.
    pub accepted_compression_types: Vec<i8>,
    pub push_interval_ms: i32,
    /// Limit of one push.
    pub telemetry_max_bytes: i32,
    /// Counters as differences; else as sums.
    pub delta_temporality: bool,
    /// Prefixes of names; empty for none, one empty prefix for all.
    pub requested_metrics: Vec<Str>,
}
