//! What the longer examples share: a live progress line and a table.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// A line on stderr that follows long work; one line a second where stderr is no terminal.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: u64,
    started: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Starts to follow `total` units of work.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "progress is shown in real time")]
    pub fn new(what: &'static str, total: u64) -> Self {
        Self { what, total, started: Instant::now(), shown: None }
    }

    /// Shows how far the work is, unless that was shown just now.
    #[expect(clippy::disallowed_methods, reason = "progress is shown in real time")]
    pub fn show(&mut self, done: u64) {
        let every = Duration::from_millis(if stderr().is_terminal() { 100 } else { 1000 });
        if done < self.total && self.shown.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = self.rate(done);
        let percent = done * 100 / self.total.max(1);
        let start = if stderr().is_terminal() { "\r" } else { "" };
        let end = if stderr().is_terminal() && done < self.total { "" } else { "\n" };
        let _ = write!(
            stderr(),
            "{start}{:>9} {done:>9} / {} records  {percent:>3} %  {rate:>9} records/s{end}",
            self.what,
            self.total,
        );
    }

    /// Units a second so far.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people to read"
    )]
    pub fn rate(&self, done: u64) -> u64 {
        (done as f64 / self.started.elapsed().as_secs_f64().max(1e-9)) as u64
    }

    /// Since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Rows of cells, printed with aligned columns: the first to the left, the others to the right.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a dyn Display>) {
        self.rows.push(cells.into_iter().map(ToString::to_string).collect());
    }

    /// The table as text.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                text += &match column {
                    0 => format!("  {cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::default();
        table.row([&"partition" as &dyn Display, &"records"]);
        table.row([&0 as &dyn Display, &1_234_567]);
        assert_eq!(table.render(), "  partition  records\n  0          1234567\n");
    }
}
