//! Sessions as KIP-227 describes them: epochs, forgotten topics, what is left out, eviction.

use super::*;
use wire::messages::fetch::FetchTopic;

const LATEST: i16 = 18;
const BY_NAME: i16 = 12;
const START: Duration = Duration::from_secs(1_000);

fn sessions(slots: usize) -> FetchSessions {
    FetchSessions::new(slots)
}

fn topic(number: u128, partitions: &[i32]) -> FetchTopic {
    let partitions = partitions.iter().map(|partition| FetchPartition {
        partition: *partition,
        fetch_offset: 10,
        partition_max_bytes: 1_000,
        ..FetchPartition::default()
    });
    FetchTopic {
        topic_id: Uuid::from_u128(number),
        partitions: partitions.collect(),
        ..FetchTopic::default()
    }
}

fn request(session_id: i32, session_epoch: i32, topics: Vec<FetchTopic>) -> FetchRequest {
    FetchRequest { session_id, session_epoch, topics, ..FetchRequest::default() }
}

/// A session over the given topics.
fn open(sessions: &FetchSessions, topics: Vec<FetchTopic>) -> Plan {
    let plan = sessions.begin(LATEST, request(0, 0, topics), START).unwrap();
    assert!(plan.session_id > 0, "no session was opened");
    plan
}

fn said(partition: i32, high_watermark: i64) -> PartitionData {
    PartitionData { partition_index: partition, high_watermark, ..PartitionData::default() }
}

fn numbers(plan: &Plan) -> Vec<(u128, i32)> {
    plan.wanted.iter().map(|wanted| (wanted.topic.id.as_u128(), wanted.partition)).collect()
}

#[test]
fn versions_before_seven_have_no_session() {
    let sessions = sessions(8);
    let plan = sessions.begin(6, request(0, 0, vec![topic(1, &[0])]), START).unwrap();
    assert_eq!(plan.session_id, 0);
    assert_eq!(numbers(&plan), [(1, 0)]);
}

#[test]
fn a_session_remembers_what_was_named_once() {
    let sessions = sessions(8);
    let opened = open(&sessions, vec![topic(1, &[0, 1]), topic(2, &[5])]);
    let next = sessions.begin(LATEST, request(opened.session_id, 1, vec![]), START).unwrap();
    assert_eq!(next.session_id, opened.session_id);
    assert_eq!(numbers(&next), [(1, 0), (1, 1), (2, 5)]);
}

