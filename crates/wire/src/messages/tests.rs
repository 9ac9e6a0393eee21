//! Every message in every version: round trips, sizes, and hostile bytes.

use bytes::Bytes;

use super::*;
use crate::generate::{Dice, Generate};
use crate::reader::budget_of;
use crate::{ApiKey, DecodeError, Message, for_each_api};

/// Random values a message and version.
const ROUNDS: u64 = 40;

/// A check that runs on every message.
trait Check {
    fn check<M: Message + Generate>();
}

fn every_message<C: Check>() {
    macro_rules! each {
        ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
            $(
                C::check::<$request>();
                C::check::<$response>();
            )*
        };
    }
    for_each_api!(each);
    C::check::<ConsumerProtocolSubscription>();
    C::check::<ConsumerProtocolAssignment>();
}

/// A random message with the words that find it again.
fn random<M: Message + Generate>(version: i16, seed: u64) -> (M, String) {
    let wire_version = M::version(version).expect("a version of the message");
    let message = M::generate(&mut Dice::new(seed), wire_version);
    (message, format!("{} version {version} seed {seed}", M::NAME))
}

fn encode<M: Message>(message: &M, version: i16, case: &str) -> Bytes {
    let encoded = message.encode(version).unwrap_or_else(|e| panic!("{case}: {e}"));
    let bytes = encoded.to_bytes().unwrap_or_else(|| panic!("{case}: an external piece"));
    let size = message.measure(version).unwrap_or_else(|e| panic!("{case}: {e}")).total();
    assert_eq!(size, bytes.len(), "{case}: measured and written");
    assert_eq!(encoded.len(), bytes.len(), "{case}: said and written");
    bytes
}

#[test]
fn what_is_encoded_is_decoded() {
    struct Each;
    impl Check for Each {
        fn check<M: Message + Generate>() {
            for version in M::VERSIONS {
                for seed in 0..ROUNDS {
                    let (message, case) = random::<M>(version, seed);
                    let bytes = encode(&message, version, &case);
                    match M::decode_exact(bytes, version) {
                        Ok(decoded) => assert_eq!(decoded, message, "{case}"),
                        Err(error) => panic!("{case}: {error}"),
                    }
                }
            }
        }
    }
    every_message::<Each>();
}

#[test]
fn defaults_survive_in_every_version() {
    struct Each;
    impl Check for Each {
        fn check<M: Message + Generate>() {
            for version in M::VERSIONS {
                let case = format!("{} version {version}", M::NAME);
                let bytes = encode(&M::default(), version, &case);
                let decoded =
                    M::decode_exact(bytes, version).unwrap_or_else(|e| panic!("{case}: {e}"));
                assert_eq!(decoded, M::default(), "{case}");
            }
        }
    }
    every_message::<Each>();
}

#[test]
fn what_follows_a_message_is_left() {
    struct Each;
    impl Check for Each {
        fn check<M: Message + Generate>() {
            for version in M::VERSIONS {
                let (message, case) = random::<M>(version, 1);
                let mut bytes = encode(&message, version, &case).to_vec();
                bytes.extend_from_slice(b"tail");
                let mut bytes = Bytes::from(bytes);
                assert!(
                    M::decode_exact(bytes.clone(), version).is_err(),
                    "{case}: tail not noticed"
                );
                M::decode(&mut bytes, version).unwrap_or_else(|e| panic!("{case}: {e}"));
                assert_eq!(bytes, "tail", "{case}");
            }
        }
    }
    every_message::<Each>();
}

#[test]
fn a_part_of_a_message_is_an_error() {
    struct Each;
    impl Check for Each {
        fn check<M: Message + Generate>() {
            for version in M::VERSIONS {
                for seed in 0..3 {
                    let (message, case) = random::<M>(version, seed);
                    let bytes = encode(&message, version, &case);
                    for len in 0..bytes.len() {
                        let mut part = bytes.slice(..len);
                        let decoded = M::decode(&mut part, version);
                        assert!(decoded.is_err(), "{case}: {len} of {} bytes", bytes.len());
                        assert_eq!(part.len(), len, "{case}: an error takes nothing off");
                    }
                }
            }
        }
    }
    every_message::<Each>();
}

