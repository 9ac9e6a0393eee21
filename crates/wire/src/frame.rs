//! Frames: length, header, message.
//!
//! ```text
//! request   len:i32 | key:i16 version:i16 correlation:i32 client:nullable text [tags] | message
//! response  len:i32 | correlation:i32 [tags]                                          | message
//! ```
//! `len` does not count itself. The tags are there in flexible versions (header 2 and 1). The
//! client's name is never compact. An ApiVersions response never has header tags.
//!
//! Invariant: a frame is measured before its first byte is written, so one that cannot be encoded
//! leaves nothing behind in the encoder.

use bytes::{Buf, Bytes, BytesMut};

use crate::ApiKey;
use crate::error::{DecodeError, DecodeReason, EncodeError};
use crate::message::{Request, Response};
use crate::reader::Reader;
use crate::sink::{Counter, Encoded, Encoder, Sink};
use crate::text::Str;
use crate::value::{Nullable, Value, Version};

#[cfg(test)]
mod tests;

/// Bytes of the length before a frame.
pub const LEN_SIZE: usize = 4;

/// What stands before a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which request follows.
    pub api_key: ApiKey,
    /// In which version; any number, also one that does not exist.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// How the client calls itself.
    pub client_id: Option<Str>,
}

/// Whole frame of a request, its length included.
///
/// # Errors
/// The version does not exist or cannot carry what the request says.
pub fn encode_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    request: &R,
) -> Result<Encoded, EncodeError> {
    let mut encoder = Encoder::default();
    put_request(&mut encoder, version, correlation_id, client_id, request)?;
    Ok(encoder.finish())
}

/// Whole frame of a response, its length included.
///
/// # Errors
/// The version does not exist or cannot carry what the response says.
pub fn encode_response<R: Response>(
    version: i16,
    correlation_id: i32,
    response: &R,
) -> Result<Encoded, EncodeError> {
    let mut encoder = Encoder::default();
    put_response(&mut encoder, version, correlation_id, response)?;
    Ok(encoder.finish())
}

/// Appends the frame of a request to what the encoder has.
///
/// # Errors
/// As [`encode_request`]; then nothing is appended.
pub fn put_request<R: Request>(
    encoder: &mut Encoder,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    request: &R,
) -> Result<(), EncodeError> {
    let header = RequestHeader {
        api_key: R::KEY,
        api_version: version,
        correlation_id,
        client_id: client_id.map(Str::from),
    };
    let mut size = Counter::default();
    put_request_header(&mut size, &header)?;
    request.encode_to(version, &mut size)?;
    put_len(encoder, &size)?;
    put_request_header(encoder, &header)?;
    request.encode_to(version, encoder)
}

/// Appends the frame of a response to what the encoder has.
///
/// # Errors
/// As [`encode_response`]; then nothing is appended.
pub fn put_response<R: Response>(
    encoder: &mut Encoder,
    version: i16,
    correlation_id: i32,
    response: &R,
) -> Result<(), EncodeError> {
    let tags = R::KEY.response_header_version(version) >= 1;
    let mut size = Counter::default();
    put_response_header(&mut size, correlation_id, tags);
    response.encode_to(version, &mut size)?;
    put_len(encoder, &size)?;
    put_response_header(encoder, correlation_id, tags);
    response.encode_to(version, encoder)
}

fn put_len(encoder: &mut Encoder, size: &Counter) -> Result<(), EncodeError> {
    let len = size.total();
    let number = i32::try_from(len).map_err(|_| EncodeError::TooLong { what: "frame", len })?;
    encoder.reserve(size.copied() + LEN_SIZE);
    encoder.put(&number.to_be_bytes());
    Ok(())
}

fn put_request_header<S: Sink>(sink: &mut S, header: &RequestHeader) -> Result<(), EncodeError> {
    sink.put(&header.api_key.number().to_be_bytes());
    sink.put(&header.api_version.to_be_bytes());
    sink.put(&header.correlation_id.to_be_bytes());
    Str::encode_nullable(header.client_id.as_ref(), sink, NEVER_COMPACT)?;
    if header.api_key.request_header_version(header.api_version) >= 2 {
        sink.put_uvarint(0);
    }
    Ok(())
}

