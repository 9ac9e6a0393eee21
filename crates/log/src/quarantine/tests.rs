//! The list of damaged ranges and its file.

use super::*;

fn range(segment: i64, positions: (u32, u32), offsets: (i64, i64)) -> Damage {
    Damage {
        segment: Offset(segment),
        position: positions.0,
        end_position: positions.1,
        first: Offset(offsets.0),
        end: Offset(offsets.1),
        found_ms: 12,
        what: "the checksum is wrong".to_owned(),
    }
}

#[test]
fn the_file_comes_back_and_any_flipped_bit_or_missing_end_is_seen() {
    let mut known = Quarantine::default();
    known.add(&range(0, (100, 200), (3, 5)));
    known.add(&range(10, (0, 0), (12, 20)));
    let file = known.encode().into_bytes();
    assert_eq!(Quarantine::decode(&file), Some(known));
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Quarantine::decode(&flipped), None, "bit {bit}");
    }
    for len in 0..file.len() {
        assert_eq!(Quarantine::decode(&file[..len]), None, "{len} bytes");
    }
}

#[test]
fn ranges_stay_in_order_and_grow_together() {
    let mut known = Quarantine::default();
    assert!(known.add(&range(10, (0, 100), (10, 12))).is_some());
    assert!(known.add(&range(0, (100, 200), (3, 5))).is_some());
    assert!(known.add(&range(0, (100, 200), (3, 5))).is_none(), "known");
    assert!(known.add(&range(0, (120, 180), (4, 5))).is_none(), "inside of what is known");
    assert_eq!(known.ranges().len(), 2);
    assert!(known.add(&range(0, (150, 300), (4, 7))).is_some());
    assert!(known.add(&range(0, (300, 300), (9, 10))).is_some(), "records without bytes");
    let offsets = |known: &Quarantine| -> Vec<(i64, i64)> {
        known.ranges().iter().map(|range| (range.first.0, range.end.0)).collect()
    };
    assert_eq!(offsets(&known), [(3, 7), (9, 10), (10, 12)]);
    for (offset, range, next) in [
        (2, None, Some(3)),
        (3, Some(7), None),
        (6, Some(7), None),
        (7, None, Some(9)),
        (12, None, None),
    ] {
        assert_eq!(known.of(Offset(offset)).map(|range| range.end.0), range, "{offset}");
        if range.is_none() {
            assert_eq!(known.next_after(Offset(offset)).map(|next| next.0), next, "{offset}");
        }
    }
}
