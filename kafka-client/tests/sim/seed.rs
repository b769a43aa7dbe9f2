//! Randomness that follows from a seed alone, split into streams that do not disturb each other.

use std::ops::RangeInclusive;

/// What draws from a stream of its own, so that a change in one leaves the others as they were.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Plan = 1,
    Network,
    Faults,
    Broker,
    Client,
    Producer,
    Consumer,
    Content,
    Member,
}

/// A splitmix64 sequence.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The `number`th sequence of that stream.
    pub(crate) fn new(seed: u64, stream: Stream, number: u64) -> Self {
        let mut root = Self(seed ^ (stream as u64).rotate_left(56));
        let mut branch = Self(root.word() ^ number);
        Self(branch.word())
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(crate) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.word() % (range.end() - range.start() + 1)
    }

    pub(crate) fn size(&mut self, range: RangeInclusive<usize>) -> usize {
        let (start, end) = (*range.start() as u64, *range.end() as u64);
        usize::try_from(self.within(start..=end)).unwrap()
    }

    pub(crate) fn percent(&mut self, likelihood: u64) -> bool {
        self.word() % 100 < likelihood
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.size(0..=of.len() - 1)]
    }
}

#[test]
fn streams_follow_from_the_seed_and_differ() {
    let words = |seed, stream, number| {
        let mut random = Random::new(seed, stream, number);
        [random.word(), random.word()]
    };
    let one = words(7, Stream::Producer, 0);
    assert_eq!(one, words(7, Stream::Producer, 0));
    let others = [(8, Stream::Producer, 0), (7, Stream::Consumer, 0), (7, Stream::Producer, 1)];
    assert!(others.iter().all(|(seed, stream, number)| words(*seed, *stream, *number) != one));
}
