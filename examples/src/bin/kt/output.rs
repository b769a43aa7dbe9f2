//! The standard output: lines as Kafka's tools print them, plain values, or JSON.

use crate::failure::Outcome;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::io::{BufWriter, IsTerminal, Stdout, Write, stdout};

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// As Kafka's own tools print it: columns under headings, or its lines
    #[default]
    Table,
    /// One JSON value a line
    Json,
    /// Values separated by tabs, without headings
    Plain,
}

/// Where results go.
pub(crate) struct Out {
    pub(crate) format: Format,
    to: BufWriter<Stdout>,
    bold: bool,
}

/// Whether what is written there may have colours.
pub(crate) fn is_colourful(to: &impl IsTerminal) -> bool {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    to.is_terminal() && wanted && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Out {
    pub(crate) fn new(format: Format) -> Self {
        let to = BufWriter::with_capacity(64 << 10, stdout());
        Self { format, to, bold: is_colourful(&stdout()) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A line.
    pub(crate) fn line(&mut self, line: impl Display) -> Outcome {
        Ok(writeln!(self.to, "{line}")?)
    }

    /// A line that is for people: not with other formats than Kafka's own.
    pub(crate) fn remark(&mut self, line: impl Display) -> Outcome {
        if self.format == Format::Table { self.line(line) } else { Ok(()) }
    }

    /// What comes here is written as it is.
    pub(crate) fn raw(&mut self) -> &mut impl Write {
        &mut self.to
    }

    /// Hands everything to the reader.
    pub(crate) fn flush(&mut self) -> Outcome {
        Ok(self.to.flush()?)
    }

    /// A list of rows in the format that is wanted.
    pub(crate) fn rows(&mut self, rows: &Rows) -> Outcome {
        match self.format {
            Format::Table => {
                let headings = rows.columns.iter().map(|column| column.heading.to_owned());
                let widths = rows.widths();
                let line = aligned(&headings.collect::<Vec<_>>(), &widths);
                if self.bold {
                    self.line(format_args!("\x1b[1m{line}\x1b[0m"))?;
                } else {
                    self.line(line)?;
                }
                for row in &rows.rows {
                    let cells: Vec<String> = row.iter().map(shown).collect();
                    self.line(aligned(&cells, &widths))?;
                }
            }
            Format::Plain => {
                for row in &rows.rows {
                    let cells: Vec<String> = row.iter().map(shown).collect();
                    self.line(cells.join("\t"))?;
                }
            }
            Format::Json => {
                for row in &rows.rows {
                    let columns = rows.columns.iter().map(|column| column.key.to_owned());
                    let object: Map<String, Value> = columns.zip(row.iter().cloned()).collect();
                    self.line(Value::Object(object))?;
                }
            }
        }
        Ok(())
    }
}

/// A column: its heading in Kafka's table, its name in JSON, how wide it is at least, and how much wider than what is
/// in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    heading: &'static str,
    key: &'static str,
    width: usize,
    room: usize,
}

impl Column {
    /// The same, wider by so much than the widest cell.
    pub(crate) const fn with_room(mut self, room: usize) -> Self {
        self.room = room;
        self
    }
}

/// A column of these.
pub(crate) const fn column(heading: &'static str, key: &'static str, width: usize) -> Column {
    Column { heading, key, width, room: 0 }
}

/// Rows under columns.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: &'static [Column],
    rows: Vec<Vec<Value>>,
}

impl Rows {
    pub(crate) const fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        self.rows.push(row.into());
    }

    fn widths(&self) -> Vec<usize> {
        let width = |(at, column): (usize, &Column)| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| shown(cell).chars().count()).max().unwrap_or(0);
            widest.max(column.width).max(column.heading.len()) + column.room
        };
        self.columns.iter().enumerate().map(width).collect()
    }
}

/// A value as text; `-` where there is none, as in Kafka's tables.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let cell = |(cell, width): (&String, &usize)| format!("{cell:<width$}");
    let line: Vec<String> = cells.iter().zip(widths).map(cell).collect();
    line.join(" ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        const COLUMNS: [Column; 3] = [
            column("GROUP", "group", 8),
            column("LAG", "lag", 0).with_room(1),
            column("HOST", "host", 0),
        ];
        let mut rows = Rows::new(&COLUMNS);
        rows.push([json!("a"), json!(12_345), json!(null)]);
        rows.push([json!("much longer"), json!(1), json!(["x", "y"])]);
        let widths = rows.widths();
        assert_eq!(widths, [11, 6, 4]);
        let cells: Vec<String> = rows.rows[1].iter().map(shown).collect();
        assert_eq!(aligned(&cells, &widths), "much longer 1      x,y");
    }
}
