//! The expected partitions were computed by Kafka 4.3.1's own code.

use super::partition_for;

#[test]
fn agrees_with_kafka() {
    for (group, expected) in [
        ("", 0),
        ("a", 47),
        ("group", 47),
        ("console-consumer-12345", 6),
        ("my-group", 12),          // a negative hash
        ("polygenelubricants", 0), // the smallest number
        ("grüße-😀", 27),          // beyond ASCII, and beyond one UTF-16 unit
        ("connect-cluster", 13),
        ("zzzzzz", 14),
    ] {
        assert_eq!(partition_for(group, 50), expected, "{group:?}");
    }
}

#[test]
fn no_partitions_count_as_one() {
    assert_eq!(partition_for("group", 0), 0);
}
