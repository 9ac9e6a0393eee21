//! Sparse look-ups, and the files' bytes.

use super::*;

fn sample() -> Index {
    let mut index = Index::default();
    for (relative, position, timestamp) in [(9, 4200, 100), (25, 8400, 150), (30, 13000, 400)] {
        index.push_offset(relative, position);
        index.push_time(Timestamp(timestamp), relative);
    }
    index
}

#[test]
fn a_walk_begins_at_or_before_what_is_sought() {
    let index = sample();
    for (relative, position) in [(0, 0), (8, 0), (9, 4200), (24, 4200), (25, 8400), (1000, 13000)] {
        let found = index.entry_at(relative).map_or(0, |entry| entry.position);
        assert_eq!(found, position, "offset {relative}");
    }
    for (timestamp, relative) in [(0, 0), (99, 0), (100, 9), (149, 9), (399, 25), (400, 30)] {
        assert_eq!(index.offset_of_time(Timestamp(timestamp)), relative, "time {timestamp}");
    }
    assert_eq!(index.last_within(25, u32::MAX).map(|entry| entry.position), Some(4200));
    assert_eq!(index.last_within(u32::MAX, 8400).map(|entry| entry.position), Some(8400));
    assert_eq!(index.last_within(5, u32::MAX), None);
}

#[test]
fn entries_that_do_not_increase_are_left_out() {
    let mut index = sample();
    index.push_offset(30, 14000);
    index.push_time(Timestamp(400), 31);
    assert_eq!(index, sample());
}

#[test]
fn files_come_back_and_torn_ones_are_refused() {
    let (offsets, times) = sample().encode();
    assert_eq!(offsets.len(), 24);
    assert_eq!(times.len(), 36);
    assert_eq!(Index::decode(&offsets, &times, 20_000), Some(sample()));
    assert_eq!(Index::decode(&offsets, &times, 13_000), None, "beyond the segment");
    assert_eq!(Index::decode(&offsets[..23], &times, 20_000), None, "half an entry");
    let mut zeroed = offsets.clone();
    zeroed[8..16].fill(0);
    assert_eq!(Index::decode(&zeroed, &times, 20_000), None, "a lost sector");
    let mut zeroed = times;
    zeroed[24..].fill(0);
    assert_eq!(Index::decode(&offsets, &zeroed, 20_000), None, "a lost sector");
}
