//! Arithmetic on the sequence numbers of idempotent producers.
//!
//! A sequence is an `i32` from 0 to `i32::MAX` and starts again at 0 after that. Inputs are expected
//! in that range; anything else yields some number in that range, never a panic.

/// How many distinct sequence numbers there are.
const PERIOD: i64 = i32::MAX as i64 + 1;

/// The sequence number `records` after `sequence`, passing from `i32::MAX` to 0.
#[must_use]
pub fn add(sequence: i32, records: i32) -> i32 {
    wrapped(i64::from(sequence) + i64::from(records))
}

/// The sequence number `records` before `sequence`, passing from 0 to `i32::MAX`.
#[must_use]
pub fn sub(sequence: i32, records: i32) -> i32 {
    wrapped(i64::from(sequence) - i64::from(records))
}

fn wrapped(number: i64) -> i32 {
    i32::try_from(number.rem_euclid(PERIOD)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn wraps_from_the_largest_to_zero_and_back() {
        for (sequence, records, expected) in [
            (0, 0, 0),
            (5, 7, 12),
            (i32::MAX, 0, i32::MAX),
            (i32::MAX, 1, 0),
            (i32::MAX - 1, 4, 2),
            (i32::MAX, i32::MAX, i32::MAX - 1),
        ] {
            assert_eq!(super::add(sequence, records), expected, "{sequence} + {records}");
            assert_eq!(super::sub(expected, records), sequence, "{expected} - {records}");
        }
    }
}
