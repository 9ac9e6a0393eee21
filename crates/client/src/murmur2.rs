//! The hash by which Kafka's clients choose a record's partition from its key.
//!
//! It must agree with the Java client to the bit: two producers that disagree put equal keys into
//! different partitions, and their order is lost.

/// The 32-bit MurmurHash 2 of `bytes` with the seed Kafka uses.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;

    // The format defines the length as 32 bits; longer keys do not exist on the wire.
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ len;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(tail) {
            *to = *from;
        }
        hash = (hash ^ u32::from_le_bytes(word)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// The partition for a key among `count` partitions, as the Java client's default partitioner
/// chooses it.
#[must_use]
pub fn partition_for_key(key: &[u8], count: usize) -> i32 {
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    let positive = murmur2(key) & 0x7fff_ffff;
    i32::try_from(positive % count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values computed by `org.apache.kafka.common.utils.Utils.murmur2` of Kafka 4.3.1.
    #[test]
    fn agrees_with_the_java_client() {
        for (key, expected) in [
            ("", 275_646_681_i32),
            ("a", -1_563_381_124),
            ("21", -973_932_308),
            ("abc", 479_470_107),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key:?}");
        }
    }

    #[test]
    fn stays_within_the_partitions() {
        for count in 1..20 {
            for key in 0..200_u32 {
                let partition = partition_for_key(&key.to_be_bytes(), count);
                assert!(usize::try_from(partition).unwrap() < count);
            }
        }
    }
}