/// Bytes that happen to be a message must encode to one that is equal; everything else must be an
/// error and not a panic. Compared as bytes, since a floating-point number may not equal itself.
fn survives<M: Message>(bytes: Vec<u8>, version: i16, case: &str) -> Result<(), DecodeError> {
    let message = M::decode(&mut Bytes::from(bytes), version)?;
    let again = encode(&message, version, case);
    match M::decode_exact(again.clone(), version) {
        Ok(decoded) => assert_eq!(encode(&decoded, version, case), again, "{case}: {message:?}"),
        Err(error) => panic!("{case}: encoded again: {error}"),
    }
    Ok(())
}

#[test]
fn damaged_bytes_are_survived() {
    struct Each;
    impl Check for Each {
        fn check<M: Message + Generate>() {
            for version in M::VERSIONS {
                for seed in 0..ROUNDS {
                    let (message, case) = random::<M>(version, seed);
                    let mut bytes = encode(&message, version, &case).to_vec();
                    let mut dice = Dice::new(!seed);
                    for _ in 0..=dice.below(3) {
                        let at = dice.below(bytes.len());
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte = dice.roll().to_le_bytes()[0];
                        }
                    }
                    let _ = survives::<M>(bytes, version, &case);
                }
            }
        }
    }
    every_message::<Each>();
}

#[test]
fn noise_is_survived() {
    struct Each;
    impl Check for Each {
        fn check<M: Message + Generate>() {
            for version in M::VERSIONS {
                for seed in 0..ROUNDS {
                    let mut dice = Dice::new(seed);
                    let len = dice.below(200);
                    // Small numbers make long messages, since they are plausible lengths.
                    let bytes = (0..len).map(|_| dice.roll().to_le_bytes()[0] & 0x07).collect();
                    let case = format!("{} version {version} seed {seed}", M::NAME);
                    let _ = survives::<M>(bytes, version, &case);
                }
            }
        }
    }
    every_message::<Each>();
}

/// A declared length of a billion at every place of every message.
#[test]
fn a_billion_declared_entries_are_refused() {
    const FIXED: [u8; 4] = 1_000_000_000_i32.to_be_bytes();
    const COMPACT: [u8; 5] = [0x81, 0x94, 0xeb, 0xdc, 0x03];
    struct Each;
    impl Check for Each {
        fn check<M: Message + Generate>() {
            for version in M::VERSIONS {
                let (message, case) = random::<M>(version, 2);
                let bytes = encode(&message, version, &case);
                let flexible = M::version(version).is_some_and(crate::Version::flexible);
                let huge: &[u8] = if flexible { &COMPACT } else { &FIXED };
                for at in 0..bytes.len() {
                    let mut hostile = bytes.get(..at).unwrap_or_default().to_vec();
                    hostile.extend_from_slice(huge);
                    hostile.extend(bytes.iter().skip(at + 1));
                    let _ = survives::<M>(hostile, version, &format!("{case} at {at}"));
                }
            }
        }
    }
    every_message::<Each>();

    // And where it is known what stands there.
    let mut frame = Vec::from(FIXED);
    frame.resize(40, 0);
    let error = MetadataRequest::decode(&mut Bytes::from(frame), 1).expect_err("a billion topics");
    let expected = crate::DecodeReason::ArrayLength { declared: 1_000_000_000, left: 36 };
    assert_eq!((error.field, error.reason), ("MetadataRequest.topics", expected));
}

/// Entries that are there, but each so small that the structs take far more than the bytes.
#[test]
fn memory_is_bounded_by_the_length() {
    let entries = 100_000_usize;
    let mut frame = i32::try_from(entries).expect("fits").to_be_bytes().to_vec();
    frame.resize(frame.len() + entries * 2, 0);
    let budget = budget_of(frame.len());
    let mut frame = Bytes::from(frame);
    let error = MetadataRequest::decode(&mut frame, 1).expect_err("empty topic names");
    assert_eq!(error.reason, crate::DecodeReason::Budget { budget });

    let error = MetadataRequest::decode_within(&mut frame, 1, 1000).expect_err("too many topics");
    assert_eq!(error.reason, crate::DecodeReason::Budget { budget: 1000 });
}

