//! ListConfigResources (74), versions 0 to 1: lists what has settings (KIP-1142). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 0 | client metrics only (KIP-1000) |
//! | 1 | all types, by filter (KIP-1142) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListConfigResources, versions = "0-1", flexible = "0+")]
pub struct ListConfigResourcesRequest {
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group; empty for all.
    #[field(versions = "1+")]
    pub resource_types: Vec<i8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ListConfigResources, versions = "0-1", flexible = "0+")]
pub struct ListConfigResourcesResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub config_resources: Vec<ConfigResource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ConfigResource {
    pub resource_name: Str,
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    #[field(versions = "1+", default = 16, ignorable)]
    pub resource_type: i8,
}
