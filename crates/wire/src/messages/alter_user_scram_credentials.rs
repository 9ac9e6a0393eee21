//! AlterUserScramCredentials (51), version 0: sets and removes SCRAM passwords (KIP-554). Always
//! flexible.

use bytes::Bytes;

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterUserScramCredentials, versions = "0", flexible = "0+")]
pub struct AlterUserScramCredentialsRequest {
    pub deletions: Vec<ScramCredentialDeletion>,
    pub upsertions: Vec<ScramCredentialUpsertion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ScramCredentialDeletion {
    pub name: Str,
    /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct ScramCredentialUpsertion {
    pub name: Str,
    /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
    pub iterations: i32,
    /// Random, chosen by the client.
    pub salt: Bytes,
    /// What the client made of password, salt and iterations; the password itself is not sent.
    pub salted_password: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = AlterUserScramCredentials, versions = "0", flexible = "0+")]
pub struct AlterUserScramCredentialsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// One for each user.
    pub results: Vec<AlterUserScramCredentialsResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct AlterUserScramCredentialsResult {
    pub user: Str,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
}
