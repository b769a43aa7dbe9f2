//! Where each leader epoch begins in a log (KIP-101, KIP-320).
//!
//! Epochs and start offsets both rise from entry to entry.

/// The epoch and end offset that are given when nothing is known.
const UNKNOWN: (i32, i64) = (-1, -1);

/// The leader epochs of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// Epoch and the offset of its first record.
    entries: Vec<(i32, i64)>,
}

impl Epochs {
    /// Notes that `epoch` begins at `start`, and tells whether that is news; an epoch without a record gives way to the
    /// one that follows it.
    pub fn assign(&mut self, epoch: i32, start: i64) -> bool {
        if self.latest().is_some_and(|(latest, _)| latest >= epoch) {
            return false;
        }
        self.entries.retain(|(_, at)| *at < start);
        self.entries.push((epoch, start));
        true
    }

    /// Each epoch with the offset of its first record.
    #[must_use]
    pub fn entries(&self) -> &[(i32, i64)] {
        &self.entries
    }

    /// The newest epoch and its start.
    #[must_use]
    pub fn latest(&self) -> Option<(i32, i64)> {
        self.entries.last().copied()
    }

    /// The epoch that the record at `offset` was written in.
    #[must_use]
    pub fn at(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|(_, start)| *start <= offset);
        self.entries.get(after.checked_sub(1)?).map(|(epoch, _)| *epoch)
    }

    /// The largest epoch not above `asked`, and where it ends in a log that ends at `log_end`.
    #[must_use]
    pub fn end_of(&self, asked: i32, log_end: i64) -> (i32, i64) {
        let Some((latest, _)) = self.latest() else { return UNKNOWN };
        if asked < 0 {
            return UNKNOWN;
        }
        if asked == latest {
            return (latest, log_end);
        }
        let above = self.entries.partition_point(|(epoch, _)| *epoch <= asked);
        let Some((_, end)) = self.entries.get(above) else { return UNKNOWN };
        match above.checked_sub(1).and_then(|floor| self.entries.get(floor)) {
            Some((epoch, _)) => (*epoch, *end),
            // Older than all records that are left.
            None => (asked, *end),
        }
    }

    /// Forgets what lies before `start`, the new first offset of the log.
    pub fn advance_start(&mut self, start: i64) {
        let after = self.entries.partition_point(|(_, at)| *at <= start);
        if let Some(last) = after.checked_sub(1) {
            self.entries.drain(..last);
            if let Some((_, at)) = self.entries.first_mut() {
                *at = start;
            }
        }
    }

    /// Forgets what lies at or behind `end`, the new end of the log.
    pub fn truncate(&mut self, end: i64) {
        self.entries.retain(|(_, start)| *start < end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, start) in [(0, 0), (2, 10), (3, 10), (5, 30)] {
            epochs.assign(epoch, start);
        }
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        let epochs = epochs();
        assert_eq!(epochs.end_of(0, 40), (0, 10));
        assert_eq!(epochs.end_of(1, 40), (0, 10));
        assert_eq!(epochs.end_of(2, 40), (0, 10), "2 wrote nothing and is forgotten");
        assert_eq!(epochs.end_of(3, 40), (3, 30));
        assert_eq!(epochs.end_of(4, 40), (3, 30));
        assert_eq!(epochs.end_of(5, 40), (5, 40));
        assert_eq!(epochs.end_of(6, 40), UNKNOWN);
        assert_eq!(epochs.end_of(-1, 40), UNKNOWN);
        assert_eq!(Epochs::default().end_of(0, 0), UNKNOWN);
    }

    #[test]
    fn knows_the_epoch_of_an_offset_and_follows_the_start_of_the_log() {
        let mut epochs = epochs();
        assert_eq!((epochs.at(9), epochs.at(10), epochs.at(99)), (Some(0), Some(3), Some(5)));
        epochs.advance_start(20);
        assert_eq!((epochs.at(19), epochs.at(20)), (None, Some(3)));
        assert_eq!(epochs.end_of(1, 40), (1, 20));
        epochs.truncate(30);
        assert_eq!(epochs.latest(), Some((3, 20)));
    }

    #[test]
    fn an_older_epoch_changes_nothing() {
        let mut epochs = epochs();
        epochs.assign(4, 50);
        assert_eq!(epochs.latest(), Some((5, 30)));
    }
}
