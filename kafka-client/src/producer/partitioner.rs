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
    fn hashes_and_places_as_javas_client_does() {
        let rows: [(&[u8], i32, u32); 16] = [
            // From Kafka's own test of its hash.
            (b"21", -973_932_308, 0),
            (b"foobar", -790_332_482, 6),
            (b"a-little-bit-long-string", -985_981_536, 8),
            (b"a-little-bit-longer-string", -1_486_304_829, 11),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971, 5),
            (b"abc", 479_470_107, 3),
            // Made with Kafka's own classes: every length of the rest behind the last word, and bytes beyond ASCII.
            (b"", 275_646_681, 9),
            (b"a", -1_563_381_124, 4),
            (b"\xc3\xbf", 1_511_439_487, 7),
            (b"\x69\x9d\x90", -2_056_942_646, 6),
            (b"\xf0\x9f\x98\x80", 131_881_617, 9),
            (b"group", 2_113_841_843, 11),
            (b"GydZG_", -2_144_987_184, 8),
            (b"a.b_c-d", 1_087_558_114, 10),
            (b"\xf0\x9d\x84\x9eclef", -681_760_791, 5),
            (b"\xae\xe1\xc8\xe8\x97\xa8\x20\xcd\xeb", 499_199_925, 9),
        ];
        for (key, hash, place) in rows {
            assert_eq!(murmur2(key).cast_signed(), hash, "{key:?}");
            assert_eq!(partition_for_key(key, 12), place, "{key:?}");
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
