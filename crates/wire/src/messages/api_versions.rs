//! ApiVersions (18), versions 0 to 4: what this node speaks. The first request of a connection.
//!
//! Any version must get an answer: for one that is not known, version 0 with `UnsupportedVersion`
//! and the range of this API. The response's header never has tags.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | throttle time |
//! | 3 | flexible; the client's name and version (KIP-511); features (KIP-584) |
//! | 4 | features whose lowest version is 0 are listed too |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ApiVersions, versions = "0-4", flexible = "3+")]
pub struct ApiVersionsRequest {
    #[field(versions = "3+", ignorable)]
    pub client_software_name: Str,
    #[field(versions = "3+", ignorable)]
    pub client_software_version: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ApiVersions, versions = "0-4", flexible = "3+")]
pub struct ApiVersionsResponse {
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    pub api_keys: Vec<ApiVersion>,
    /// How long a quota holds the client back, in milliseconds.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// Features this node knows.
    #[field(versions = "3+", ignorable, tag = 0)]
    pub supported_features: Vec<SupportedFeatureKey>,
    /// -1 if not known.
    #[field(versions = "3+", default = -1, ignorable, tag = 1)]
    pub finalized_features_epoch: i64,
    /// Features the cluster has switched on.
    #[field(versions = "3+", ignorable, tag = 2)]
    pub finalized_features: Vec<FinalizedFeatureKey>,
    #[field(versions = "3+", ignorable, tag = 3)]
    pub zk_migration_ready: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ApiVersion {
    pub api_key: i16,
    pub min_version: i16,
    pub max_version: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct SupportedFeatureKey {
    pub name: Str,
    pub min_version: i16,
    pub max_version: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct FinalizedFeatureKey {
    pub name: Str,
    pub max_version_level: i16,
    pub min_version_level: i16,
}
