//! Seeded random events against a model that counts record by record.

use super::*;

/// A splitmix64 sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// A partition, record by record.
#[derive(Default)]
struct Naive {
    /// Each record that was handed out, and whether it is done.
    records: Vec<(Span, bool)>,
    committed: Option<i64>,
    sent: Option<i64>,
    next: i64,
    paused: bool,
}

impl Naive {
    fn prefix(&self) -> usize {
        self.records.iter().take_while(|(_, done)| *done).count()
    }

    fn done(&self) -> Option<i64> {
        self.prefix().checked_sub(1).map(|last| self.records[last].0.end)
    }

    fn due(&self) -> Option<i64> {
        self.done().filter(|done| Some(*done) != self.sent)
    }
}

const GAP: usize = 20;

struct Story {
    random: Random,
    mode: AckMode,
    acks: Acks,
    model: [Naive; 3],
    /// A commit is under way.
    flying: bool,
    over: bool,
    /// For whoever looks for what went wrong.
    context: String,
}

fn tp(number: usize) -> TopicPartition {
    TopicPartition::new("t", i32::try_from(number).unwrap())
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mode = [AckMode::Manual, AckMode::ManualImmediate][random.below(2)];
        let acks = Acks::new(mode, GAP.try_into().unwrap(), Monotonic::default());
        let context = String::new();
        Self { random, mode, acks, model: Default::default(), flying: false, over: true, context }
    }

    fn step(&mut self) {
        let which = self.random.below(3);
        match self.random.below(12) {
            0..=2 if !self.model[which].paused => self.hand_out(which),
            3..=6 if !self.model[which].records.is_empty() => self.done(which),
            7 => {
                self.acks.finish_poll();
                self.over = true;
            }
            8 if self.flying => self.on_committed(),
            9 if !self.flying && self.random.below(4) == 0 => self.revoke(which),
            _ => self.commit(),
        }
        for (which, paused) in self.acks.turned() {
            self.model[usize::try_from(which.partition).unwrap()].paused = paused;
        }
        for naive in &self.model {
            let open = naive.records.len() - naive.prefix();
            assert_eq!(naive.paused, open >= GAP, "{}: {open} open", self.context);
        }
    }

    fn hand_out(&mut self, which: usize) {
        let naive = &mut self.model[which];
        for _ in 0..self.random.below(8) {
            let first = naive.next + i64::try_from(self.random.below(3)).unwrap();
            naive.next = first + 1;
            let span = self.acks.hand_out(&tp(which), (first, first + 1), 1, -1);
            naive.records.push((span, false));
            self.over = false;
        }
    }

    /// One near the first that is open, or one that was done before.
    fn done(&mut self, which: usize) {
        let naive = &mut self.model[which];
        let near = naive.records.len().min(naive.prefix() + 1 + self.random.below(30));
        let at = near - 1 - self.random.below(near.min(30));
        naive.records[at].1 = true;
        let expected = if at < naive.prefix() { Done::Prefix } else { Done::Behind };
        assert_eq!(self.acks.done(&naive.records[at].0), expected, "{}", self.context);
    }

    fn on_committed(&mut self) {
        let stored = self.random.below(3) > 0;
        self.acks.on_committed(stored);
        self.flying = false;
        for naive in &mut self.model {
            match stored {
                true => naive.committed = naive.sent,
                false => naive.sent = naive.committed,
            }
        }
    }

    fn revoke(&mut self, which: usize) {
        let naive = &mut self.model[which];
        let due = naive.due();
        let flushed = self.acks.flush(Monotonic::default(), |other| *other == tp(which));
        assert_eq!(flushed.get(&tp(which)).map(|o| o.offset), due, "{}", self.context);
        assert_eq!(flushed.len(), usize::from(due.is_some()), "{}", self.context);
        self.flying = due.is_some();
        self.acks.close(&tp(which));
        for (span, _) in &naive.records {
            assert_eq!(self.acks.done(span), Done::Gone, "{}", self.context);
        }
        let next = due.or(naive.committed).unwrap_or(naive.next);
        *naive = Naive { next, ..Naive::default() };
    }

    fn commit(&mut self) {
        let ripe = !self.flying && (self.over || self.mode == AckMode::ManualImmediate);
        let due: Vec<_> = self.model.iter().map(|naive| naive.due().filter(|_| ripe)).collect();
        let given = self.acks.commit(Monotonic::default()).unwrap_or_default();
        let offset = |which| given.get(&tp(which)).map(|given| given.offset);
        assert_eq!((0..3).map(offset).collect::<Vec<_>>(), due, "{}", self.context);
        self.flying |= !given.is_empty();
        for (naive, due) in self.model.iter_mut().zip(due) {
            naive.sent = due.or(naive.sent);
        }
    }
}

#[test]
fn random_events_come_to_what_counting_record_by_record_comes_to() {
    for seed in 0..500 {
        let mut story = Story::new(seed);
        for step in 0..400 {
            story.context = format!("seed {seed}, step {step}");
            story.step();
        }
    }
}
