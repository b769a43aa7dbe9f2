//! Vectors made by Apache Kafka's own classes: bytes and what they mean.
//!
//! `KAFKA_VECTORS` names a folder of them; without it the few that are committed in `tests/vectors` are checked. Each
//! test says how many vectors it compared, and fails when it found none to compare.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

mod algorithms;
mod messages;
mod records;

use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// The files with vectors about `what`: of the folder `what` in `KAFKA_VECTORS`, or the committed one of that name.
fn files(what: &str) -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("KAFKA_VECTORS") else {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
        return vec![committed.join(format!("{what}.jsonl"))];
    };
    let folder = Path::new(&folder).join(what);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files
}

/// What came of one vector.
type Outcome = Result<(), String>;

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: &T, kafka: &T) -> Outcome {
    if ours == kafka {
        return Ok(());
    }
    Err(format!("{what} differ:\n  ours  {ours:?}\n  Kafka {kafka:?}"))
}

/// What became of the vectors of one test.
#[derive(Default)]
struct Tally {
    compared: usize,
    elsewhere: usize,
    failures: Vec<String>,
}

impl Tally {
    /// Hands every line of `files` to `check`, with the name of its file; that says how it went, or `None` where it is
    /// not for this crate to say.
    fn run(files: &[PathBuf], mut check: impl FnMut(&str, &Json) -> Option<Outcome>) -> Self {
        let mut tally = Self::default();
        for file in files {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let text =
                std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            for (index, line) in text.lines().enumerate() {
                let line: Json = serde_json::from_str(line)
                    .unwrap_or_else(|e| panic!("{}:{}: {e}", file.display(), index + 1));
                match check(line["file"].as_str().unwrap_or(stem), &line) {
                    None => tally.elsewhere += 1,
                    Some(Ok(())) => tally.compared += 1,
                    Some(Err(failure)) => {
                        tally.compared += 1;
                        tally.failures.push(format!(
                            "{}:{}: {} version {} case {}: {failure}",
                            file.display(),
                            index + 1,
                            line["name"],
                            line["version"],
                            line["case"]
                        ));
                    }
                }
            }
        }
        tally
    }

    /// Prints the counts; fails on any difference, and when there was nothing to compare.
    fn finish(self, what: &str) {
        let Self { compared, elsewhere, .. } = self;
        println!("{what}: {compared} compared, 0 skipped, {elsewhere} of other crates");
        assert!(compared > 0, "{what}: no vector was compared");
        let shown =
            self.failures.iter().take(10).map(|f| f.chars().take(2_000).collect::<String>());
        let shown: Vec<_> = shown.collect();
        assert!(shown.is_empty(), "{} differ:\n{}", self.failures.len(), shown.join("\n"));
    }
}

/// The bytes that a field of a vector spells.
fn hex(json: &Json) -> Vec<u8> {
    let digits = json.as_str().expect("hex digits").as_bytes();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
