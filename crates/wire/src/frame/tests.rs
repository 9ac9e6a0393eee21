//! Headers and whole frames, byte by byte.

use bytes::{Bytes, BytesMut};

use super::*;
use crate::messages::fetch::{FetchableTopicResponse, PartitionData};
use crate::messages::{
    ApiVersionsResponse, FetchResponse, HeartbeatRequest, HeartbeatResponse, OffsetDeleteRequest,
};
use crate::{ErrorCode, Piece, Records};

fn heartbeat() -> HeartbeatRequest {
    HeartbeatRequest { group_id: "g".into(), generation_id: 3, ..HeartbeatRequest::default() }
}

fn bytes(encoded: Result<Encoded, EncodeError>) -> Bytes {
    encoded.expect("encodes").to_bytes().expect("in memory")
}

#[test]
fn a_request_has_its_header() {
    let old = bytes(encode_request(0, 258, Some("me"), &heartbeat()));
    let expected = b"\0\0\0\x15\0\x0c\0\0\0\0\x01\x02\0\x02me\0\x01g\0\0\0\x03\0\0";
    assert_eq!(old.as_ref(), expected);
    // The client's name is not compact in the flexible header either.
    let new = bytes(encode_request(4, 258, None, &heartbeat()));
    let expected = b"\0\0\0\x14\0\x0c\0\x04\0\0\x01\x02\xff\xff\0\x02g\0\0\0\x03\x01\0\0";
    assert_eq!(new.as_ref(), expected);

    let mut frame = new.slice(LEN_SIZE..);
    let header = decode_request_header(&mut frame).expect("decodes");
    let expected = RequestHeader {
        api_key: ApiKey::Heartbeat,
        api_version: 4,
        correlation_id: 258,
        client_id: None,
    };
    assert_eq!(header, expected);
    assert_eq!(crate::Message::decode_exact(frame, 4), Ok(heartbeat()));
}

#[test]
fn header_versions_follow_the_api() {
    let versions = |key: ApiKey, version| {
        (key.request_header_version(version), key.response_header_version(version))
    };
    assert_eq!(versions(ApiKey::Produce, 8), (1, 0));
    assert_eq!(versions(ApiKey::Produce, 9), (2, 1));
    assert_eq!(versions(ApiKey::ApiVersions, 2), (1, 0));
    assert_eq!(versions(ApiKey::ApiVersions, 3), (2, 0));
    assert_eq!(versions(ApiKey::SaslHandshake, 1), (1, 0));
    assert_eq!(versions(ApiKey::OffsetDelete, 0), (1, 0));
    assert_eq!(versions(ApiKey::DescribeCluster, 0), (2, 1));
    // Versions nobody knows yet must still have a header that can be read.
    assert_eq!(versions(ApiKey::ApiVersions, 99), (2, 0));
    assert_eq!(versions(ApiKey::Metadata, -1), (1, 0));
}

#[test]
fn a_response_has_its_header() {
    let response = HeartbeatResponse { error_code: 27, ..HeartbeatResponse::default() };
    let old = bytes(encode_response(0, 7, &response));
    assert_eq!(old.as_ref(), b"\0\0\0\x06\0\0\0\x07\0\x1b");
    let new = bytes(encode_response(4, 7, &response));
    assert_eq!(new.as_ref(), b"\0\0\0\x0c\0\0\0\x07\0\0\0\0\0\0\x1b\0");
    assert_eq!(peek_correlation_id(&new.slice(LEN_SIZE..)), Some(7));
    assert_eq!(decode_response(new.slice(LEN_SIZE..), 4), Ok((7, response)));

    let code = ErrorCode::UnsupportedVersion.number();
    let apis = ApiVersionsResponse { error_code: code, ..ApiVersionsResponse::default() };
    let flexible = bytes(encode_response(3, 7, &apis));
    assert_eq!(flexible.as_ref(), b"\0\0\0\x0c\0\0\0\x07\0\x23\x01\0\0\0\0\0");
}

