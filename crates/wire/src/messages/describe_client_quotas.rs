//! DescribeClientQuotas (48), versions 0 to 1: lists the quotas of users, client ids and addresses
//! (KIP-546).
//!
//! | version | what it added |
//! |---|---|
//! | 1 | flexible |

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeClientQuotas, versions = "0-1", flexible = "1+")]
pub struct DescribeClientQuotasRequest {
    pub components: Vec<ComponentData>,
    /// Leave out entities that have other types too.
    pub strict: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ComponentData {
    /// `user`, `client-id` or `ip`.
    pub entity_type: Str,
    /// 0 this name, 1 the default, 2 any that has a name.
    pub match_type: i8,
    /// `None` unless one name is asked for.
    pub r#match: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[message(api = DescribeClientQuotas, versions = "0-1", flexible = "1+")]
pub struct DescribeClientQuotasResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// `None` beside an error.
    pub entries: Option<Vec<EntryData>>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct EntryData {
    pub entity: Vec<EntityData>,
    pub values: Vec<ValueData>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct EntityData {
    /// `user`, `client-id` or `ip`.
    pub entity_type: Str,
    /// `None` for the default.
    pub entity_name: Option<Str>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ValueData {
    /// As in `producer_byte_rate`.
    pub key: Str,
    pub value: f64,
}
