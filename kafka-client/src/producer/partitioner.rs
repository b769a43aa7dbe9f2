//! Which partition a record goes to.

use std::fmt::Debug;

/// Chooses partitions in place of the built-in rule.
///
/// Set with [`ProducerBuilder::partitioner`](crate::ProducerBuilder::partitioner).
pub trait Partitioner: Debug + Send + Sync + 'static {
    /// The partition, in `0..partitions`, for a record that names none; `None` leaves it to the built-in rule.
    fn partition(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        partitions: i32,
    ) -> Option<i32>;
}

/// The partition of a key among `partitions`, as Kafka's Java client places it.
pub fn partition_for_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

/// The 32-bit MurmurHash 2 with Kafka's seed.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let mix = |k: u32| {
        let k = k.wrapping_mul(M);
        (k ^ (k >> 24)).wrapping_mul(M)
    };
    // Keys are far shorter than 4 GiB; a longer one would only be placed, not lost.
    let mut hash = SEED ^ u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_mul(M) ^ mix(u32::from_le_bytes(*word));
    }
    if !tail.is_empty() {
        let tail = tail.iter().rev().fold(0, |k, byte| (k << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_javas_client_does() {
        // From Kafka's own test of its hash.
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_key_stays_within_the_partitions() {
        for partitions in [1, 2, 3, 12, 1000] {
            for key in 0..100u32 {
                assert!(partition_for_key(&key.to_be_bytes(), partitions) < partitions);
            }
        }
        assert_eq!(partition_for_key(b"any", 0), 0);
    }
}
