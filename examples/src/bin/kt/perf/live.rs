//! The line that tells how it goes: on a terminal over and over the same one, with a bar; elsewhere one after another.

use crate::output::is_colourful;
use std::io::{IsTerminal, Write, stderr};

/// Cells of the bar.
const WIDTH: u64 = 24;

/// See the module.
pub(super) struct Live {
    total: u64,
    terminal: bool,
    colour: bool,
    shown: bool,
}

impl Live {
    pub(super) fn new(total: u64) -> Self {
        let colour = is_colourful(&stderr());
        Self { total, terminal: stderr().is_terminal(), colour, shown: false }
    }

    /// Shows the line; `done` of the total are done.
    pub(super) fn show(&mut self, done: u64, line: &str) {
        // Nobody is left to tell if this fails.
        let _ = if self.terminal {
            let (start, end) = if self.colour { ("\x1b[32m", "\x1b[0m") } else { ("", "") };
            write!(stderr(), "\r{start}{}{end} {line}\x1b[K", bar(done, self.total))
        } else {
            writeln!(stderr(), "{line}")
        };
        self.shown = true;
    }

    /// Leaves the last line standing.
    pub(super) fn end(&self) {
        if self.terminal && self.shown {
            let _ = writeln!(stderr());
        }
    }
}

fn bar(done: u64, total: u64) -> String {
    let share = |of: u64| done.min(total).saturating_mul(of) / total.max(1);
    let full = usize::try_from(share(WIDTH)).unwrap_or(0);
    let width = usize::try_from(WIDTH).unwrap_or(0);
    format!("{}{} {:>3} %", "█".repeat(full), "░".repeat(width - full), share(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0, 10), format!("{}   0 %", "░".repeat(24)));
        assert_eq!(bar(5, 10), format!("{}{}  50 %", "█".repeat(12), "░".repeat(12)));
        assert_eq!(bar(11, 10), format!("{} 100 %", "█".repeat(24)));
        assert_eq!(bar(0, 0), format!("{}   0 %", "░".repeat(24)));
    }
}
