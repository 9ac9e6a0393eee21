//! PushTelemetry (72), version 0: a client sends its metrics (KIP-714). Always flexible.

use bytes::Bytes;
use uuid::Uuid;

use crate::Message;

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = PushTelemetry, versions = "0", flexible = "0+")]
pub struct PushTelemetryRequest {
    /// From GetTelemetrySubscriptions.
    pub client_instance_id: Uuid,
    /// From GetTelemetrySubscriptions.
    pub subscription_id: i32,
    /// The last push of this client.
    pub terminating: bool,
    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub compression_type: i8,
    /// OpenTelemetry `MetricsData`, version 1, as Protobuf.
    pub metrics: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = PushTelemetry, versions = "0", flexible = "0+")]
pub struct PushTelemetryResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
