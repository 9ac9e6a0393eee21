//! Kafka frames and messages: the struct is the schema. No I/O.
//!
//! - [`messages`]: one file per API with its request, its response and their parts, as plain owned
//!   structs whose attributes carry the version ranges (`#[derive(Message)]` of `wire-derive`).
//! - [`frame`]: headers, the length prefix, whole requests and replies.
//! - [`ApiKey`] and [`ErrorCode`]: the protocol's two number tables.
//! - [`Message`], [`Value`], [`Sink`], [`Reader`]: how values become bytes and back.
//!
//! Invariants:
//! - Decoding never panics and never allocates by a declared length: an array is bounded by the
//!   bytes left, and all arrays of one message together by [`reader::budget_of`] its length.
//! - Decoding copies no text or payload: [`Str`] and `Bytes` fields are slices of the frame they
//!   came from, and keep all of it alive. Whoever keeps one for longer than the request must copy
//!   it ([`Str::detach`], `Bytes::copy_from_slice`).
//! - Encoding computes the exact size first and allocates once; payloads ([`Records`]) are passed
//!   on as pieces and not copied.
//!
//! What it deliberately does not do: look into record batches, decide which versions a broker
//! offers, or give meaning to sentinels such as `-1`; fields are raw, the front end maps them.

// The derive names this crate from outside, so that other crates can use it too.
extern crate self as wire;

mod api_key;
mod error;
mod error_code;
pub mod frame;
#[cfg(any(test, feature = "test-support"))]
pub mod generate;
mod message;
pub mod messages;
mod payload;
pub mod reader;
mod sink;
mod text;
pub mod value;

pub use api_key::ApiKey;
pub use error::{DecodeError, DecodeReason, EncodeError};
pub use error_code::{ErrorCode, UnknownErrorCode};
pub use message::{Message, Request, Response};
pub use payload::{Piece, Records};
pub use reader::Reader;
pub use sink::{Counter, Encoded, Encoder, SHARE_MIN, Sink};
pub use text::Str;
pub use value::{Nullable, Value, Version};
pub use wire_derive::Message;
