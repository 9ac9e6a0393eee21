//! Which partition of `__consumer_offsets` a group lives in: Kafka's rule, so that its tools and an
//! adopted log directory agree with ours.

/// The partition of `__consumer_offsets` that holds `group_id`, of `partitions` (zero counts as one).
///
/// Kafka takes Java's string hash (over UTF-16 units), its absolute value (zero for the smallest
/// number, which has none) and the remainder.
#[must_use]
pub fn partition_for(group_id: &str, partitions: u32) -> u32 {
    let hash = group_id
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().map_or(0, i32::unsigned_abs) % partitions.max(1)
}

#[cfg(test)]
mod tests;
