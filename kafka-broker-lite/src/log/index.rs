//! The files beside a segment that make look-ups fast: `.index` by offset, `.timeindex` by time.
//!
//! An entry of the first is an offset, less the segment's base offset, and the position of the batch that ends with
//! it: four bytes each. One of the second is a timestamp in eight bytes and the offset of the batch it comes from in
//! four. Both rise from entry to entry; what does not is what a killed broker has left unused.

use super::segment::LatestTime;

/// Bytes of an entry by offset, and of one by time.
pub(super) const OFFSET_ENTRY: usize = 8;
pub(super) const TIME_ENTRY: usize = 12;

/// The content of both files of one segment, as it grows.
#[derive(Debug, Default)]
pub(super) struct IndexFiles {
    pub(super) offsets: Vec<u8>,
    pub(super) times: Vec<u8>,
    /// The timestamp of the last entry by time.
    newest: Option<i64>,
}

impl IndexFiles {
    /// Whether another entry would pass `most` bytes in one of the files.
    pub(super) fn is_full(&self, most: u64) -> bool {
        let full = |len: usize, entry: usize| (len + entry) as u64 > most;
        full(self.offsets.len(), OFFSET_ENTRY) || full(self.times.len(), TIME_ENTRY)
    }

    /// Notes that the batch at `position` ends with `offset`.
    pub(super) fn add_offset(&mut self, base: i64, offset: i64, position: u64) {
        // A segment is closed before either grows beyond four bytes.
        let (Some(relative), Ok(position)) = (relative(base, offset), u32::try_from(position))
        else {
            return;
        };
        self.offsets.extend_from_slice(&relative.to_be_bytes());
        self.offsets.extend_from_slice(&position.to_be_bytes());
    }

    /// Notes the largest timestamp so far, unless the last entry has it.
    pub(super) fn add_time(&mut self, base: i64, latest: LatestTime) {
        let Some(relative) = relative(base, latest.offset) else { return };
        if self.newest.is_none_or(|newest| newest < latest.timestamp) {
            self.times.extend_from_slice(&latest.timestamp.to_be_bytes());
            self.times.extend_from_slice(&relative.to_be_bytes());
            self.newest = Some(latest.timestamp);
        }
    }

    /// The files of a segment that goes on growing.
    pub(super) fn from_entries(base: i64, offsets: &[(i64, u64)], times: &[LatestTime]) -> Self {
        let mut files = Self::default();
        offsets.iter().for_each(|(offset, position)| files.add_offset(base, *offset, *position));
        times.iter().for_each(|time| files.add_time(base, *time));
        files
    }
}

fn relative(base: i64, offset: i64) -> Option<u32> {
    u32::try_from(offset.checked_sub(base)?).ok()
}

/// The entries by offset: each the last offset of a batch, and its position.
pub(super) fn offset_entries(base: i64, file: &[u8]) -> Vec<(i64, u64)> {
    let mut entries: Vec<(i64, u64)> = Vec::with_capacity(file.len() / OFFSET_ENTRY);
    for entry in file.chunks_exact(OFFSET_ENTRY) {
        let (offset, position) = entry.split_at(4);
        let (offset, position) = (base + i64::from(number(offset)), u64::from(number(position)));
        if entries.last().is_some_and(|last| offset <= last.0 || position <= last.1) {
            break;
        }
        entries.push((offset, position));
    }
    // An unused entry in front reads as the base offset at position 0, which every segment begins with anyway.
    entries
}

/// The entries by time.
pub(super) fn time_entries(base: i64, file: &[u8]) -> Vec<LatestTime> {
    let mut entries: Vec<LatestTime> = Vec::with_capacity(file.len() / TIME_ENTRY);
    for entry in file.chunks_exact(TIME_ENTRY) {
        let (timestamp, offset) = entry.split_at(8);
        let timestamp = i64::from_be_bytes(timestamp.try_into().unwrap_or_default());
        let offset = base + i64::from(number(offset));
        let unused = timestamp == 0 && entries.is_empty() && offset == base;
        if unused || entries.last().is_some_and(|l| timestamp <= l.timestamp || offset < l.offset) {
            break;
        }
        entries.push(LatestTime { timestamp, offset });
    }
    entries
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_unused_ones_do_not() {
        let offsets = [(7, 0), (12, 100), (40, 5_000)];
        let times =
            [(50, 12), (90, 40)].map(|(timestamp, offset)| LatestTime { timestamp, offset });
        let mut files = IndexFiles::from_entries(5, &offsets, &times);
        files.add_time(5, LatestTime { timestamp: 90, offset: 44 });
        assert_eq!((files.offsets.len(), files.times.len()), (24, 24));
        assert!(!files.is_full(36) && files.is_full(35));
        for unused in [0, 96] {
            files.offsets.resize(24 + unused, 0);
            files.times.resize(24 + unused, 0);
            assert_eq!(offset_entries(5, &files.offsets), offsets);
            assert_eq!(time_entries(5, &files.times), times);
        }
        assert_eq!(time_entries(5, &[0; 48]), []);
    }

    #[test]
    fn the_layout_is_kafkas() {
        let time = LatestTime { timestamp: 0x01a2_14d3_d753, offset: 9472 + 295 };
        let files = IndexFiles::from_entries(9472, &[(9472 + 295, 16_277)], &[time]);
        assert_eq!(files.offsets, [0, 0, 1, 0x27, 0, 0, 0x3f, 0x95]);
        assert_eq!(files.times, [0, 0, 1, 0xa2, 0x14, 0xd3, 0xd7, 0x53, 0, 0, 1, 0x27]);
    }
}