#[test]
fn several_frames_share_an_encoder() {
    let mut encoder = Encoder::default();
    put_response(&mut encoder, 0, 1, &HeartbeatResponse::default()).expect("encodes");
    // Cannot be sent in this version: nothing of it may be left behind.
    let invalid = HeartbeatRequest { group_instance_id: Some("i".into()), ..heartbeat() };
    assert!(put_request(&mut encoder, 0, 2, None, &invalid).is_err());
    put_response(&mut encoder, 0, 3, &HeartbeatResponse::default()).expect("encodes");
    let encoded = encoder.finish();
    assert_eq!(encoded.pieces().len(), 1);
    let expected = b"\0\0\0\x06\0\0\0\x01\0\0\0\0\0\x06\0\0\0\x03\0\0";
    assert_eq!(encoded.to_bytes().as_deref(), Some(&expected[..]));
}

#[test]
fn the_length_covers_what_is_sent_from_elsewhere() {
    let pieces = [Piece::External { token: 0, len: 5000 }, Piece::External { token: 1, len: 600 }];
    let partition =
        PartitionData { records: Some(Records::external(pieces)), ..PartitionData::default() };
    let topic =
        FetchableTopicResponse { partitions: vec![partition], ..FetchableTopicResponse::default() };
    let response = FetchResponse { responses: vec![topic], ..FetchResponse::default() };
    let encoded = encode_response(18, 1, &response).expect("encodes");
    match encoded.pieces() {
        [
            Piece::Bytes(head),
            Piece::External { token: 0, len: 5000 },
            Piece::External { token: 1, len: 600 },
            Piece::Bytes(tail),
        ] => {
            assert_eq!(peek_frame_len(head, usize::MAX), Ok(Some(encoded.len() - LEN_SIZE)));
            assert_eq!(head.len() + 5600 + tail.len(), encoded.len());
            // 5601 as a compact length ends the part before the payload.
            assert!(head.ends_with(&[0xe1, 0x2b]), "{head:?}");
        }
        pieces => panic!("{pieces:?}"),
    }
}

#[test]
fn headers_of_strangers_are_refused() {
    let decode = |bytes: &'static [u8]| decode_request_header(&mut Bytes::from_static(bytes));
    let reason = |bytes| decode(bytes).expect_err("no header").reason;
    assert_eq!(reason(b"\x48\x54\x50/1.1 GET"), DecodeReason::UnknownApi(0x4854));
    assert_eq!(reason(b"\0\x04\0\0\0\0\0\0\0\0"), DecodeReason::UnknownApi(4));
    assert_eq!(reason(b"\0\x03\0\0\0"), DecodeReason::Truncated { needed: 4, left: 1 });
    assert_eq!(reason(b"\0\x03\0\0\0\0\0\0\0\x01\xff"), DecodeReason::Utf8);
    // Tags we do not know are no reason to refuse.
    let header = decode(b"\0\x03\0\x09\0\0\0\0\0\0\x01\x05\x02xx").expect("decodes");
    assert_eq!((header.api_version, header.client_id), (9, Some("".into())));
}

#[test]
fn frames_are_taken_when_they_are_there() {
    let mut buffer = BytesMut::from(&b"\0\0\0\x02ab\0\0\0\x01"[..]);
    assert_eq!(take_frame(&mut buffer, 2), Ok(Some(Bytes::from_static(b"ab"))));
    assert_eq!(take_frame(&mut buffer, 2), Ok(None));
    assert_eq!(buffer.len(), 4, "an unfinished frame stays");
    buffer.extend_from_slice(b"c");
    assert_eq!(take_frame(&mut buffer, 2), Ok(Some(Bytes::from_static(b"c"))));
    assert_eq!(take_frame(&mut buffer, 2), Ok(None));

    let refused = |bytes: &[u8], declared| {
        let error = FrameLenError { declared, limit: 2 };
        assert_eq!(take_frame(&mut BytesMut::from(bytes), 2), Err(error));
    };
    refused(b"\0\0\0\x03", 3);
    refused(b"\x7f\xff\xff\xff", i32::MAX);
    refused(b"\xff\xff\xff\xff", -1);
}

#[test]
fn offset_delete_is_never_flexible() {
    let request = OffsetDeleteRequest { group_id: "g".into(), ..OffsetDeleteRequest::default() };
    let frame = bytes(encode_request(0, 1, None, &request));
    assert_eq!(frame.as_ref(), b"\0\0\0\x11\0\x2f\0\0\0\0\0\x01\xff\xff\0\x01g\0\0\0\0");
}
