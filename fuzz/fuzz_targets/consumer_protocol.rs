//! What consumers tell each other through a group, by both readers of it: that of `wire`, and the
//! short one with which `coordinators` finds the subscribed topics.
#![no_main]

use bytes::Bytes;
use wire::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};

fn check(data: &[u8]) {
    let payload = Bytes::copy_from_slice(data);
    let version = data.first_chunk().map_or(0, |bytes| i16::from_be_bytes(*bytes)).min(3);
    let topics = coordinators::schema::subscribed_topics(data);
    if let Ok(subscription) = ConsumerProtocolSubscription::from_payload(payload.clone()) {
        let names: Vec<&str> = subscription.topics.iter().map(|topic| &**topic).collect();
        assert_eq!(topics.as_deref(), Ok(&names[..]), "two readers, two answers");
        let once = subscription.to_payload(version).expect("it was decoded in this version");
        assert_eq!(ConsumerProtocolSubscription::from_payload(once), Ok(subscription));
    }
    if let Ok(assignment) = ConsumerProtocolAssignment::from_payload(payload) {
        let once = assignment.to_payload(version).expect("it was decoded in this version");
        assert_eq!(ConsumerProtocolAssignment::from_payload(once), Ok(assignment));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (version, message) in walser_fuzz::samples::<ConsumerProtocolSubscription>() {
        seeds.push(message.to_payload(version).expect("generated for it").to_vec());
    }
    for (version, message) in walser_fuzz::samples::<ConsumerProtocolAssignment>() {
        seeds.push(message.to_payload(version).expect("generated for it").to_vec());
    }
    seeds
}

walser_fuzz::target!(check, seeds);
