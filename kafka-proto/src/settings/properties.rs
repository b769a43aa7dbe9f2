//! The text of a Java `.properties` file: pairs of name and value in their order, each with its line.
//!
//! Reads what Java's own reader reads, the same way, and refuses what it refuses. A name that comes twice is kept
//! twice; for Kafka the last one counts.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

/// The pairs of a properties text, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Vec<Property>);

/// One pair of a properties text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The name.
    pub key: String,
    /// The value, empty if the line has only a name.
    pub value: String,
    /// The line it starts on, counted from 1.
    pub line: usize,
}

/// What is not a properties text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropertyError {
    /// The line that cannot be read, counted from 1.
    pub line: usize,
    reason: &'static str,
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for PropertyError {}

impl Properties {
    /// Reads a properties text.
    ///
    /// # Errors
    /// If an escape `\uHHHH` has other than four hexadecimal digits, or is half of a character.
    pub fn parse(text: &str) -> Result<Self, PropertyError> {
        let mut pairs = Vec::new();
        let mut lines = Lines { chars: text.chars().peekable(), line: 0 };
        while let Some((line, text)) = lines.next_logical() {
            let (key, value) = split(&text);
            let unescaped = |text| unescape(text).map_err(|reason| PropertyError { line, reason });
            pairs.push(Property { key: unescaped(key)?, value: unescaped(value)?, line });
        }
        Ok(Self(pairs))
    }

    /// All pairs, in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Property> {
        self.0.iter()
    }

    /// The value of `key`: the last one, if there are several.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.iter().rev().find(|property| property.key == key).map(|property| &*property.value)
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = &'a Property;
    type IntoIter = std::slice::Iter<'a, Property>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Lines as Java sees them: without blank ones and comments, continued ones joined.
struct Lines<'a> {
    chars: Peekable<Chars<'a>>,
    /// How many natural lines have been taken.
    line: usize,
}

impl Lines<'_> {
    fn next_logical(&mut self) -> Option<(usize, String)> {
        let mut text = loop {
            let text = self.next_natural()?;
            // A line of nothing but the backslash that continues it is a blank one.
            let blank = text.is_empty() || text == "\\";
            if !blank && !text.starts_with(['#', '!']) {
                break text;
            }
        };
        let line = self.line;
        while continues(&text) {
            text.pop();
            let Some(more) = self.next_natural() else { break };
            text.push_str(&more);
        }
        Some((line, text))
    }

    /// One natural line without the white space it starts with; `\n`, `\r` and both together end one.
    fn next_natural(&mut self) -> Option<String> {
        self.chars.peek()?;
        self.line += 1;
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '\n' => break,
                '\r' => {
                    self.chars.next_if_eq(&'\n');
                    break;
                }
                c if text.is_empty() && is_white(c) => {}
                c => text.push(c),
            }
        }
        Some(text)
    }
}

/// An odd number of backslashes at its end joins a line with the next one.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn is_white(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Name and value, still escaped: white space, one `=` or one `:` stands between them.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let separator = |c: char| {
        let found = !escaped && (is_white(c) || c == '=' || c == ':');
        escaped = !escaped && c == '\\';
        found
    };
    let Some(end) = line.find(separator) else { return (line, "") };
    let rest = line[end..].trim_start_matches(is_white);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (&line[..end], rest.trim_start_matches(is_white))
}

/// Through UTF-16, because `\uHHHH` names its units.
fn unescape(text: &str) -> Result<String, &'static str> {
    let mut units = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next() {
                Some('u') => {
                    units.push(unit(&mut chars)?);
                    continue;
                }
                Some('t') => '\t',
                Some('r') => '\r',
                Some('n') => '\n',
                Some('f') => '\x0c',
                Some(c) => c,
                None => break,
            },
            c => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| "\\u names half of a character")
}

fn unit(chars: &mut Chars<'_>) -> Result<u16, &'static str> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = chars.next().and_then(|c| c.to_digit(16)).and_then(|d| u16::try_from(d).ok());
        unit = unit << 4 | digit.ok_or("\\u has to be followed by four hexadecimal digits")?;
    }
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        let properties = Properties::parse(text).unwrap();
        properties.0.into_iter().map(|p| (p.key, p.value, p.line)).collect()
    }

    #[track_caller]
    fn one(text: &str, key: &str, value: &str) {
        assert_eq!(pairs(text), [(key.to_owned(), value.to_owned(), 1)], "{text:?}");
    }

    #[test]
    fn name_and_value_are_separated_as_in_java() {
        one("acks=all", "acks", "all");
        one("acks:all", "acks", "all");
        one("acks all", "acks", "all");
        one("  acks \t=\x0c all", "acks", "all");
        one("acks = = all", "acks", "= all");
        one("acks  : all", "acks", "all");
        one("acks", "acks", "");
        one("acks=", "acks", "");
        one("=all", "", "all");
        one("jaas=a=b:c d", "jaas", "a=b:c d");
        one("acks=all \t", "acks", "all \t");
    }

    #[test]
    fn escapes_are_resolved() {
        one(r"a\=b\:c\ d=e", "a=b:c d", "e");
        one(r"a=\t\n\r\f\\\q\=", "a", "\t\n\r\x0c\\q=");
        one(r"a\\=b", r"a\", "b");
        one(r"a=\u0041\u00e9\u20AC", "a", "Aé€");
        one(r"a=\ud83d\ude00", "a", "😀");
        one("a=grün 😀", "a", "grün 😀");
    }

    #[test]
    fn lines_continue_and_comments_do_not() {
        one("servers=a,\\\n    b,\\\r\n\tc", "servers", "a,b,c");
        one("a=b\\\n# no comment", "a", "b# no comment");
        one("a=b\\", "a", "b");
        one(r"a=b\\", "a", r"b\");
        assert_eq!(pairs("\\\n# one\n\\\n\n\\\na"), [("a".to_owned(), String::new(), 6)]);
        assert_eq!(
            pairs("# one\\\n! two\n\n   # three\n a = 1\r\n\rb=2\\\n3\nc=4\n"),
            [("a", "1", 5), ("b", "23", 7), ("c", "4", 9)].map(|(key, value, line)| (
                key.to_owned(),
                value.to_owned(),
                line
            ))
        );
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        let properties = Properties::parse("a=1\nb=2\na=3").unwrap();
        assert_eq!(properties.value("a"), Some("3"));
        assert_eq!(properties.value("c"), None);
        assert_eq!(properties.iter().count(), 3);
    }

    #[test]
    fn bad_escapes_are_refused_with_their_line() {
        for (text, complaint) in [
            ("a=1\nb=\\u12", "line 2: \\u has to be followed by four hexadecimal digits"),
            ("\\u12x4=1", "line 1: \\u has to be followed by four hexadecimal digits"),
            ("a=\\u+123", "line 1: \\u has to be followed by four hexadecimal digits"),
            ("\n\na=\\ud83d", "line 3: \\u names half of a character"),
        ] {
            assert_eq!(Properties::parse(text).unwrap_err().to_string(), complaint);
        }
    }
}
