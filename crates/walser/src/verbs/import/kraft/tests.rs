//! Records as Kafka 4.3.1 writes them, and what becomes of them.

use bytes::Bytes;
use uuid::Uuid;

use super::Kraft;

const ID: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);

fn record(key: u8, version: u8, parts: &[&[u8]]) -> Bytes {
    [&[1, key, version][..], &parts.concat()].concat().into()
}

fn topic() -> Bytes {
    record(2, 0, &[&[7], b"orders", ID.as_bytes(), &[0]])
}

fn partition(number: i32, epoch: i32) -> Bytes {
    let list = [2, 0, 0, 0, 1];
    record(
        3,
        1,
        &[
            &number.to_be_bytes(),
            ID.as_bytes(),
            &list,
            &list,
            &[1],
            &[1],
            &1_i32.to_be_bytes(),
            &epoch.to_be_bytes(),
            &epoch.to_be_bytes(),
            &[2],
            &[0; 16],
            &[0],
        ],
    )
}

fn config(name: &str, value: Option<&str>) -> Bytes {
    let len = |text: &str| [u8::try_from(text.len()).unwrap() + 1];
    let value_len = value.map_or([0], len);
    let value = value.unwrap_or_default();
    record(
        4,
        0,
        &[&[2, 7], b"orders", &len(name), name.as_bytes(), &value_len, value.as_bytes(), &[0]],
    )
}

fn replayed(records: &[Bytes]) -> Kraft {
    let mut kraft = Kraft::default();
    for record in records {
        kraft.apply(record).unwrap();
    }
    kraft
}

#[test]
fn a_topic_has_its_partitions_and_settings_until_it_is_removed() {
    let with_leader = [&[1, 1, 4][..], &2_i32.to_be_bytes()].concat();
    let isr_alone = [1, 0, 5, 2, 0, 0, 0, 1];
    let change = |tags: &[u8]| record(5, 0, &[&0_i32.to_be_bytes(), ID.as_bytes(), tags]);
    let all = [
        topic(),
        partition(0, 3),
        partition(1, 0),
        change(&with_leader),
        change(&isr_alone),
        config("retention.ms", Some("5")),
        config("cleanup.policy", Some("compact")),
        config("retention.ms", None),
    ];
    let kraft = replayed(&all);
    let orders = &kraft.topics[&ID];
    assert_eq!(orders.name, "orders");
    // Only a change of the leader begins an epoch.
    assert_eq!(orders.partitions, [(0, 4), (1, 0)].into());
    let settings = &kraft.topic_configs["orders"];
    assert_eq!(*settings, [("cleanup.policy".to_owned(), "compact".to_owned())].into());

    let mut gone = kraft;
    gone.apply(&record(9, 0, &[ID.as_bytes(), &[0]])).unwrap();
    assert_eq!(gone, Kraft::default());
}

#[test]
fn what_is_newer_or_cut_short_is_refused_and_what_does_not_matter_is_counted() {
    let mut kraft = Kraft::default();
    let newer = record(3, 3, &[&[0; 60]]);
    assert!(kraft.apply(&newer).unwrap_err().contains("newer"));
    let whole = partition(0, 1);
    for len in 3..whole.len() - 18 {
        assert!(kraft.apply(&whole.slice(..len)).is_err(), "cut to {len}");
    }
    for (key, expected) in [(18, 1), (18, 2), (19, 1), (18, 2)] {
        kraft.apply(&record(key, 0, &[])).unwrap();
        assert_eq!(kraft.others["access control entries"], expected);
    }
    // A kind nobody knows yet.
    kraft.apply(&record(90, 7, &[b"?"])).unwrap();
    let ids = record(15, 0, &[&[0; 12], &9000_i64.to_be_bytes(), &[0]]);
    kraft.apply(&ids).unwrap();
    assert_eq!(kraft.next_producer_id, 9000);
}
