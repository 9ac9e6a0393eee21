//! BrokerRegistration (62), versions 0 to 4: a broker makes itself known to the controller
//! (KIP-631). Always flexible.
//!
//! | version | what it added |
//! |---|---|
//! | 1 | migration from ZooKeeper (KIP-866) |
//! | 2 | directories (KIP-858) |
//! | 3 | epoch before a clean shutdown (KIP-966) |
//! | 4 | features whose lowest version is 0 are listed too |

use uuid::Uuid;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = BrokerRegistration, versions = "0-4", flexible = "0+")]
pub struct BrokerRegistrationRequest {
    pub broker_id: i32,
    pub cluster_id: Str,
    /// New with every start of the process.
    pub incarnation_id: Uuid,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    pub rack: Option<Str>,
    #[field(versions = "1+")]
    pub is_migrating_zk_broker: bool,
    /// Those that can be used.
    #[field(versions = "2+", ignorable)]
    pub log_dirs: Vec<Uuid>,
    /// -1 if the broker was not shut down cleanly.
    #[field(versions = "3+", default = -1, ignorable)]
    pub previous_broker_epoch: i64,
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
#[message(api = BrokerRegistration, versions = "0-4", flexible = "0+")]
pub struct BrokerRegistrationResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// -1 beside an error.
    #[field(default = -1)]
    pub broker_epoch: i64,
}
