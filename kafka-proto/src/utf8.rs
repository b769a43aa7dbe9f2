//! Text from bytes that should be UTF-8, as Java reads it: what is malformed becomes U+FFFD instead of an error.

use std::borrow::Cow;

/// The text of `bytes`.
///
/// Java counts what is malformed as Rust does, but for half of a surrogate pair: its three bytes are one U+FFFD.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(replaced(bytes)),
    }
}

#[cold]
fn replaced(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    while let Some(chunk) = bytes.utf8_chunks().next() {
        text.push_str(chunk.valid());
        bytes = bytes.get(chunk.valid().len()..).unwrap_or_default();
        let bad = match bytes {
            [] => break,
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
            [0xed, 0xa0..=0xbf, ..] => 2,
            _ => chunk.invalid().len(),
        };
        text.push(char::REPLACEMENT_CHARACTER);
        bytes = bytes.get(bad..).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::lossy;

    #[test]
    fn malformed_bytes_are_replaced_as_java_does() {
        for (bytes, text) in [
            (&b"plain"[..], "plain"),
            ("é€𝄞".as_bytes(), "é€𝄞"),
            (b"a\xed\xa0\x80b", "a\u{fffd}b"),
            (b"\xed\xb0\x80\xed\xa0\x80", "\u{fffd}\u{fffd}"),
            (b"\xed\xa0", "\u{fffd}"),
            (b"\xed\xa0A", "\u{fffd}A"),
            (b"\xed\x9f\xbf", "\u{d7ff}"),
            (b"\xed", "\u{fffd}"),
            (b"\xe0\x80\x80", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xe4\xb8", "\u{fffd}"),
            (b"\xf0\x90\x80", "\u{fffd}"),
            (b"\xff\xc0a\x80", "\u{fffd}\u{fffd}a\u{fffd}"),
        ] {
            assert_eq!(lossy(bytes), text, "{bytes:02x?}");
        }
    }
}
