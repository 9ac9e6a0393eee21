//! DescribeUserScramCredentials (50), version 0: lists which users have SCRAM passwords (KIP-554).
//! Always flexible.

use crate::{Message, Str};

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeUserScramCredentials, versions = "0", flexible = "0+")]
pub struct DescribeUserScramCredentialsRequest {
    /// `None` or empty for all.
    pub users: Option<Vec<UserName>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct UserName {
    pub name: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = DescribeUserScramCredentials, versions = "0", flexible = "0+")]
pub struct DescribeUserScramCredentialsResponse {
    /// How long a quota holds the client back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    /// One for each user.
    pub results: Vec<DescribeUserScramCredentialsResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct DescribeUserScramCredentialsResult {
    pub user: Str,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
    /// What went wrong, for people.
    pub error_message: Option<Str>,
    pub credential_infos: Vec<CredentialInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
pub struct CredentialInfo {
    /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
    pub iterations: i32,
}
