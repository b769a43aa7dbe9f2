//! The small text files in which Kafka notes offsets: one of each kind for all partitions, leader epochs for each.
//!
//! All begin with a version and a number of lines. One that is not as it should be counts as not there.

use super::epochs::Epochs;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Up to where each log is known to be on the medium.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";

/// Where each log begins, if not with its first segment.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";

/// Up to where each log is on all replicas in sync.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";

/// Up to where each compacted log is clean.
pub const CLEANED: &str = "cleaner-offset-checkpoint";

/// The leader epochs of a log, in its directory.
pub const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";

const VERSION: &str = "0";

/// An offset for each partition, by topic and number.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// The text of a file of offsets.
#[must_use]
pub fn offsets_text<'a>(offsets: impl Iterator<Item = (&'a str, i32, i64)>) -> String {
    let mut lines = String::new();
    let mut count = 0;
    for (topic, partition, offset) in offsets {
        let _infallible = writeln!(lines, "{topic} {partition} {offset}");
        count += 1;
    }
    format!("{VERSION}\n{count}\n{lines}")
}

/// The offsets in a file.
#[must_use]
pub fn parse_offsets(text: &[u8]) -> Option<Offsets> {
    lines(text)?
        .into_iter()
        .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [topic, partition, offset] => {
                Some(((topic.to_owned(), partition.parse().ok()?), offset.parse().ok()?))
            }
            _ => None,
        })
        .collect()
}

/// The text of a file of leader epochs.
#[must_use]
pub(super) fn epochs_text(epochs: &Epochs) -> String {
    let mut lines = String::new();
    for (epoch, start) in epochs.entries() {
        let _infallible = writeln!(lines, "{epoch} {start}");
    }
    format!("{VERSION}\n{}\n{lines}", epochs.entries().len())
}

/// The leader epochs in a file.
#[must_use]
pub(super) fn parse_epochs(text: &[u8]) -> Option<Epochs> {
    let mut epochs = Epochs::default();
    for line in lines(text)? {
        let (epoch, start) = line.split_once(' ')?;
        epochs.assign(epoch.parse().ok()?, start.parse().ok()?);
    }
    Some(epochs)
}

fn lines(text: &[u8]) -> Option<Vec<&str>> {
    // Without the end of the last line, its number may be the beginning of another one.
    let mut lines = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.lines();
    if lines.next()? != VERSION {
        return None;
    }
    let count: usize = lines.next()?.parse().ok()?;
    let lines: Vec<&str> = lines.collect();
    (lines.len() == count).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_come_back() {
        let text = offsets_text([("orders", 0, 15_392), ("a-b", 3, 0)].into_iter());
        assert_eq!(text, "0\n2\norders 0 15392\na-b 3 0\n");
        let offsets = parse_offsets(text.as_bytes()).unwrap();
        assert_eq!(offsets[&("orders".to_owned(), 0)], 15_392);
        assert_eq!(offsets[&("a-b".to_owned(), 3)], 0);
    }

    #[test]
    fn garbage_is_as_good_as_nothing() {
        for text in ["", "0\n", "1\n0\n", "0\n2\na 0 1\n", "0\n1\na 0\n", "0\n1\na x 1\n"] {
            assert_eq!(parse_offsets(text.as_bytes()), None, "{text:?}");
        }
        let whole = offsets_text([("a", 0, 15_392)].into_iter());
        for len in 0..whole.len() {
            assert_eq!(parse_offsets(&whole.as_bytes()[..len]), None, "{len} bytes of it");
        }
        assert_eq!(parse_epochs(&[0; 40]), None);
        assert_eq!(parse_epochs(b"0\n1\n0 zero\n"), None);
    }

    #[test]
    fn epochs_come_back() {
        let mut epochs = Epochs::default();
        epochs.assign(0, 0);
        epochs.assign(4, 70);
        let text = epochs_text(&epochs);
        assert_eq!(text, "0\n2\n0 0\n4 70\n");
        assert_eq!(parse_epochs(text.as_bytes()), Some(epochs));
    }
}