#[test]
fn an_unknown_version_is_refused() {
    let encoded = MetadataRequest::default().encode(14);
    assert_eq!(
        encoded.expect_err("version 14"),
        crate::EncodeError::Version { message: "MetadataRequest", version: 14 },
    );
    let decoded = MetadataRequest::decode(&mut Bytes::from_static(&[0; 40]), -1);
    assert_eq!(decoded.expect_err("version -1").reason, crate::DecodeReason::Version(-1));
}

#[test]
fn the_table_of_keys_agrees_with_the_structs() {
    let mut with_structs = Vec::new();
    fn same<R: crate::Request>() -> ApiKey {
        assert_eq!(R::KEY.versions(), R::VERSIONS, "{}", R::NAME);
        assert_eq!(R::KEY.flexible_since(), R::FLEXIBLE_SINCE, "{}", R::NAME);
        assert_eq!(R::KEY, <R::Response as crate::Response>::KEY, "{}", R::NAME);
        assert_eq!(R::VERSIONS, R::Response::VERSIONS, "{}", R::NAME);
        assert_eq!(R::FLEXIBLE_SINCE, R::Response::FLEXIBLE_SINCE, "{}", R::NAME);
        R::KEY
    }
    macro_rules! each {
        ($($module:ident, $api:ident, $request:ident, $response:ident;)*) => {
            $(with_structs.push(same::<$request>());)*
        };
    }
    for_each_api!(each);
    let in_use = ApiKey::ALL.iter().copied().filter(|key| !key.versions().is_empty());
    assert_eq!(with_structs, in_use.collect::<Vec<_>>());
}

#[test]
fn decoded_text_and_payload_share_the_frame() {
    let (message, case) = random::<FetchResponse>(4, 7);
    let bytes = encode(&message, 4, &case);
    let within = |part: &[u8]| bytes.as_ptr_range().contains(&part.as_ptr());
    let decoded = FetchResponse::decode_exact(bytes.clone(), 4).expect("decodes");
    let topics: Vec<_> = decoded.responses.iter().filter(|topic| !topic.topic.is_empty()).collect();
    assert!(!topics.is_empty(), "a seed with a topic");
    for topic in topics {
        assert!(within(topic.topic.as_bytes()), "{:?}", topic.topic);
        for partition in &topic.partitions {
            let records = partition.records.as_ref().and_then(crate::Records::to_bytes);
            let records = records.unwrap_or_default();
            assert!(records.is_empty() || within(&records), "{partition:?}");
        }
    }
}

#[test]
fn consumer_payloads_carry_their_version() {
    let subscription = ConsumerProtocolSubscription {
        topics: vec!["a".into()],
        rack_id: Some("r1".into()),
        ..ConsumerProtocolSubscription::default()
    };
    let payload = subscription.to_payload(0).expect("encodes");
    assert_eq!(payload.as_ref(), b"\0\0\0\0\0\x01\0\x01a\xff\xff\xff\xff");
    let read = ConsumerProtocolSubscription::from_payload(payload).expect("decodes");
    assert_eq!(read, ConsumerProtocolSubscription { rack_id: None, ..subscription.clone() });

    // A version from the future: what we know of it, and no word about the rest.
    let mut future = subscription.to_payload(3).expect("encodes").to_vec();
    if let Some(byte) = future.get_mut(1) {
        *byte = 9;
    }
    future.extend_from_slice(b"new");
    let read = ConsumerProtocolSubscription::from_payload(future.into()).expect("decodes");
    assert_eq!(read, subscription);

    assert!(ConsumerProtocolAssignment::from_payload(Bytes::from_static(b"\0")).is_err());
}
