//! AlterConfigs (33), versions 0 to 2: replaces all settings of a resource. Old clients only.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterConfigs, versions = "0-2", flexible = "2+")]
pub struct AlterConfigsRequest {
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
    pub value: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterConfigs, versions = "0-2", flexible = "2+")]
pub struct AlterConfigsResponse {
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
