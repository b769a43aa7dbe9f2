//! Open batches that wait for their time: `linger.ms` from when they were opened, and from then on for room to be sent.
//!
//! Holds true: a batch that is not due when it is looked at sets the deadline, however much time passes until the
//! question for the deadline.

use super::accumulator::{Opened, PartitionBuffer};
use crate::clock::Monotonic;
use std::collections::VecDeque;
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(crate) struct Lingering {
    linger: Duration,
    delivery_timeout: Duration,
    /// Not due when last looked at; the oldest first.
    timed: VecDeque<Opened>,
    /// Due, but without room: they fill on while they wait, and what closes them is an event or their size.
    held_up: Vec<Opened>,
}

impl Lingering {
    pub(crate) fn new(linger: Duration, delivery_timeout: Duration) -> Self {
        Self { linger, delivery_timeout, timed: VecDeque::new(), held_up: Vec::new() }
    }

    pub(crate) fn extend(&mut self, opened: impl IntoIterator<Item = Opened>) {
        self.timed.extend(opened);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.timed.is_empty() && self.held_up.is_empty()
    }

    /// Takes out everything.
    pub(crate) fn take_all(&mut self) -> Vec<Opened> {
        let mut all = std::mem::take(&mut self.held_up);
        all.extend(self.timed.drain(..));
        all
    }

    /// Takes out what is to be closed at `now`, oldest first: what is due and has room, and what cannot wait longer.
    pub(crate) fn take_due(
        &mut self,
        now: Monotonic,
        has_room: impl Fn(&PartitionBuffer) -> bool,
    ) -> Vec<Opened> {
        let linger = self.linger;
        // Most were closed by their size.
        let mut due = std::mem::take(&mut self.held_up);
        due.retain(Opened::is_open);
        while let Some(oldest) = self.timed.pop_front_if(|next| next.at.after(linger) <= now) {
            due.extend(oldest.is_open().then_some(oldest));
        }
        let mut taken = Vec::new();
        for opened in due {
            let late = opened.at.after(self.delivery_timeout) <= now;
            if late || has_room(&opened.buffer) {
                taken.push(opened);
            } else {
                self.held_up.push(opened);
            }
        }
        taken
    }

    /// When to look again if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        let due = self.timed.front().map(|next| next.at.after(self.linger));
        let late = self.held_up.first().map(|oldest| oldest.at.after(self.delivery_timeout));
        due.into_iter().chain(late).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::accumulator::{Accumulator, Limits};
    use super::*;
    use crate::clock::Clock;
    use crate::record::ProducerRecord;
    use std::sync::Arc;

    const LINGER: Duration = Duration::from_millis(5);
    const TIMEOUT: Duration = Duration::from_secs(120);

    /// Batches opened at these milliseconds, each in a partition of its own.
    fn lingering(opened_at: &[u64]) -> (Lingering, Vec<Arc<PartitionBuffer>>) {
        let limits = Limits { batch_size: 1000, request_size: 1000, memory: 1 << 20 };
        let accumulator = Accumulator::new(limits, Arc::new(Clock::new(Some(1))));
        let mut lingering = Lingering::new(LINGER, TIMEOUT);
        let mut buffers = Vec::new();
        for (partition, ms) in (0..).zip(opened_at) {
            let buffer = PartitionBuffer::new("t".into(), partition);
            let record = ProducerRecord::new("t", "value");
            accumulator.append(&buffer, &mut buffer.lock(), &record).unwrap();
            let (mut opened, mut full) = (Vec::new(), Vec::new());
            accumulator.take(&mut opened, &mut full);
            opened.iter_mut().for_each(|opened| opened.at = at(*ms));
            lingering.extend(opened);
            buffers.push(buffer);
        }
        (lingering, buffers)
    }

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms * 1000)
    }

    fn taken(lingering: &mut Lingering, ms: u64, room: impl Fn(i32) -> bool) -> Vec<i32> {
        let taken = lingering.take_due(at(ms), |buffer| room(buffer.partition));
        taken.iter().map(|opened| opened.buffer.partition).collect()
    }

    #[test]
    fn each_has_its_time() {
        let (mut lingering, _buffers) = lingering(&[0, 2, 2, 9]);
        assert_eq!(lingering.deadline(), Some(at(5)));
        assert!(taken(&mut lingering, 4, |_| true).is_empty());
        // Whenever it is asked for: what was not due at the last look is not forgotten.
        assert_eq!(lingering.deadline(), Some(at(5)));
        assert_eq!(taken(&mut lingering, 5, |_| true), [0]);
        assert_eq!(lingering.deadline(), Some(at(7)));
        assert_eq!(taken(&mut lingering, 8, |_| true), [1, 2]);
        assert_eq!(lingering.take_all().len(), 1);
        assert!(lingering.is_empty() && lingering.deadline().is_none());
    }

    #[test]
    fn without_room_they_wait_for_it_but_not_for_ever() {
        let (mut lingering, buffers) = lingering(&[0, 1, 2]);
        assert_eq!(taken(&mut lingering, 6, |partition| partition > 0), [1]);
        assert_eq!(lingering.deadline(), Some(at(7)), "the one that is not due yet");
        assert!(taken(&mut lingering, 7, |_| false).is_empty());
        assert_eq!(lingering.deadline(), Some(Monotonic::default().after(TIMEOUT)));
        drop(buffers[2].take(None));
        assert!(taken(&mut lingering, 8, |_| false).is_empty());
        assert_eq!(
            taken(&mut lingering, 120_000, |_| false),
            [0],
            "the other was closed by its size"
        );
        assert!(lingering.is_empty());
    }
}
