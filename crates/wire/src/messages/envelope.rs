//! Envelope (58), version 0: a broker passes a client's request on to the controller (KIP-590).
//! Always flexible.

use bytes::Bytes;

use crate::Message;

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Envelope, versions = "0", flexible = "0+")]
pub struct EnvelopeRequest {
    /// Header and message, as the client sent them.
    pub request_data: Bytes,
    /// Who the client is.
    pub request_principal: Option<Bytes>,
    /// As bytes of the address.
    pub client_host_address: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[message(api = Envelope, versions = "0", flexible = "0+")]
pub struct EnvelopeResponse {
    /// Header and message, as the client shall get them.
    pub response_data: Option<Bytes>,
    /// Number of an [`ErrorCode`](crate::ErrorCode).
    pub error_code: i16,
}
