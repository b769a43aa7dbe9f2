//! One connection of the simulated network: two pipes, what is in them, and the faults that wait for it.
//!
//! A pure machine: it is told the time and says when to ask again. Bytes of a pipe stay in order, and none appears
//! twice or is lost but by a cut, after which both ends learn of it.

use super::faults::{FaultCounters, Faults, chance};
use crate::clock::Random;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::Waker;
use tokio::io::ReadBuf;

/// Bytes on their way in one direction, at most; then writing waits.
const WINDOW: usize = 64 * 1024;

/// What a slow pipe gives at a time, in milliseconds of its rate.
const SLOW_STEP_MS: u64 = 5;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Broker,
}

/// What became of a read or a write.
#[derive(Debug)]
pub(super) enum Step<T> {
    Done(T),
    /// To be asked again at that time, or when woken.
    Until(u64),
    /// To be asked again when woken.
    Blocked,
    Failed(io::ErrorKind),
}

#[derive(Debug)]
pub(super) struct Link {
    host: String,
    faults: Faults,
    random: Random,
    /// What the client writes, and what the broker writes.
    requests: Pipe,
    replies: Pipe,
    /// How many ends still may come to be held or are.
    holders: u8,
}

#[derive(Debug, Default)]
struct Pipe {
    chunks: VecDeque<(u64, Bytes)>,
    buffered: usize,
    /// All bytes ever taken in.
    taken: u64,
    /// When the last byte arrives.
    last_at_ms: u64,
    /// When a slow pipe gives more.
    gives_at_ms: u64,
    cut_at: Option<u64>,
    stall: Option<(u64, u64)>,
    bytes_per_ms: Option<u64>,
    end: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The writer has finished, which arrives at that time.
    Finished(u64),
    /// The reader is gone.
    Abandoned,
    /// The connection is broken; what is in the pipe arrives all the same.
    Broken,
}

