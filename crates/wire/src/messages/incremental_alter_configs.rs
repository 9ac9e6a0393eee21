//! IncrementalAlterConfigs (44), versions 0 and 1: changes single settings of a resource
//! (KIP-339).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = IncrementalAlterConfigs, versions = "0-1", flexible = "1+")]
pub struct IncrementalAlterConfigsRequest {
    pub resources: Vec<AlterConfigsResource>,
    /// Check, change nothing.
    pub validate_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterConfigsResource {
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    pub resource_name: Str,
    pub configs: Vec<AlterableConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterableConfig {
    pub name: Str,
    /// 0 set, 1 delete, 2 append, 3 subtract.
    pub config_operation: i8,
    pub value: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = IncrementalAlterConfigs, versions = "0-1", flexible = "1+")]
pub struct IncrementalAlterConfigsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub responses: Vec<AlterConfigsResourceResponse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterConfigsResourceResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    pub resource_name: Str,
}
