//! Ids as text and back, against known pairs.

use env::sim::SimRandom;

use super::*;

fn check(bits: u128, text: &str) {
    let id = TopicId(Uuid::from_u128(bits));
    assert_eq!(id.to_string(), text);
    assert_eq!(text.parse(), Ok(id));
}

#[test]
fn known_pairs() {
    // What `org.apache.kafka.common.Uuid` prints for the same halves.
    check(0, "AAAAAAAAAAAAAAAAAAAAAA");
    check(1, "AAAAAAAAAAAAAAAAAAAAAQ");
    check(u128::MAX, "_____________________w");
    check(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, "ASNFZ4mrze_-3LqYdlQyEA");
}

#[test]
fn random_ids_round_trip_and_differ() {
    let random = SimRandom::new(7);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..1_000 {
        let id = TopicId::random(&random);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(!id.to_string().starts_with('-'), "{id}");
        assert_eq!(id.0.get_version_num(), 4);
        assert!(seen.insert(id), "{id} was drawn twice");
    }
}

#[test]
fn other_text_is_refused() {
    for text in
        ["", "A", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAB"]
    {
        assert!(text.parse::<TopicId>().is_err(), "{text:?} was taken");
    }
}
