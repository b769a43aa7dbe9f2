//! What the protocols of groups share: what a member holds and is to hold, and whether its application is alive.
//!
//! Holds true: what a member holds changes only when the application has done its part, so nobody else is given a
//! partition of which records may still be handed out here.

pub(crate) mod classic;
mod leader;
mod wire;

pub(crate) use wire::{Ask, Farewell};

use crate::clock::Monotonic;
use crate::error::Error;
use crate::record::TopicPartition;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Who a member is to its coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Empty while the coordinator has given none.
    pub(crate) member_id: Arc<str>,
    /// -1 outside of any.
    pub(crate) generation: i32,
}

impl Identity {
    /// Nobody: whoever commits without being a member.
    pub(crate) fn none() -> Self {
        Self { member_id: "".into(), generation: -1 }
    }
}

/// What the application has to do before anything else is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Give these up; others get them afterwards.
    Revoke(BTreeSet<TopicPartition>),
    /// These are gone; others may have them already.
    Lose(BTreeSet<TopicPartition>),
    /// Take these over, besides what is held.
    Assign(BTreeSet<TopicPartition>),
}

/// What an answer of the coordinator means beyond the membership.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Another broker coordinates the group, or none can be reached.
    pub(crate) coordinator_lost: bool,
    /// To be told to the application.
    pub(crate) error: Option<Error>,
}

/// What is held, and what is to be held.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    held: BTreeSet<TopicPartition>,
    target: Option<BTreeSet<TopicPartition>>,
    /// The target is an assignment, of which the application is told even if it adds nothing.
    assigned: bool,
    lost: bool,
}

impl Holdings {
    pub(crate) fn held(&self) -> &BTreeSet<TopicPartition> {
        &self.held
    }

    /// Nothing but `kept` is to be held, and nothing new.
    pub(crate) fn keep_only(&mut self, kept: impl Fn(&TopicPartition) -> bool) {
        // What an assignment that nobody took over takes away is given up all the same.
        let stays = |which: &TopicPartition| self.target.as_ref().is_none_or(|t| t.contains(which));
        let kept = self.held.iter().filter(|which| kept(which) && stays(which));
        self.target = Some(kept.cloned().collect());
        self.assigned = false;
    }

    /// This is to be held.
    pub(crate) fn assign(&mut self, target: BTreeSet<TopicPartition>) {
        self.target = Some(target);
        self.assigned = true;
        self.lost &= !self.held.is_empty();
    }

    /// The group has given up on this member: nothing is held any more, not even what the application is taking over
    /// right now.
    pub(crate) fn lose(&mut self) {
        self.target = None;
        self.assigned = false;
        self.lost = true;
    }

    /// Whether what is held is gone, and the application does not know yet.
    pub(crate) fn are_lost(&self) -> bool {
        self.lost && !self.held.is_empty()
    }

    /// The next thing to do.
    pub(crate) fn due(&self) -> Option<Due> {
        if self.are_lost() {
            return Some(Due::Lose(self.held.clone()));
        }
        let target = self.target.as_ref()?;
        let revoked: BTreeSet<_> = self.held.difference(target).cloned().collect();
        if !revoked.is_empty() {
            return Some(Due::Revoke(revoked));
        }
        let added = || target.difference(&self.held).cloned().collect();
        self.assigned.then(|| Due::Assign(added()))
    }

    /// Whether there is something to do: [`Holdings::due`] without the sets.
    pub(crate) fn is_due(&self) -> bool {
        self.are_lost()
            || self.target.as_ref().is_some_and(|t| self.assigned || !self.held.is_subset(t))
    }

    /// The application has done what was due.
    pub(crate) fn on_done(&mut self, due: &Due) {
        match due {
            Due::Lose(_) => {
                self.held.clear();
                self.lost = false;
            }
            Due::Revoke(revoked) => self.held.retain(|which| !revoked.contains(which)),
            Due::Assign(added) => {
                self.held.extend(added.iter().cloned());
                self.assigned = false;
            }
        }
        if !self.is_due() {
            self.target = None;
        }
    }
}