#[test]
fn each_request_raises_the_epoch_by_one() {
    let sessions = sessions(8);
    let id = open(&sessions, vec![topic(1, &[0])]).session_id;
    for epoch in 1..4 {
        assert!(sessions.begin(LATEST, request(id, epoch, vec![]), START).is_ok(), "{epoch}");
    }
    for wrong in [3, 5, i32::MAX] {
        let refused = sessions.begin(LATEST, request(id, wrong, vec![]), START).err();
        assert_eq!(refused, Some(ErrorCode::InvalidFetchSessionEpoch), "{wrong}");
    }
    let unknown = sessions.begin(LATEST, request(id + 1, 1, vec![]), START).err();
    assert_eq!(unknown, Some(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn epochs_wrap_to_one() {
    assert_eq!(following(i32::MAX), 1);
    assert_eq!(following(1), 2);
}

#[test]
fn forgotten_partitions_are_read_no_more_and_can_come_back() {
    let sessions = sessions(8);
    let id = open(&sessions, vec![topic(1, &[0, 1, 2])]).session_id;
    let mut forgets = request(id, 1, vec![]);
    forgets.forgotten_topics_data = vec![ForgottenTopic {
        topic_id: Uuid::from_u128(1),
        partitions: vec![1, 7],
        ..ForgottenTopic::default()
    }];
    let plan = sessions.begin(LATEST, forgets, START).unwrap();
    assert_eq!(numbers(&plan), [(1, 0), (1, 2)]);
    let plan = sessions.begin(LATEST, request(id, 2, vec![topic(1, &[1])]), START).unwrap();
    assert_eq!(numbers(&plan), [(1, 0), (1, 2), (1, 1)]);
    // The places of the others are still right: an update finds its partition.
    let mut moved = topic(1, &[2]);
    moved.partitions[0].fetch_offset = 77;
    let plan = sessions.begin(LATEST, request(id, 3, vec![moved]), START).unwrap();
    let offsets: Vec<_> = plan.wanted.iter().map(|w| (w.partition, w.fetch_offset)).collect();
    assert_eq!(offsets, [(0, 10), (2, 77), (1, 10)]);
}

#[test]
fn only_news_is_told_in_a_session() {
    let sessions = sessions(8);
    let opened = open(&sessions, vec![topic(1, &[0])]);
    let key = opened.wanted[0].topic.clone();
    assert!(opened.tell(&key, &said(0, 5)), "the first answer is full");

    let id = opened.session_id;
    let next = sessions.begin(LATEST, request(id, 1, vec![]), START).unwrap();
    assert!(!next.tell(&key, &said(0, 5)), "nothing has changed");
    assert!(next.tell(&key, &said(0, 6)), "the watermark moved");
    assert!(!next.tell(&key, &said(0, 6)), "and is known now");
    let records = wire::Records::from(bytes::Bytes::from_static(b"batch"));
    let data = PartitionData { records: Some(records), ..said(0, 6) };
    assert!(next.tell(&key, &data), "records are always news");
    let failed = PartitionData { error_code: 3, ..said(0, 6) };
    assert!(next.tell(&key, &failed) && next.tell(&key, &failed), "errors are told every time");
    assert!(next.tell(&key, &said(0, 6)), "that the error is gone is news");
}

#[test]
fn a_full_request_is_answered_in_full() {
    let sessions = sessions(8);
    let plan = sessions.begin(6, request(0, 0, vec![topic(1, &[0])]), START).unwrap();
    let key = plan.wanted[0].topic.clone();
    assert!(plan.tell(&key, &said(0, 5)) && plan.tell(&key, &said(0, 5)));
}

#[test]
fn the_final_epoch_ends_a_session() {
    let sessions = sessions(8);
    let id = open(&sessions, vec![topic(1, &[0])]).session_id;
    let last = sessions.begin(LATEST, request(id, -1, vec![topic(1, &[3])]), START).unwrap();
    assert_eq!((last.session_id, numbers(&last)), (0, vec![(1, 3)]));
    let gone = sessions.begin(LATEST, request(id, 1, vec![]), START).err();
    assert_eq!(gone, Some(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn a_new_session_of_a_client_takes_the_place_of_its_old_one() {
    let sessions = sessions(1);
    let first = open(&sessions, vec![topic(1, &[0])]).session_id;
    let again = request(first, 0, vec![topic(2, &[0])]);
    let plan = sessions.begin(LATEST, again, START).unwrap();
    assert!(plan.session_id > 0 && plan.session_id != first);
}

#[test]
fn a_request_for_nothing_opens_no_session() {
    let plan = sessions(8).begin(LATEST, request(0, 0, vec![]), START).unwrap();
    assert_eq!(plan.session_id, 0);
}

#[test]
fn names_and_ids_do_not_mix_in_a_session() {
    let sessions = sessions(8);
    let id = open(&sessions, vec![topic(1, &[0])]).session_id;
    let mixed = sessions.begin(BY_NAME, request(id, 1, vec![]), START).err();
    assert_eq!(mixed, Some(ErrorCode::FetchSessionTopicIdError));
}

#[test]
fn without_a_free_slot_a_silent_session_gives_way() {
    let sessions = sessions(2);
    let silent = open(&sessions, vec![topic(1, &[0])]).session_id;
    let busy = open(&sessions, vec![topic(2, &[0])]).session_id;
    let no_slot = sessions.begin(LATEST, request(0, 0, vec![topic(3, &[0])]), START).unwrap();
    assert_eq!(no_slot.session_id, 0, "both sessions were in use a moment ago");

    let later = START + EVICTABLE_AFTER;
    sessions.begin(LATEST, request(busy, 1, vec![]), later).unwrap();
    let plan = sessions.begin(LATEST, request(0, 0, vec![topic(3, &[0])]), later).unwrap();
    assert!(plan.session_id > 0, "the silent session should have given way");
    let gone = sessions.begin(LATEST, request(silent, 1, vec![]), later).err();
    assert_eq!(gone, Some(ErrorCode::FetchSessionIdNotFound));
    assert!(sessions.begin(LATEST, request(busy, 2, vec![]), later).is_ok());
}

#[test]
fn no_slots_means_no_sessions() {
    let plan = sessions(0).begin(LATEST, request(0, 0, vec![topic(1, &[0])]), START).unwrap();
    assert_eq!(plan.session_id, 0);
}
