//! A histogram of durations: log-linear, within 1 % of every value, of fixed size.
//!
//! Values below 128 ns have a bucket each; above, every power of two is cut into 64 equal buckets,
//! so that a bucket is at most 1/64 of its value wide. A quantile is the upper end of its bucket, but
//! never more than the greatest value seen.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bits of a value that choose a bucket within a power of two.
const PRECISION_BITS: u32 = 6;
const PER_POWER: u64 = 1 << PRECISION_BITS;
/// From 0 to 2^40 ns, 18 minutes; what is longer counts as that.
const POWERS: u64 = 40;
const BUCKETS: usize = ((POWERS - PRECISION_BITS as u64 + 1) * PER_POWER) as usize;
const VALUE_MAX: u64 = (1 << POWERS) - 1;

/// A histogram of nanoseconds.
#[derive(Clone, PartialEq)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// What is written: the buckets that are not empty.
#[derive(Serialize, Deserialize)]
struct Written {
    sum: u64,
    min: u64,
    max: u64,
    /// The greatest value of a bucket in nanoseconds, and how many are in it.
    buckets: Vec<(u64, u64)>,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: vec![0; BUCKETS], count: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, nanos: u64) {
        self.record_many(nanos, 1);
    }

    fn record_many(&mut self, nanos: u64, times: u64) {
        if let Some(count) = self.counts.get_mut(bucket_of(nanos)) {
            *count += times;
        }
        self.count += times;
        self.sum += u128::from(nanos) * u128::from(times);
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
    }

    /// Adds all that another has.
    pub fn merge(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The least; 0 if there is none.
    #[must_use]
    pub fn min(&self) -> u64 {
        if self.count == 0 { 0 } else { self.min }
    }

    /// The greatest.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The mean; 0 if there is none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean need not be exact")]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The value that this share (0 to 1) does not exceed; 0 if there is none.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the rank is from 0 to the count"
    )]
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return greatest_of(bucket).min(self.max).max(self.min());
            }
        }
        self.max
    }

    /// The buckets that are not empty: their greatest value in nanoseconds, and their count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, count)| (greatest_of(bucket), *count))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "below BUCKETS")]
fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.min(VALUE_MAX);
    if nanos < 2 * PER_POWER {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - PRECISION_BITS;
    (u64::from(shift) * PER_POWER + (nanos >> shift)) as usize
}

fn greatest_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PER_POWER {
        return bucket;
    }
    let shift = bucket / PER_POWER - 1;
    let mantissa = bucket - shift * PER_POWER;
    ((mantissa + 1) << shift) - 1
}

/// Without its buckets, which are many.
impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("min", &self.min())
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            sum: u64::try_from(self.sum).unwrap_or(u64::MAX),
            min: self.min(),
            max: self.max,
            buckets: self.buckets().collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let mut histogram = Histogram::default();
        for (greatest, count) in written.buckets {
            histogram.record_many(greatest, count);
        }
        if histogram.count > 0 {
            histogram.min = written.min;
            histogram.max = written.max;
            histogram.sum = u128::from(written.sum);
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_within_two_hundredths_of_its_bucket() {
        let mut value = 1_u64;
        let mut last = 0;
        while value < VALUE_MAX {
            let greatest = greatest_of(bucket_of(value));
            assert!(greatest >= value, "{value} in a bucket up to {greatest}");
            assert!(greatest - value <= value / 64, "{value} in a bucket up to {greatest}");
            assert!(bucket_of(value) >= last, "buckets rise at {value}");
            last = bucket_of(value);
            value += 1 + value / 100;
        }
        assert!(bucket_of(u64::MAX) < BUCKETS, "the longest has a bucket");
    }

    #[test]
    fn buckets_lie_side_by_side() {
        for bucket in 1..BUCKETS {
            assert_eq!(bucket_of(greatest_of(bucket)), bucket);
            assert_eq!(bucket_of(greatest_of(bucket - 1) + 1), bucket);
        }
    }

    #[test]
    fn quantiles_of_a_thousand() {
        let mut histogram = Histogram::default();
        for micros in 1..=1000 {
            histogram.record(micros * 1000);
        }
        for (share, expected) in
            [(0.5, 500_000), (0.99, 990_000), (0.999, 999_000), (1.0, 1_000_000)]
        {
            let found = histogram.quantile(share);
            assert!(found >= expected && found - expected <= expected / 64, "{share}: {found}");
        }
        assert_eq!((histogram.min(), histogram.max()), (1000, 1_000_000));
    }

    #[test]
    fn an_empty_one_has_only_zeros() {
        let empty = Histogram::default();
        assert_eq!((empty.count(), empty.min(), empty.max(), empty.quantile(0.99)), (0, 0, 0, 0));
    }

    #[test]
    fn written_and_read_it_is_the_same() {
        let mut histogram = Histogram::default();
        for value in [3, 99, 1_000, 53_000, 53_000, 9_000_000] {
            histogram.record(value);
        }
        let text = serde_json::to_string(&histogram).unwrap();
        let read: Histogram = serde_json::from_str(&text).unwrap();
        assert_eq!(read, histogram);
    }
}