/// Whether the application still asks for records (`max.poll.interval.ms`).
///
/// No clock is read when a record is handed out of an open batch. So the application is asked for a sign of life now
/// and then, which its next call gives, and the time runs from there.
#[derive(Debug)]
pub(crate) struct Liveness {
    interval: Duration,
    heard: Monotonic,
    asked: Option<Monotonic>,
}

/// A sign of life is asked for when this part of the interval has passed.
const ASK_AFTER: u32 = 10;

impl Liveness {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, heard: Monotonic::default(), asked: None }
    }

    /// The application asked for records.
    pub(crate) fn on_poll(&mut self, now: Monotonic) {
        self.heard = now;
        self.asked = None;
    }

    /// Whether the application has been silent for too long.
    pub(crate) fn is_over(&mut self, now: Monotonic) -> bool {
        if self.asked.is_none() && now >= self.heard.after(self.interval / ASK_AFTER) {
            self.asked = Some(now);
        }
        self.asked.is_some_and(|asked| now >= asked.after(self.interval))
    }

    /// Whether a sign of life is waited for.
    pub(crate) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// When [`Liveness::is_over`] has to be asked again.
    pub(crate) fn deadline(&self) -> Monotonic {
        match self.asked {
            Some(asked) => asked.after(self.interval),
            None => self.heard.after(self.interval / ASK_AFTER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(partitions: &[i32]) -> BTreeSet<TopicPartition> {
        partitions.iter().map(|&partition| TopicPartition::new("t", partition)).collect()
    }

    #[test]
    fn giving_up_comes_before_taking_over() {
        let mut holdings = Holdings::default();
        holdings.assign(set(&[1, 2]));
        let due = holdings.due().unwrap();
        assert_eq!(due, Due::Assign(set(&[1, 2])));
        assert!(holdings.held().is_empty(), "not before the application has done it");
        holdings.on_done(&due);
        assert!(!holdings.is_due());

        holdings.assign(set(&[2, 3]));
        let due = holdings.due().unwrap();
        assert_eq!(due, Due::Revoke(set(&[1])));
        holdings.on_done(&due);
        assert_eq!(*holdings.held(), set(&[2]));
        let due = holdings.due().unwrap();
        assert_eq!(due, Due::Assign(set(&[3])));
        holdings.on_done(&due);
        assert_eq!(*holdings.held(), set(&[2, 3]));

        holdings.assign(set(&[2, 3]));
        assert_eq!(holdings.due(), Some(Due::Assign(set(&[]))), "told though it adds nothing");
        holdings.keep_only(|_| true);
        assert_eq!(holdings.due(), None);
    }

    #[test]
    fn what_is_lost_is_lost_whatever_was_planned() {
        let mut holdings = Holdings::default();
        holdings.lose();
        assert!(!holdings.is_due(), "there was nothing to lose");
        holdings.assign(set(&[1]));
        holdings.on_done(&Due::Assign(set(&[1])));
        holdings.assign(set(&[1, 2]));
        holdings.lose();
        let due = holdings.due().unwrap();
        assert_eq!(due, Due::Lose(set(&[1])));
        holdings.on_done(&due);
        assert!(!holdings.is_due() && holdings.held().is_empty());

        holdings.assign(set(&[4]));
        let taking = holdings.due().unwrap();
        holdings.lose();
        assert!(!holdings.is_due());
        holdings.on_done(&taking);
        assert_eq!(holdings.due(), Some(Due::Lose(set(&[4]))), "lost while it was taken over");
    }

    #[test]
    fn the_interval_runs_from_the_sign_of_life_that_did_not_come() {
        let at = |ms: u64| Monotonic(ms * 1000);
        let mut liveness = Liveness::new(Duration::from_millis(100));
        liveness.on_poll(at(1000));
        assert!(!liveness.is_over(at(1009)) && !liveness.is_asking());
        assert_eq!(liveness.deadline(), at(1010));
        assert!(!liveness.is_over(at(1010)) && liveness.is_asking());
        assert!(!liveness.is_over(at(1109)));
        assert_eq!(liveness.deadline(), at(1110));
        assert!(liveness.is_over(at(1110)));
        liveness.on_poll(at(1110));
        assert!(!liveness.is_over(at(1111)));
    }
}
