//! ControllerRegistration (70), version 0: a controller makes itself known to the active one
//! (KIP-919). Always flexible.

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ControllerRegistration, versions = "0", flexible = "0+")]
pub struct ControllerRegistrationRequest {
    pub controller_id: i32,
    /// New with every start of the process.
    pub incarnation_id: Uuid,
    pub zk_migration_ready: bool,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    /// 0 plaintext, 1 TLS, 2 SASL, 3 SASL over TLS.
    pub security_protocol: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct Feature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = ControllerRegistration, versions = "0", flexible = "0+")]
pub struct ControllerRegistrationResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
