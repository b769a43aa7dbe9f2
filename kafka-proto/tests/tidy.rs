//! The rules of style that a program can check, over every file of the workspace.
//!
//! What the compiler, rustfmt and clippy check is left to them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

use std::path::{Path, PathBuf};

const MAX_LINES: usize = 600;
const MAX_CODE_COLUMNS: usize = 100;
const MAX_COMMENT_COLUMNS: usize = 120;

/// Words that have no place in finished work, cut in two so that this file may hold them.
const BANNED: [[&str; 2]; 6] =
    [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["/wo", "rk/"], ["/ho", "me/"], ["/ro", "ot/"]];

/// What Rust code does not do besides.
const BANNED_IN_CODE: [[&str; 2]; 3] =
    [["un", "implemented!"], ["db", "g!("], ["thread::", "sleep"]];

#[test]
fn the_workspace_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    collect(root, &mut files);
    files.sort();
    let mut complaints = Vec::new();
    for file in &files {
        let name = file.strip_prefix(root).unwrap().display().to_string();
        check(&name, &std::fs::read_to_string(file).unwrap(), &mut complaints);
    }
    assert!(files.len() > 40, "only {} files were found", files.len());
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "vectors" {
                collect(&path, files);
            }
        } else if [".rs", ".toml", ".md"].iter().any(|extension| name.ends_with(extension)) {
            files.push(path);
        }
    }
}

fn check(name: &str, text: &str, complaints: &mut Vec<String>) {
    for (index, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", index + 1);
        let code = BANNED_IN_CODE.iter().filter(|_| name.ends_with(".rs"));
        for word in BANNED.iter().chain(code).map(|halves| halves.concat()) {
            if line.contains(&word) {
                complaints.push(format!("{place}: has {word:?}"));
            }
        }
        if name.ends_with(".rs") {
            check_columns(&place, line, complaints);
        }
    }
    if !name.ends_with(".rs") {
        return;
    }
    if !text.starts_with("//! ") {
        complaints.push(format!("{name}: does not open with what it is for, after `//!`"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        complaints.push(format!("{name}: has {lines} lines, over {MAX_LINES}"));
    }
    check_lint_attributes(name, text, complaints);
}

fn check_columns(place: &str, line: &str, complaints: &mut Vec<String>) {
    let columns = line.chars().count();
    let comment = line.trim_start().starts_with("//");
    let max = if comment { MAX_COMMENT_COLUMNS } else { MAX_CODE_COLUMNS };
    if columns > max {
        complaints.push(format!("{place}: has {columns} columns, over {max}"));
    }
}

/// Whoever switches a lint off says why.
fn check_lint_attributes(name: &str, text: &str, complaints: &mut Vec<String>) {
    for start in ["#[", "#!["] {
        for lint in ["allow(", "expect("] {
            for (at, opening) in text.match_indices(&format!("{start}{lint}")) {
                let indent = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..at];
                if !indent.trim().is_empty() {
                    continue;
                }
                let attribute = text[at + opening.len()..].split(")]").next().unwrap();
                if !attribute.contains("reason") {
                    let line = text[..at].lines().count() + 1;
                    complaints.push(format!("{name}:{line}: switches lints off without a reason"));
                }
            }
        }
    }
}

#[test]
fn untidy_files_are_complained_about() {
    let complaints = |name: &str, text: &str| {
        let mut complaints = Vec::new();
        check(name, text, &mut complaints);
        complaints
    };
    let tidy = "//! Something.\n\n#[allow(dead_code, reason = \"so\")]\nfn main() {}\n";
    assert_eq!(complaints("a.rs", tidy), Vec::<String>::new());

    let long = "x".repeat(101);
    for (name, text, complaint) in [
        ("a.rs", "fn main() {}\n".to_owned(), "a.rs: does not open"),
        ("a.rs", format!("{tidy}{long}"), "a.rs:5: has 101 columns"),
        ("a.rs", format!("{tidy}// {long}{long}"), "a.rs:5: has 205 columns"),
        ("a.rs", format!("{tidy}{}", "\n".repeat(600)), "a.rs: has 604 lines"),
        ("a.rs", format!("{tidy}#[allow(dead_code)]\n"), "a.rs:5: switches lints off"),
        ("a.md", "see /ho".to_owned() + "me/me\n", "a.md:1: has \"/ho"),
    ] {
        let found = complaints(name, &text);
        assert!(found.len() == 1 && found[0].starts_with(complaint), "{complaint:?}: {found:?}");
    }
}