fn put_response_header<S: Sink>(sink: &mut S, correlation_id: i32, tags: bool) {
    sink.put(&correlation_id.to_be_bytes());
    if tags {
        sink.put_uvarint(0);
    }
}

/// How the client's name is written in every header version.
const NEVER_COMPACT: Version = Version::new(1, false);

/// Decodes the header of a request and takes it off the frame; the message is left.
///
/// The version is not checked: it is for the caller to say what it serves. Tags are skipped.
///
/// # Errors
/// The bytes are no header, or the key is unknown (so that the header's form is unknown too).
pub fn decode_request_header(frame: &mut Bytes) -> Result<RequestHeader, DecodeError> {
    let mut reader = Reader::new(frame);
    reader.enter("RequestHeader");
    let number = i16::from_be_bytes(reader.array()?);
    // What was removed is as unknown as what never was: one of these had a header of its own.
    let known = ApiKey::from_number(number).filter(|key| !key.versions().is_empty());
    let Some(api_key) = known else {
        return reader.fail(DecodeReason::UnknownApi(number));
    };
    let api_version = i16::from_be_bytes(reader.array()?);
    let correlation_id = i32::from_be_bytes(reader.array()?);
    let client_id = Option::<Str>::decode_value(&mut reader, NEVER_COMPACT)?;
    if api_key.request_header_version(api_version) >= 2 {
        reader.skip_tagged()?;
    }
    let used = reader.position();
    frame.advance(used);
    Ok(RequestHeader { api_key, api_version, correlation_id, client_id })
}

/// Decodes the header of a response and takes it off the frame; gives the correlation id.
///
/// # Errors
/// The bytes are no header.
pub fn decode_response_header(
    frame: &mut Bytes,
    api_key: ApiKey,
    version: i16,
) -> Result<i32, DecodeError> {
    let mut reader = Reader::new(frame);
    reader.enter("ResponseHeader");
    let correlation_id = i32::from_be_bytes(reader.array()?);
    if api_key.response_header_version(version) >= 1 {
        reader.skip_tagged()?;
    }
    let used = reader.position();
    frame.advance(used);
    Ok(correlation_id)
}

/// Decodes a frame (without its length) that holds a response and nothing else.
///
/// # Errors
/// The bytes are not such a response.
pub fn decode_response<R: Response>(
    mut frame: Bytes,
    version: i16,
) -> Result<(i32, R), DecodeError> {
    let correlation_id = decode_response_header(&mut frame, R::KEY, version)?;
    Ok((correlation_id, R::decode_exact(frame, version)?))
}

/// The correlation id of a response's frame (without its length), whatever API it is of.
pub fn peek_correlation_id(frame: &[u8]) -> Option<i32> {
    frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes))
}

/// The length a frame declares is below zero or beyond the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {declared} bytes (at most {limit} are allowed)")]
pub struct FrameLenError {
    /// The length declared.
    pub declared: i32,
    /// The longest allowed.
    pub limit: usize,
}

/// The length of the frame that begins in the buffer, if that much of it is there. The length
/// does not count its own [`LEN_SIZE`] bytes.
///
/// # Errors
/// The length is impossible.
pub fn peek_frame_len(buffer: &[u8], limit: usize) -> Result<Option<usize>, FrameLenError> {
    let Some(bytes) = buffer.first_chunk() else { return Ok(None) };
    let declared = i32::from_be_bytes(*bytes);
    match usize::try_from(declared) {
        Ok(len) if len <= limit => Ok(Some(len)),
        _ => Err(FrameLenError { declared, limit }),
    }
}

/// Takes a whole frame off the buffer, without its length, sharing the buffer's memory; `None` if
/// it is not all there. Nothing is allocated for what is missing: that is the caller's decision.
///
/// # Errors
/// The declared length is impossible.
pub fn take_frame(buffer: &mut BytesMut, limit: usize) -> Result<Option<Bytes>, FrameLenError> {
    match peek_frame_len(buffer, limit)? {
        Some(len) if buffer.len() - LEN_SIZE >= len => {
            buffer.advance(LEN_SIZE);
            Ok(Some(buffer.split_to(len).freeze()))
        }
        _ => Ok(None),
    }
}
