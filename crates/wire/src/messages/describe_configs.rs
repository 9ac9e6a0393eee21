//! DescribeConfigs (32), versions 1 to 4: settings of topics, brokers and others.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | where a value comes from, and what it would be without (KIP-226) |
//! | 3 | type and documentation (KIP-569) |
//! | 4 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeConfigs, versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsRequest {
    pub resources: Vec<DescribeConfigsResource>,
    pub include_synonyms: bool,
    #[field(versions = "3+")]
    pub include_documentation: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeConfigsResource {
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    pub resource_name: Str,
    /// `None` for all.
    pub configuration_keys: Option<Vec<Str>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeConfigs, versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    pub results: Vec<DescribeConfigsResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeConfigsResult {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    pub resource_name: Str,
    pub configs: Vec<DescribeConfigsResourceResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeConfigsResourceResult {
    pub name: Str,
    pub value: Option<Str>,
    pub read_only: bool,
    /// 1 topic, 2 broker (dynamic), 3 cluster default (dynamic), 4 file, 5 built-in default, 6 broker logger, 7 client metrics, 8 group.
    #[field(default = -1)]
    pub config_source: i8,
    pub is_sensitive: bool,
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// 0 unknown, 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
    #[field(versions = "3+", ignorable)]
    pub config_type: i8,
    #[field(versions = "3+", ignorable)]
    pub documentation: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeConfigsSynonym {
    pub name: Str,
    pub value: Option<Str>,
    /// As `config_source`.
    pub source: i8,
}
