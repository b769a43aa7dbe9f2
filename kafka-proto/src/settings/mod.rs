//! What every reader of Kafka settings shares: the properties text, values, and the suggestion for a mistyped name.
//!
//! Which names exist, and what they mean, is left to the client and the broker.

mod properties;
mod value;

pub use properties::{Properties, Property, PropertyError};
pub use value::{Password, ValueError, boolean, float, integer, list};

/// The one of `known` that `name` most likely was meant to be, if any is near enough to be worth showing.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name: Vec<char> = plain(name).collect();
    let limit = (name.len() / 4).max(2);
    known
        .into_iter()
        .map(|candidate| (distance(&name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Names differ by their letters: case, and which character separates words, do not count.
fn plain(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|c| if c == '_' || c == '-' { '.' } else { c.to_ascii_lowercase() })
}

/// How many characters to insert, delete, replace, or swap with their neighbour, to turn `from` into `to`.
fn distance(from: &[char], to: &str) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=from.len()).collect();
    let mut previous = None;
    for (row, wanted) in plain(to).enumerate() {
        let mut current = vec![row + 1];
        for (column, &has) in from.iter().enumerate() {
            let replaced = above[column] + usize::from(has != wanted);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if column > 0 && previous == Some(has) && from[column - 1] == wanted {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
        previous = Some(wanted);
    }
    above[from.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["linger.ms", "acks", "fetch.min.bytes", "fetch.max.bytes", "retries"];

    #[test]
    fn a_mistyped_name_finds_the_one_that_was_meant() {
        for (typed, meant) in [
            ("linger.sm", "linger.ms"),
            ("liger.ms", "linger.ms"),
            ("LINGER_MS", "linger.ms"),
            ("ack", "acks"),
            ("fetch.minimum.bytes", "fetch.min.bytes"),
            ("retires", "retries"),
        ] {
            assert_eq!(nearest(typed, KNOWN), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_name_far_from_all_finds_none() {
        for typed in ["", "x", "spring.application.name", "ms"] {
            assert_eq!(nearest(typed, KNOWN), None, "{typed}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        let distance = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
