//! The watermark against hand-made histories.

use metadata::NodeId;
use records::Offset;

use super::InSync;

/// Plays `node:end` steps and sets `[a b c]`, and compares the watermark after each.
fn check(start: &[i32], steps: &[(&str, i64)]) {
    let nodes = |text: &str| -> Vec<NodeId> {
        text.split_whitespace().map(|node| NodeId(node.parse().expect("a node id"))).collect()
    };
    let start: Vec<NodeId> = start.iter().map(|node| NodeId(*node)).collect();
    let mut set = InSync::new(&start, Offset::ZERO);
    for (step, expected) in steps {
        let moved = match step.split_once(':') {
            Some((node, end)) => {
                let end = Offset(end.parse().expect("an offset"));
                set.reached(nodes(node)[0], end)
            }
            None => set.set_replicas(&nodes(step)),
        };
        assert_eq!(set.high_watermark(), Offset(*expected), "after {step}");
        if let Some(moved) = moved {
            assert_eq!(moved, Offset(*expected), "announced after {step}");
        }
    }
}

#[test]
fn a_leader_alone_moves_it_by_itself() {
    check(&[1], &[("1:5", 5), ("1:5", 5), ("1:9", 9)]);
}

#[test]
fn the_slowest_replica_holds_it() {
    check(&[1, 2, 3], &[("1:10", 0), ("2:7", 0), ("3:4", 4), ("3:12", 7), ("2:11", 10)]);
}

#[test]
fn it_never_goes_back() {
    check(&[1, 2], &[("1:10", 0), ("2:10", 10), ("2:3", 10), ("1 2 3", 10), ("1:20", 10)]);
}

#[test]
fn a_shrinking_set_lets_it_move() {
    check(&[1, 2], &[("1:10", 0), ("1", 10)]);
}

#[test]
fn strangers_do_not_count() {
    check(&[1], &[("9:100", 0), ("1:1", 1)]);
}
