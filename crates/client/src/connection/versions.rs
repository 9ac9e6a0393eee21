//! What a node speaks, learned from its ApiVersions answer.
//!
//! The first request of a connection goes out in the newest version we have. A node that does not
//! know it answers in version 0 with `UnsupportedVersion` and, if it is a recent one, the range it
//! has; the request is then repeated in the newest version both have.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use wire::{ApiKey, ErrorCode, Message, Str, frame};

use super::Link;
use crate::ClientError;

/// Versions and features of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    apis: BTreeMap<i16, (i16, i16)>,
    features: BTreeMap<String, i16>,
}

impl Versions {
    /// The versions of an API that the node serves.
    #[must_use]
    pub fn of(&self, key: ApiKey) -> Option<RangeInclusive<i16>> {
        self.apis.get(&key.number()).map(|&(min, max)| min..=max)
    }

    /// The level that the cluster has finalized for a feature.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<i16> {
        self.features.get(name).copied()
    }

    /// The highest version in `ours` that the node serves too; else what it serves.
    pub(super) fn common(
        &self,
        key: ApiKey,
        ours: &RangeInclusive<i16>,
    ) -> Result<i16, Option<(i16, i16)>> {
        let theirs = self.apis.get(&key.number()).copied().ok_or(None)?;
        let (min, max) = theirs;
        let highest = max.min(*ours.end());
        if highest < min || highest < *ours.start() { Err(Some(theirs)) } else { Ok(highest) }
    }

    fn from_wire(response: &ApiVersionsResponse) -> Self {
        let apis = response
            .api_keys
            .iter()
            .map(|api| (api.api_key, (api.min_version, api.max_version)))
            .collect();
        let features = response
            .finalized_features
            .iter()
            .map(|feature| (feature.name.to_string(), feature.max_version_level))
            .collect();
        Versions { apis, features }
    }
}

pub(super) async fn negotiate(link: &Link, within: Duration) -> Result<Versions, ClientError> {
    let request = ApiVersionsRequest {
        client_software_name: Str::from_static("walser"),
        client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
    };
    let mut version = *ApiVersionsRequest::VERSIONS.end();
    loop {
        let frame =
            link.exchange(&request, version, within).await.map_err(|error| match error {
                // A service that is not a broker closes on the first bytes it does not understand.
                ClientError::ConnectionLost { address, reason } => {
                    ClientError::NotKafka { address, reason }
                }
                other => other,
            })?;
        let response = decode(link, frame, version)?;
        match ErrorCode::from_wire(response.error_code) {
            ErrorCode::None => return Ok(Versions::from_wire(&response)),
            ErrorCode::UnsupportedVersion if version > 0 => {
                let theirs = Versions::from_wire(&response);
                let ours = 0..=version - 1;
                version = theirs.common(ApiKey::ApiVersions, &ours).unwrap_or(0);
            }
            code => {
                return Err(ClientError::broker("ApiVersions", &*link.address, code, None));
            }
        }
    }
}

/// An answer in `version`, or the refusal of that version, which is always in version 0.
fn decode(link: &Link, frame: Bytes, version: i16) -> Result<ApiVersionsResponse, ClientError> {
    let not_kafka = |error: wire::DecodeError| ClientError::NotKafka {
        address: link.address.to_string(),
        reason: error.to_string(),
    };
    let mut body = frame;
    frame::decode_response_header(&mut body, ApiKey::ApiVersions, version).map_err(not_kafka)?;
    let refused = body.first_chunk() == Some(&ErrorCode::UnsupportedVersion.number().to_be_bytes());
    let version = if refused { 0 } else { version };
    ApiVersionsResponse::decode_exact(body, version).map_err(not_kafka)
}
