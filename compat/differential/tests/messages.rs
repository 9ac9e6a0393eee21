//! Holds every message of `wire`, in every version, against the `kafka-protocol` crate.
//!
//! A random message is encoded by us, decoded by them, encoded by them: the bytes must be the
//! same, and give us the same message back. Versions they do not have are listed in [`NOT_THEIRS`],
//! and the list must be exact: nothing is left out without a word. `tests/kafka.rs` has them all.

use bytes::BytesMut;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};
use wire::generate::{Dice, Generate};
use wire::messages as ours;

/// Random values a message and version.
const ROUNDS: u64 = 200;

/// Versions of ours that they do not have.
const NOT_THEIRS: &[(&str, i16)] = &[
    ("ListOffsetsRequest", 11),
    ("ListOffsetsResponse", 11),
    ("OffsetCommitRequest", 10),
    ("OffsetFetchRequest", 10),
    ("WriteTxnMarkersRequest", 2),
    ("WriteTxnMarkersResponse", 2),
    ("DescribeLogDirsRequest", 5),
    ("DescribeLogDirsResponse", 5),
    ("BrokerHeartbeatRequest", 2),
    ("BrokerHeartbeatResponse", 2),
    ("ShareFetchRequest", 2),
    ("ShareFetchResponse", 2),
    ("ShareAcknowledgeRequest", 2),
    ("ShareAcknowledgeResponse", 2),
    ("AddRaftVoterRequest", 1),
    ("AddRaftVoterResponse", 1),
    ("WriteShareGroupStateRequest", 1),
    ("WriteShareGroupStateResponse", 1),
    ("ReadShareGroupStateSummaryRequest", 1),
    ("ReadShareGroupStateSummaryResponse", 1),
    ("DescribeShareGroupOffsetsRequest", 1),
    ("DescribeShareGroupOffsetsResponse", 1),
];

/// What one run over a pair of messages found.
struct Outcome {
    not_theirs: Vec<(&'static str, i16)>,
    faults: Vec<String>,
}

fn compare<O, T>(outcome: &mut Outcome)
where
    O: wire::Message + Generate,
    T: kafka_protocol::protocol::Message + Encodable + Decodable,
{
    for version in O::VERSIONS {
        if version < T::VERSIONS.min || version > T::VERSIONS.max {
            outcome.not_theirs.push((O::NAME, version));
            continue;
        }
        for seed in 0..ROUNDS {
            if let Err(fault) = round::<O, T>(version, seed) {
                let name = O::NAME;
                outcome.faults.push(format!("{name} version {version} seed {seed}: {fault}"));
                break;
            }
        }
    }
}

fn round<O, T>(version: i16, seed: u64) -> Result<(), String>
where
    O: wire::Message + Generate,
    T: kafka_protocol::protocol::Message + Encodable + Decodable,
{
    let wire_version = O::version(version).ok_or("not a version of ours")?;
    let message = O::generate(&mut Dice::new(seed), wire_version);
    let encoded = message.encode(version).map_err(|e| format!("we cannot encode: {e}"))?;
    let encoded = encoded.to_bytes().ok_or("an external piece")?;

    let mut left = encoded.clone();
    let read = T::decode(&mut left, version).map_err(|e| format!("they cannot decode: {e}"))?;
    if !left.is_empty() {
        return Err(format!("they leave {} of {} bytes", left.len(), encoded.len()));
    }
    let mut again = BytesMut::new();
    read.encode(&mut again, version).map_err(|e| format!("they cannot encode: {e}"))?;
    let again = again.freeze();
    if again != encoded {
        return Err(format!("ours   {encoded:?}\ntheirs {again:?}\nof {message:?}"));
    }
    let back = O::decode_exact(again, version).map_err(|e| format!("we cannot decode: {e}"))?;
    if back != message {
        return Err(format!("sent {message:?}\nback {back:?}"));
    }
    Ok(())
}

#[test]
fn every_message_is_the_same_to_both() {
    let mut outcome = Outcome { not_theirs: Vec::new(), faults: Vec::new() };
    // They have no streams groups at all.
    macro_rules! pair {
        (StreamsGroupHeartbeat, $request:ident, $response:ident) => {};
        (StreamsGroupDescribe, $request:ident, $response:ident) => {};
        ($api:ident, $request:ident, $response:ident) => {
            compare::<ours::$request, theirs::$request>(&mut outcome);
            compare::<ours::$response, theirs::$response>(&mut outcome);
        };
    }
    macro_rules! each {
        ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
            $(pair!($api, $request, $response);)*
        };
    }
    wire::for_each_api!(each);
    compare::<ours::ConsumerProtocolSubscription, theirs::ConsumerProtocolSubscription>(
        &mut outcome,
    );
    compare::<ours::ConsumerProtocolAssignment, theirs::ConsumerProtocolAssignment>(&mut outcome);

    assert!(outcome.faults.is_empty(), "{}", outcome.faults.join("\n\n"));
    assert_eq!(outcome.not_theirs, NOT_THEIRS, "versions only we have");
}

#[test]
fn headers_are_the_same_to_both() {
    let mut not_theirs = Vec::<i16>::new();
    for key in wire::ApiKey::ALL {
        let Ok(their_key) = theirs::ApiKey::try_from(key.number()) else {
            not_theirs.push(key.number());
            continue;
        };
        for version in key.versions() {
            let request =
                (key.request_header_version(version), key.response_header_version(version));
            let expected = (
                their_key.request_header_version(version),
                their_key.response_header_version(version),
            );
            assert_eq!(request, expected, "{key} version {version}");
        }
    }
    // They leave out what was removed; streams groups are newer than they are.
    assert_eq!(not_theirs, [4, 5, 6, 7, 88, 89], "keys only we have");
    let request = ours::HeartbeatRequest::default();
    for version in [0, 4] {
        let frame = wire::frame::encode_request(version, 77, Some("me"), &request);
        let frame = frame.expect("encodes").to_bytes().expect("in memory");
        let mut body = frame.slice(wire::frame::LEN_SIZE..);
        let header_version = theirs::ApiKey::Heartbeat.request_header_version(version);
        let header = theirs::RequestHeader::decode(&mut body, header_version).expect("decodes");
        assert_eq!((header.correlation_id, header.request_api_version), (77, version));
        assert_eq!(header.client_id.as_deref().map(|id| id.as_bytes()), Some(&b"me"[..]));
        assert_eq!(wire::Message::decode_exact(body, version), Ok(request.clone()));
    }
}

#[test]
fn error_codes_are_the_same_to_both() {
    use kafka_protocol::ResponseError;
    let (mut not_theirs, mut retriable_differs) = (Vec::<i16>::new(), Vec::<i16>::new());
    for code in wire::ErrorCode::ALL {
        match ResponseError::try_from_code(code.number()) {
            Some(theirs) => {
                assert_eq!(format!("{theirs:?}"), format!("{code:?}"));
                if theirs.is_retriable() != code.is_retriable() {
                    retriable_differs.push(code.number());
                }
            }
            None => not_theirs.push(code.number()),
        }
    }
    assert_eq!(not_theirs, [0], "codes only we have");
    // Kafka 4.3 has made ConcurrentTransactions retriable.
    assert_eq!(retriable_differs, [51], "retriable to one only");
}