impl Link {
    pub(super) fn new(
        host: &str,
        faults: &Faults,
        mut random: Random,
        counters: &mut FaultCounters,
    ) -> Self {
        let mut pipe = |cut| Pipe {
            cut_at: faults.cut_at(&mut random, cut),
            stall: faults.stall_at(&mut random),
            bytes_per_ms: faults.bytes_per_ms(&mut random),
            ..Pipe::default()
        };
        let (requests, replies) = (pipe(faults.cut_request), pipe(faults.cut_reply));
        counters.slow += u64::from(requests.bytes_per_ms.is_some());
        counters.slow += u64::from(replies.bytes_per_ms.is_some());
        let (host, faults) = (host.to_owned(), faults.clone());
        Self { host, faults, random, requests, replies, holders: 2 }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether nobody holds an end.
    pub(super) fn is_forgotten(&self) -> bool {
        self.holders == 0
    }

    fn pipes(&mut self, writer: Side) -> (&mut Pipe, &mut Pipe) {
        match writer {
            Side::Client => (&mut self.requests, &mut self.replies),
            Side::Broker => (&mut self.replies, &mut self.requests),
        }
    }

    /// Takes in as much of `slices` as there is room for.
    pub(super) fn write(
        &mut self,
        now_ms: u64,
        side: Side,
        slices: &[IoSlice<'_>],
        waker: &Waker,
        counters: &mut FaultCounters,
    ) -> Step<usize> {
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        let (latency_ms, partial) = self.draw(counters, wanted);
        let (pipe, back) = self.pipes(side);
        match pipe.end {
            Some(End::Broken) => return Step::Failed(io::ErrorKind::ConnectionReset),
            Some(_) => return Step::Failed(io::ErrorKind::BrokenPipe),
            None => {}
        }
        let room = WINDOW.saturating_sub(pipe.buffered);
        if room == 0 && wanted > 0 {
            pipe.writer = Some(waker.clone());
            return Step::Blocked;
        }
        let taken = gather(slices, room.min(partial));
        let len = taken.len();
        if pipe.take(now_ms + latency_ms, taken, counters) {
            match side {
                Side::Client => counters.cut_requests += 1,
                Side::Broker => counters.cut_replies += 1,
            }
            back.chunks.clear();
            back.break_off();
        }
        Step::Done(len)
    }

    /// How long the bytes travel, and how many of `wanted` are moved at most.
    fn draw(&mut self, counters: &mut FaultCounters, wanted: usize) -> (u64, usize) {
        let latency_ms = self.faults.latency(&mut self.random);
        (latency_ms, self.draw_partial(counters, wanted))
    }

    fn draw_partial(&mut self, counters: &mut FaultCounters, wanted: usize) -> usize {
        let short = chance(&mut self.random, self.faults.partial);
        let drawn = self.random.word();
        if !short || wanted < 2 {
            return wanted;
        }
        counters.partial += 1;
        1 + usize::try_from(drawn % (wanted as u64 - 1)).unwrap_or_default()
    }

    /// Gives what has arrived. Nothing is the end.
    pub(super) fn read(
        &mut self,
        now_ms: u64,
        side: Side,
        out: &mut ReadBuf<'_>,
        waker: &Waker,
        counters: &mut FaultCounters,
    ) -> Step<usize> {
        let most = self.draw_partial(counters, out.remaining());
        let (_, pipe) = self.pipes(side);
        let step = pipe.give(now_ms, out, most);
        match step {
            Step::Until(_) | Step::Blocked => pipe.reader = Some(waker.clone()),
            Step::Done(_) | Step::Failed(_) => {}
        }
        step
    }

    /// `side` writes no more.
    pub(super) fn finish(&mut self, now_ms: u64, side: Side) {
        let latency_ms = self.faults.latency(&mut self.random);
        let (pipe, _) = self.pipes(side);
        if pipe.end.is_none() {
            pipe.end = Some(End::Finished(pipe.last_at_ms.max(now_ms + latency_ms)));
            pipe.wake();
        }
    }

    /// `side` neither writes nor reads any more.
    pub(super) fn let_go(&mut self, now_ms: u64, side: Side) {
        self.finish(now_ms, side);
        let (_, read) = self.pipes(side);
        read.chunks.clear();
        if !matches!(read.end, Some(End::Broken)) {
            read.end = Some(End::Abandoned);
        }
        read.wake();
        self.holders = self.holders.saturating_sub(1);
    }

    /// Breaks the connection, and loses what is on its way.
    pub(super) fn reset(&mut self) {
        for pipe in [&mut self.requests, &mut self.replies] {
            pipe.chunks.clear();
            pipe.break_off();
        }
    }

    /// The end that waits in a backlog will never be held.
    pub(super) fn never_accepted(&mut self) {
        self.holders = self.holders.saturating_sub(1);
    }

    #[cfg(test)]
    pub(super) fn forget_stall_of_replies(&mut self) {
        self.replies.stall = None;
    }

    pub(super) fn heal(&mut self, now_ms: u64) {
        self.faults = self.faults.healed();
        for pipe in [&mut self.requests, &mut self.replies] {
            (pipe.cut_at, pipe.stall, pipe.bytes_per_ms) = (None, None, None);
            pipe.gives_at_ms = 0;
            pipe.last_at_ms = pipe.last_at_ms.min(now_ms);
            pipe.chunks.iter_mut().for_each(|(at_ms, _)| *at_ms = now_ms.min(*at_ms));
            pipe.wake();
        }
    }
}

impl Pipe {
    /// Takes `bytes` in, to arrive at that time; says whether the connection breaks over them.
    fn take(&mut self, at_ms: u64, mut bytes: Bytes, counters: &mut FaultCounters) -> bool {
        let end = self.taken + bytes.len() as u64;
        let cut = self.cut_at.take_if(|at| *at < end);
        if let Some(at) = cut {
            bytes.truncate(usize::try_from(at - self.taken).unwrap_or_default());
        }
        if let Some((at, ms)) = self.stall.take_if(|(at, _)| *at < end) {
            counters.stalls += 1;
            let before = usize::try_from(at.saturating_sub(self.taken)).unwrap_or_default();
            self.push(at_ms, bytes.split_to(before.min(bytes.len())));
            self.last_at_ms = self.last_at_ms.max(at_ms) + ms;
        }
        self.push(at_ms, bytes);
        if cut.is_some() {
            self.break_off();
        }
        self.wake_reader();
        cut.is_some()
    }

    fn push(&mut self, at_ms: u64, bytes: Bytes) {
        if !bytes.is_empty() {
            self.last_at_ms = self.last_at_ms.max(at_ms);
            self.buffered += bytes.len();
            self.taken += bytes.len() as u64;
            self.chunks.push_back((self.last_at_ms, bytes));
        }
    }

    fn give(&mut self, now_ms: u64, out: &mut ReadBuf<'_>, most: usize) -> Step<usize> {
        if self.chunks.is_empty() {
            return match self.end {
                Some(End::Finished(at_ms)) if at_ms > now_ms => Step::Until(at_ms),
                Some(End::Finished(_) | End::Abandoned) => Step::Done(0),
                Some(End::Broken) => Step::Failed(io::ErrorKind::ConnectionReset),
                None => Step::Blocked,
            };
        }
        if self.gives_at_ms > now_ms {
            return Step::Until(self.gives_at_ms);
        }
        let step = self.bytes_per_ms.map(|rate| rate.saturating_mul(SLOW_STEP_MS));
        let step = step.and_then(|step| usize::try_from(step).ok()).unwrap_or(usize::MAX);
        let mut room = out.remaining().min(most).min(step);
        let mut given = 0;
        while room > 0 {
            let Some((at_ms, bytes)) = self.chunks.front_mut() else { break };
            if *at_ms > now_ms {
                break;
            }
            let len = bytes.len().min(room);
            out.put_slice(&bytes[..len]);
            bytes.advance(len);
            if bytes.is_empty() {
                self.chunks.pop_front();
            }
            given += len;
            room -= len;
        }
        if let (0, Some((at_ms, _))) = (given, self.chunks.front()) {
            return Step::Until(*at_ms);
        }
        if let Some(rate) = self.bytes_per_ms {
            self.gives_at_ms = now_ms + (given as u64).div_ceil(rate);
        }
        self.buffered -= given;
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
        Step::Done(given)
    }

    fn break_off(&mut self) {
        self.end = Some(End::Broken);
        self.wake();
    }

    fn wake(&mut self) {
        self.wake_reader();
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// The first `most` bytes of `slices` in one piece.
fn gather(slices: &[IoSlice<'_>], most: usize) -> Bytes {
    let mut gathered = Vec::with_capacity(most);
    for slice in slices {
        let room = most - gathered.len();
        gathered.extend_from_slice(&slice[..slice.len().min(room)]);
    }
    gathered.into()
}
