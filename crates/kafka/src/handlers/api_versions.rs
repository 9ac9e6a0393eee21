//! ApiVersions (18), versions 0 to 4: what is served, and which features are on.
//!
//! Produce is advertised from 0 although 0 to 2 are refused: older librdkafka stops compressing
//! otherwise (KAFKA-18659). The response header is version 0 in every version. Features come from
//! the cluster's metadata; none that is not served is named.

use wire::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use wire::{ApiKey, ErrorCode, Str};

use crate::dispatch::served;
use crate::listener::Shared;

/// The answer to a request that was understood.
pub(crate) fn respond(shared: &Shared, request: &ApiVersionsRequest) -> ApiVersionsResponse {
    if !is_name(&request.client_software_name) || !is_name(&request.client_software_version) {
        return malformed();
    }
    let image = shared.broker.image();
    let features = image.features();
    ApiVersionsResponse {
        error_code: ErrorCode::None.number(),
        api_keys: api_keys(),
        finalized_features_epoch: image.feature_epoch(),
        supported_features: features
            .iter()
            .map(|(name, level)| SupportedFeatureKey {
                name: Str::from(name.as_str()),
                min_version: 0,
                max_version: *level,
            })
            .collect(),
        finalized_features: features
            .iter()
            .map(|(name, level)| FinalizedFeatureKey {
                name: Str::from(name.as_str()),
                max_version_level: *level,
                min_version_level: *level,
            })
            .collect(),
        ..ApiVersionsResponse::default()
    }
}

/// The answer to a version nobody knows: the range of this API alone, in the oldest form.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    let api_keys =
        api_keys().into_iter().filter(|api| api.api_key == ApiKey::ApiVersions.number()).collect();
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.number(),
        api_keys,
        ..ApiVersionsResponse::default()
    }
}

/// The answer to a known version that says nonsense.
pub(crate) fn malformed() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::InvalidRequest.number(),
        ..ApiVersionsResponse::default()
    }
}

fn api_keys() -> Vec<ApiVersion> {
    let mut keys: Vec<ApiVersion> = served()
        .into_iter()
        .map(|api| ApiVersion {
            api_key: api.key.number(),
            min_version: if api.key == ApiKey::Produce { 0 } else { *api.versions.start() },
            max_version: *api.versions.end(),
        })
        .collect();
    keys.sort_by_key(|key| key.api_key);
    keys
}

/// Kafka's rule for the client's name and version (KIP-511); empty before version 3.
fn is_name(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    name.is_empty()
        || (name.chars().all(inside)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric()))
}
