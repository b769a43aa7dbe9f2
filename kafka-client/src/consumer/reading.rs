//! What the application is reading right now: the chunk under way, the batch that is open, the record in hand.
//!
//! Holds true: the position moves when records are handed out by the batch, and when the next one is asked for if they
//! are handed out one by one.

use super::decode::{Cursor, Decoder, Opened};
use super::record::ConsumerRecord;
use super::records::{RecordBatch, Records};
use crate::error::Result;
use crate::record::TopicPartition;

/// See the module.
#[derive(Debug)]
pub(super) struct Reading {
    cursor: Cursor,
    open: Option<Opened>,
    /// The offset of the record that was given out last and may still be in use.
    in_hand: Option<i64>,
    /// Where the application has got to.
    position: i64,
}

impl Reading {
    pub(super) fn new(cursor: Cursor) -> Self {
        let position = cursor.position();
        Self { cursor, open: None, in_hand: None, position }
    }

    pub(super) fn which(&self) -> &TopicPartition {
        &self.cursor.which
    }

    pub(super) fn generation(&self) -> u64 {
        self.cursor.generation
    }

    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// The leader epoch of what was given out last; -1 before.
    pub(super) fn epoch(&self) -> i32 {
        self.cursor.epoch()
    }

    /// The next records are asked for, so the one in hand is done with.
    #[inline]
    pub(super) fn settle(&mut self) {
        let Some(in_hand) = self.in_hand.take() else { return };
        self.position = in_hand.saturating_add(1);
        self.leave_batch();
    }

    /// Lets go of a batch of which nothing is left.
    #[inline]
    fn leave_batch(&mut self) {
        if let Some(open) = self.open.take_if(|open| open.left == 0) {
            self.position = open.next_offset;
        }
    }

    /// Whether there is a record to give out; opens the next batch if need be.
    ///
    /// # Errors
    /// When that batch is damaged.
    pub(super) fn ready(&mut self, decoder: &mut Decoder) -> Result<bool> {
        if self.open.is_none() {
            self.open = self.cursor.next(decoder)?;
            if self.open.is_none() {
                self.position = self.cursor.position();
            }
        }
        Ok(self.open.is_some())
    }

    /// Hands out up to `most` records of the open batch.
    pub(super) fn hand_out(&mut self, most: usize, records: &mut Records) {
        let Some(open) = &mut self.open else { return };
        let taken = open.left.min(most);
        let (source, at, held) = (open.source.clone(), open.at, open.held.clone());
        open.left -= taken;
        if open.left > 0 {
            open.at = open.source.batch.behind(open.at, taken);
            let next = open.source.batch.records_from(open.at, 1).next();
            self.position = next.map_or(self.position, |next| next.offset());
        }
        self.leave_batch();
        records.push(RecordBatch::new(source, at, taken, self.position, held));
    }

    /// Hands out one record of the open batch.
    #[inline]
    pub(super) fn hand_out_one(&mut self) -> Option<ConsumerRecord> {
        let open = self.open.as_mut()?;
        let record = open.source.batch.records_from(open.at, open.left).next()?;
        open.at += record.size();
        open.left -= 1;
        self.in_hand = Some(record.offset());
        Some(ConsumerRecord::new(open.source.clone(), record.place()))
    }
}

#[cfg(test)]
mod tests;
