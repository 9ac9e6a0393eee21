//! DescribeLogDirs (35), versions 1 to 5: what is in each log directory, and its size.
//!
//! | version | what it added |
//! |---|---|
//! | 2 | flexible |
//! | 3 | error code of the whole response |
//! | 4 | size of the volume and what is free (KIP-827) |
//! | 5 | directories that take no new partitions (KIP-1066) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeLogDirs, versions = "1-5", flexible = "2+")]
pub struct DescribeLogDirsRequest {
    /// `None` for all.
    pub topics: Option<Vec<DescribableLogDirTopic>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribableLogDirTopic {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeLogDirs, versions = "1-5", flexible = "2+")]
pub struct DescribeLogDirsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    #[field(versions = "3+", ignorable)]
    pub error_code: i16,
    pub results: Vec<DescribeLogDirsResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeLogDirsResult {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub log_dir: Str,
    pub topics: Vec<DescribeLogDirsTopic>,
    #[field(versions = "4+", default = -1, ignorable)]
    pub total_bytes: i64,
    #[field(versions = "4+", default = -1, ignorable)]
    pub usable_bytes: i64,
    #[field(versions = "5+", ignorable)]
    pub is_cordoned: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeLogDirsTopic {
    pub name: Str,
    pub partitions: Vec<DescribeLogDirsPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeLogDirsPartition {
    pub partition_index: i32,
    pub partition_size: i64,
    /// How far the replica is behind the high watermark (or behind the replica it shall replace).
    pub offset_lag: i64,
    /// A replica that is being moved to this directory.
    pub is_future_key: bool,
}
