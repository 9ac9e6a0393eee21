//! Epochs against hand-made histories.

use super::*;

fn epochs(entries: &[(i32, i64)]) -> Epochs {
    Epochs { entries: entries.iter().map(|(e, o)| (LeaderEpoch(*e), Offset(*o))).collect() }
}

#[test]
fn an_epoch_ends_where_the_next_begins() {
    let known = epochs(&[(2, 10), (4, 30), (7, 50)]);
    for (epoch, expected) in [
        (0, Some((0, 10))),
        (2, Some((2, 30))),
        (3, Some((2, 30))),
        (4, Some((4, 50))),
        (6, Some((4, 50))),
        (7, Some((7, 80))),
        (8, None),
    ] {
        let expected = expected.map(|(e, o)| (LeaderEpoch(e), Offset(o)));
        assert_eq!(known.end_of(LeaderEpoch(epoch), Offset(80)), expected, "epoch {epoch}");
    }
    assert_eq!(Epochs::default().end_of(LeaderEpoch(0), Offset(5)), None);
    for (offset, epoch) in [(9, None), (10, Some(2)), (29, Some(2)), (30, Some(4)), (99, Some(7))] {
        assert_eq!(known.of(Offset(offset)), epoch.map(LeaderEpoch), "offset {offset}");
    }
}

#[test]
fn an_epoch_without_records_makes_place() {
    let mut known = epochs(&[(1, 0)]);
    assert!(known.assign(LeaderEpoch(2), Offset(10)));
    assert!(known.assign(LeaderEpoch(3), Offset(10)));
    assert!(!known.assign(LeaderEpoch(3), Offset(12)));
    assert!(!known.assign(LeaderEpoch(1), Offset(12)));
    assert_eq!(known, epochs(&[(1, 0), (3, 10)]));
}

#[test]
fn truncation_on_both_ends() {
    let mut known = epochs(&[(2, 10), (4, 30), (7, 50)]);
    assert!(known.truncate_from_start(Offset(35)));
    assert_eq!(known, epochs(&[(4, 35), (7, 50)]));
    assert!(!known.truncate_from_start(Offset(35)));
    assert!(known.truncate_from_end(Offset(50)));
    assert_eq!(known, epochs(&[(4, 35)]));
}

#[test]
fn the_file_comes_back_and_torn_ones_are_refused() {
    let known = epochs(&[(2, 10), (4, 30)]);
    let text = known.encode();
    assert_eq!(text, "0\n2\n2 10\n4 30\n");
    assert_eq!(Epochs::decode(text.as_bytes()), Some(known));
    for bad in
        ["", "0\n", "1\n0\n", "0\n2\n2 10\n", "0\n1\n2 10", "0\n2\n4 10\n2 30\n", "0\n1\n2 10\n\0"]
    {
        assert_eq!(Epochs::decode(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn the_newest_follows_every_change() {
    let open = OpenEpochs::new(Epochs::default());
    assert_eq!(open.newest(), None);
    assert!(!open.assign(LeaderEpoch(-1), Offset(0)));
    for (epoch, is_news) in [(2, true), (2, false), (5, true), (3, false)] {
        let start = Offset(i64::from(epoch) * 10);
        assert_eq!(open.assign(LeaderEpoch(epoch), start), is_news, "epoch {epoch}");
        assert_eq!(open.newest(), open.read().latest(), "epoch {epoch}");
    }
    // What is cut may begin again, with the epoch that was the newest before.
    assert!(open.change(|epochs| epochs.truncate_from_end(Offset(50))));
    assert_eq!(open.newest(), Some(LeaderEpoch(2)));
    assert!(open.assign(LeaderEpoch(5), Offset(40)));
    assert!(open.change(|epochs| epochs.truncate_from_end(Offset(0))));
    assert_eq!(open.newest(), None);
    assert_eq!(OpenEpochs::new(epochs(&[(4, 0)])).newest(), Some(LeaderEpoch(4)));
}
