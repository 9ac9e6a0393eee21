//! DescribeCluster (60), versions 0 to 2: the cluster's id, its controller and its brokers
//! (KIP-700). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | controllers can be asked for (KIP-919) |
//! | 2 | fenced brokers can be asked for (KIP-1073) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeCluster, versions = "0-2", flexible = "0+")]
pub struct DescribeClusterRequest {
    pub include_cluster_authorized_operations: bool,
    /// 1 brokers, 2 controllers.
    #[field(versions = "1+", default = 1)]
    pub endpoint_type: i8,
    #[field(versions = "2+")]
    pub include_fenced_brokers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeCluster, versions = "0-2", flexible = "0+")]
pub struct DescribeClusterResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// 1 brokers, 2 controllers.
    #[field(versions = "1+", default = 1)]
    pub endpoint_type: i8,
    pub cluster_id: Str,
    #[field(default = -1)]
    pub controller_id: i32,
    pub brokers: Vec<DescribeClusterBroker>,
    /// Bits of what the client may do; the minimum if not asked for.
    #[field(default = i32::MIN)]
    pub cluster_authorized_operations: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeClusterBroker {
    pub broker_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
    #[field(versions = "2+")]
    pub is_fenced: bool,
}
