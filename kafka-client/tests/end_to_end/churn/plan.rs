//! What befalls the members of a group, and when: all of it follows from a seed.

use super::{MEMBERS, SESSION};
use std::time::Duration;

/// What happens to the member in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Another begins in its place.
    Start,
    Close,
    /// It ends where it is, as if its process were killed.
    Die,
    /// It stands still, as if its process were stopped.
    Freeze(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Duration,
    pub(super) slot: usize,
    pub(super) act: Act,
}

/// A splitmix64 sequence.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.word() % end as u64).unwrap()
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.word() % (range.end - range.start))
    }
}

/// All slots start; then, until `length` is over, something happens once or twice a second, with a pause now and then
/// in which the group can come to rest.
pub(super) fn plan(seed: u64, length: Duration) -> Vec<Step> {
    let mut random = Random(seed);
    let mut steps = Vec::new();
    let mut free_from = [Duration::ZERO; MEMBERS];
    for (slot, free_from) in free_from.iter_mut().enumerate() {
        *free_from = random.millis(0..500);
        steps.push(Step { at: *free_from, slot, act: Act::Start });
    }
    let mut bag = Vec::new();
    let mut at = random.millis(500..1500);
    while at < length {
        if bag.is_empty() {
            // The group waits a session for whoever says nothing: if they were many, it would do nothing else.
            bag = vec![Act::Die, Act::Freeze(SESSION + random.millis(300..2000))];
            bag.extend([Act::Close; 3]);
            bag.extend((0..3).map(|_| Act::Freeze(random.millis(100..1000))));
        }
        let act = bag.swap_remove(random.below(bag.len()));
        let free: Vec<_> = (0..MEMBERS).filter(|slot| free_from[*slot] <= at).collect();
        if !free.is_empty() {
            let slot = free[random.below(free.len())];
            steps.push(Step { at, slot, act });
            free_from[slot] = match act {
                Act::Freeze(time) => at + time,
                _ => at + random.millis(0..1000),
            };
            if !matches!(act, Act::Freeze(_)) {
                steps.push(Step { at: free_from[slot], slot, act: Act::Start });
            }
        }
        at += random.millis(200..1200);
        if bag.is_empty() {
            at += random.millis(2000..5000);
        }
    }
    steps.sort_by_key(|step| step.at);
    steps
}

#[test]
fn plans_follow_from_their_seed_and_leave_nothing_out() {
    let length = Duration::from_secs(30);
    assert_eq!(plan(1, length), plan(1, length));
    assert_ne!(plan(1, length), plan(2, length));
    for seed in 0..20 {
        let steps = plan(seed, length);
        let count = |of: fn(&Act) -> bool| steps.iter().filter(|step| of(&step.act)).count();
        let ended = count(|act| matches!(act, Act::Close | Act::Die));
        assert_eq!(count(|act| *act == Act::Start), MEMBERS + ended, "every one is replaced");
        assert!(count(|act| *act == Act::Die) >= 2 && count(|act| *act == Act::Close) >= 6);
        assert!(count(|act| matches!(act, Act::Freeze(time) if *time > SESSION)) >= 2);
        assert!(count(|act| matches!(act, Act::Freeze(time) if *time < SESSION / 2)) >= 6);
    }
}
