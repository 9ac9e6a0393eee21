//! UpdateFeatures (57), versions 0 to 2: raises or lowers the level of features of the whole
//! cluster (KIP-584). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | kind of change, check without change (KIP-778) |
//! | 2 | no results of single features any more (KIP-1022) |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = UpdateFeatures, versions = "0-2", flexible = "0+")]
pub struct UpdateFeaturesRequest {
    #[field(default = 60_000)]
    pub timeout_ms: i32,
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// Check, change nothing.
    #[field(versions = "1+")]
    pub validate_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct FeatureUpdateKey {
    pub feature: Str,
    /// Below 1: remove the feature.
    pub max_version_level: i16,
    #[field(versions = "0")]
    pub allow_downgrade: bool,
    /// 1 up, 2 down without loss, 3 down with loss.
    #[field(versions = "1+", default = 1)]
    pub upgrade_type: i8,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = UpdateFeatures, versions = "0-2", flexible = "0+")]
pub struct UpdateFeaturesResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    #[field(versions = "0-1", ignorable)]
    pub results: Vec<UpdatableFeatureResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct UpdatableFeatureResult {
    pub feature: Str,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
