//! What becomes of records that are put in while the producer ends.

use super::*;
use crate::error::ErrorKind;
use std::task::{Context, Poll, Waker};

fn accumulator() -> Accumulator {
    let limits = Limits { batch_size: 250, request_size: 1 << 20, memory: 1 << 20 };
    Accumulator::new(limits, Arc::new(Clock::new(Some(1))))
}

/// Appends a record as a caller does who found the producer open.
fn append(accumulator: &Accumulator, buffer: &Arc<PartitionBuffer>) -> Result<Delivery, Refusal> {
    let record = ProducerRecord::new("t", "fifty bytes, so that a batch holds only two records");
    accumulator.append(buffer, &mut buffer.lock(), &record).map(Delivery::from)
}

#[test]
fn what_the_task_can_no_longer_take_is_refused_or_fails() {
    let accumulator = accumulator();
    let [one, two] = [0, 1].map(|partition| PartitionBuffer::new("t".into(), partition));
    let first = append(&accumulator, &one).unwrap();
    accumulator.end();
    let second = append(&accumulator, &one).unwrap();
    assert!(first.try_get().is_none(), "the task takes this batch out, and fails it");
    // It does not fit: the batch before it would have been handed to the task.
    assert_eq!(append(&accumulator, &one).err(), Some(Refusal::Closed));
    for delivery in [first, second] {
        assert_eq!(delivery.try_get().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    }
    assert_eq!(append(&accumulator, &two).err(), Some(Refusal::Closed));
}

#[test]
fn whoever_waits_learns_that_it_was_closed() {
    let accumulator = accumulator();
    let mut closing = std::pin::pin!(accumulator.closing());
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(closing.as_mut().poll(&mut cx), Poll::Pending);
    accumulator.close();
    assert_eq!(closing.poll(&mut cx), Poll::Ready(()));
}

#[test]
fn memory_may_be_larger_than_any_batch() {
    let limits = Limits { batch_size: 200, request_size: 1 << 20, memory: 5 << 30 };
    let accumulator = Accumulator::new(limits, Arc::new(Clock::new(Some(1))));
    assert_eq!(accumulator.memory.available_permits(), 5 << 30);
}
