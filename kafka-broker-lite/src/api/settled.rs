//! Answers that are given when what they say is synced.

use super::{Context, Outcome, Serve, Wait};
use crate::state::{News, State, Subject, Unsynced};

/// A finished request that waits for the disk.
#[derive(Debug)]
struct Waiting<R: Serve> {
    subjects: Vec<Subject>,
    unsynced: Vec<Unsynced>,
    done: R::Response,
    failed: R::Response,
}

/// Answers with `done` when everything is synced, or with `failed` when it will never be.
pub(super) fn settled<R: Serve>(
    unsynced: Vec<Unsynced>,
    done: R::Response,
    failed: R::Response,
) -> Outcome<R>
where
    R::Response: Send,
{
    if unsynced.is_empty() {
        return Outcome::Ready(done);
    }
    let subjects = unsynced.iter().map(|(key, _)| Subject::Partition(*key)).collect();
    Outcome::Parked(Box::new(Waiting { subjects, unsynced, done, failed }))
}

impl<R: Serve> Wait<R> for Waiting<R>
where
    R::Response: Send,
{
    fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    fn deadline_ms(&self) -> Option<u64> {
        None
    }

    fn hear(&mut self, state: &mut State, _: usize, _: &News) -> bool {
        state.is_synced(&self.unsynced).unwrap_or(true)
    }

    fn answer(self: Box<Self>, state: &mut State, _: &Context) -> R::Response {
        if state.is_synced(&self.unsynced) == Ok(true) { self.done } else { self.failed }
    }
}
