//! Lines of the standard input, and how Kafka's `LineMessageReader` makes records of them.

use kafka_proto::settings::{boolean, nearest};
use std::io::{self, BufRead, BufReader};
use tokio::sync::mpsc;

/// Lines that are handed on together at most.
const MOST: usize = 1024;

/// The lines of the standard input, without their ends, as many at a time as are there.
pub(crate) fn of_stdin() -> mpsc::Receiver<io::Result<Vec<Vec<u8>>>> {
    let (lines, received) = mpsc::channel(4);
    // A blocking read cannot be given up, so it has a thread of its own that ends with the process.
    std::thread::spawn(move || {
        let mut input = BufReader::with_capacity(64 << 10, io::stdin().lock());
        loop {
            let read = read(&mut input);
            let ended = matches!(&read, Ok(lines) if lines.is_empty());
            let failed = read.is_err();
            if ended || lines.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    received
}

/// Waits for a line, and takes those that came with it; none at the end.
fn read<R: io::Read>(input: &mut BufReader<R>) -> io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(lines);
        }
        if line.ends_with(b"\n") {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        lines.push(line);
        if lines.len() == MOST || !input.buffer().contains(&b'\n') {
            return Ok(lines);
        }
    }
}

/// How a line is taken apart, as Kafka's properties say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineReader {
    parse_key: bool,
    parse_headers: bool,
    ignore_error: bool,
    key_separator: Vec<u8>,
    headers_delimiter: Vec<u8>,
    headers_separator: Vec<u8>,
    headers_key_separator: Vec<u8>,
    null_marker: Option<Vec<u8>>,
}

impl Default for LineReader {
    fn default() -> Self {
        Self {
            parse_key: false,
            parse_headers: false,
            ignore_error: false,
            key_separator: b"\t".into(),
            headers_delimiter: b"\t".into(),
            headers_separator: b",".into(),
            headers_key_separator: b":".into(),
            null_marker: None,
        }
    }
}

/// Names and values.
type Headers<'a> = Vec<(String, Option<&'a [u8]>)>;

/// What a line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed<'a> {
    pub(crate) headers: Headers<'a>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
}

const KEYS: [&str; 8] = [
    "parse.key",
    "parse.headers",
    "ignore.error",
    "key.separator",
    "headers.delimiter",
    "headers.separator",
    "headers.key.separator",
    "null.marker",
];

impl LineReader {
    /// Sets one property.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let flag = || boolean(value).map_err(|error| format!("{key}={value}: {error}"));
        let separator = || match value {
            "" => Err(format!("{key} must not be empty")),
            value => Ok(value.as_bytes().to_vec()),
        };
        match key {
            "parse.key" => self.parse_key = flag()?,
            "parse.headers" => self.parse_headers = flag()?,
            "ignore.error" => self.ignore_error = flag()?,
            "key.separator" => self.key_separator = separator()?,
            "headers.delimiter" => self.headers_delimiter = separator()?,
            "headers.separator" => self.headers_separator = separator()?,
            "headers.key.separator" => self.headers_key_separator = separator()?,
            "null.marker" => self.null_marker = Some(value.as_bytes().to_vec()),
            // Kafka's tool takes it from its own defaults; lines are text here anyway.
            "key.serializer" | "value.serializer" => {}
            other => {
                let nearest = nearest(other, KEYS).map(|key| format!(": did you mean {key:?}?"));
                let known = || format!("; there are {}", KEYS.join(", "));
                let rest = nearest.unwrap_or_else(known);
                return Err(format!("lines have no property {other:?}{rest}"));
            }
        }
        Ok(())
    }

    /// Whether what was set goes together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { headers_delimiter, headers_separator, headers_key_separator, .. } = self;
        if !self.parse_headers {
            return Ok(());
        }
        let same = headers_delimiter == headers_separator
            || headers_delimiter == headers_key_separator
            || headers_separator == headers_key_separator;
        match same {
            true => Err("headers.delimiter, headers.separator and headers.key.separator must \
                         differ from each other"
                .to_owned()),
            false => Ok(()),
        }
    }

    /// Takes a line apart.
    pub(crate) fn parse<'a>(&self, line: &'a [u8], number: u64) -> Result<Parsed<'a>, String> {
        let (mut parsed, mut rest) = (Parsed::default(), line);
        let missing = |what: &str| {
            let line = String::from_utf8_lossy(line);
            format!("no {what} found on line {number}: '{line}'")
        };
        if self.parse_headers {
            match split(rest, &self.headers_delimiter) {
                Some((headers, behind)) => {
                    rest = behind;
                    if !headers.is_empty() && self.nullable(headers).is_some() {
                        parsed.headers = self.headers(headers, number)?;
                    }
                }
                None if self.ignore_error => {}
                None => return Err(missing("headers delimiter")),
            }
        }
        if self.parse_key {
            match split(rest, &self.key_separator) {
                Some((key, behind)) => {
                    rest = behind;
                    parsed.key = self.nullable(key);
                }
                None if self.ignore_error => {}
                None => return Err(missing("key separator")),
            }
        }
        parsed.value = self.nullable(rest);
        Ok(parsed)
    }

    fn headers<'a>(&self, mut text: &'a [u8], number: u64) -> Result<Headers<'a>, String> {
        let mut headers = Vec::new();
        loop {
            let (pair, rest) = match split(text, &self.headers_separator) {
                Some((pair, rest)) => (pair, Some(rest)),
                None => (text, None),
            };
            let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            match split(pair, &self.headers_key_separator) {
                Some((key, value)) => headers.push((name(key), self.nullable(value))),
                None if self.ignore_error => headers.push((name(pair), None)),
                None => {
                    let pair = name(pair);
                    return Err(format!(
                        "no header key separator found in '{pair}' on line {number}"
                    ));
                }
            }
            match rest {
                Some(rest) => text = rest,
                None => return Ok(headers),
            }
        }
    }

    fn nullable<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        (self.null_marker.as_deref() != Some(bytes)).then_some(bytes)
    }
}

/// What is before and behind the first `separator`.
fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(properties: &[(&str, &str)]) -> LineReader {
        let mut reader = LineReader::default();
        properties.iter().for_each(|(key, value)| reader.set(key, value).unwrap());
        reader.check().unwrap();
        reader
    }

    #[test]
    fn lines_come_as_they_are_there() {
        let mut input = BufReader::new(&b"a\nb\r\n\nlast"[..]);
        let lines = |input: &mut _| read(input).unwrap();
        assert_eq!(lines(&mut input), [&b"a"[..], b"b", b""]);
        assert_eq!(lines(&mut input), [b"last"]);
        assert!(lines(&mut input).is_empty());
    }

    #[test]
    fn a_line_is_a_value_unless_told_otherwise() {
        let parsed = reader(&[]).parse(b"k\tv", 1).unwrap();
        assert_eq!((parsed.key, parsed.value), (None, Some(&b"k\tv"[..])));
    }

    #[test]
    fn keys_and_headers_are_split_off() {
        let both = reader(&[("parse.key", "true"), ("parse.headers", "true")]);
        let parsed = both.parse(b"a:1,b:\tk\tv\tw", 1).unwrap();
        let headers = vec![("a".to_owned(), Some(&b"1"[..])), ("b".to_owned(), Some(&b""[..]))];
        assert_eq!(parsed, Parsed { headers, key: Some(&b"k"[..]), value: Some(&b"v\tw"[..]) });
        assert!(both.parse(b"\tk\tv", 1).unwrap().headers.is_empty());

        let own = reader(&[("parse.key", "true"), ("key.separator", "::"), ("null.marker", "-")]);
        let parsed = own.parse(b"-::-", 1).unwrap();
        assert_eq!((parsed.key, parsed.value), (None, None));
    }

    #[test]
    fn what_is_missing_is_told_or_ignored() {
        let strict = reader(&[("parse.key", "true"), ("key.separator", ":")]);
        let error = strict.parse(b"bad", 3).unwrap_err();
        assert_eq!(error, "no key separator found on line 3: 'bad'");
        let lenient =
            reader(&[("parse.key", "true"), ("parse.headers", "true"), ("ignore.error", "true")]);
        assert_eq!(lenient.parse(b"v", 1).unwrap().value, Some(&b"v"[..]));
        let parsed = lenient.parse(b"name\tk\tv", 1).unwrap();
        assert_eq!(parsed.headers, [("name".to_owned(), None)]);
        let headers = reader(&[("parse.headers", "true")]);
        let error = headers.parse(b"name\tv", 7).unwrap_err();
        assert_eq!(error, "no header key separator found in 'name' on line 7");
    }

    #[test]
    fn wrong_properties_are_refused() {
        let mut reader = LineReader::default();
        let error = reader.set("key.seperator", ":").unwrap_err();
        assert!(error.contains("did you mean \"key.separator\"?"), "{error}");
        assert!(reader.set("key.separator", "").is_err() && reader.set("parse.key", "x").is_err());
        reader.set("parse.headers", "true").unwrap();
        reader.set("headers.separator", ":").unwrap();
        assert!(reader.check().is_err());
    }
}
