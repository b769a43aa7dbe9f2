//! Cuts what comes in into frames.
//!
//! A connection reads in bulk into one buffer; frames are slices of it. When they are gone, which for the memory log is
//! as soon as they are handled, the buffer is used again from its start, so that steady traffic allocates nothing. It
//! grows with what has really come in, never with what a length only promises.

use bytes::{Bytes, BytesMut};
use std::fmt;

/// What is read at a time where no frame asks for more, and what an idle connection keeps.
pub(super) const CHUNK: usize = 64 * 1024;

/// With less room than this, a read is not worth its call.
const LEAST_ROOM: usize = 4 * 1024;

/// How much room a frame that has just begun gets at first.
const FIRST_ROOM: usize = 1024 * 1024;

const PREFIX: usize = 4;

#[derive(Debug)]
pub(super) struct Incoming {
    buffer: BytesMut,
    max_frame: usize,
    /// Whether no frame has come yet.
    fresh: bool,
}

/// Bytes that are no frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Garbage {
    Tls,
    Http,
    Length { len: i32, max: usize },
}

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls => f.write_str("peer speaks TLS, but this listener is plain text"),
            Self::Http => f.write_str("peer speaks HTTP, not Kafka's protocol"),
            Self::Length { len, .. } if *len < 0 => write!(f, "a request of {len} bytes"),
            Self::Length { len, max } => {
                write!(f, "a request of {len} bytes, over socket.request.max.bytes, {max}")
            }
        }
    }
}

impl Incoming {
    pub(super) fn new(max_frame: usize) -> Self {
        Self { buffer: BytesMut::new(), max_frame, fresh: true }
    }

    /// The next frame, without its length prefix, if all of it is here.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Garbage> {
        let Some(len) = self.expected()? else { return Ok(None) };
        if self.buffer.len() < PREFIX + len {
            return Ok(None);
        }
        self.fresh = false;
        let mut frame = self.buffer.split_to(PREFIX + len).freeze();
        Ok(Some(frame.split_off(PREFIX)))
    }

    /// The buffer with room for what comes next.
    pub(super) fn room(&mut self) -> &mut BytesMut {
        let (have, spare) = (self.buffer.len(), self.buffer.capacity() - self.buffer.len());
        // A length that is not allowed ends the connection before anything more is read.
        let frame = self.expected().ok().flatten().map_or(0, |len| PREFIX + len);
        let missing = frame.saturating_sub(have);
        if missing > spare && missing > LEAST_ROOM {
            self.buffer.reserve(missing.min(have.max(FIRST_ROOM)));
        } else if spare < LEAST_ROOM {
            self.buffer.reserve(CHUNK);
        }
        &mut self.buffer
    }

    /// Bytes that are not handled yet.
    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Gives memory back that a past large frame has needed.
    pub(super) fn trim(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// The length of the frame that has begun.
    fn expected(&self) -> Result<Option<usize>, Garbage> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        if self.fresh {
            recognize(*prefix)?;
        }
        let (len, max) = (i32::from_be_bytes(*prefix), self.max_frame);
        match usize::try_from(len) {
            Ok(size) if size <= max => Ok(Some(size)),
            _ => Err(Garbage::Length { len, max }),
        }
    }
}

/// Peers that speak something else. As lengths these would be over 300 MB, which no first request has.
fn recognize(prefix: [u8; PREFIX]) -> Result<(), Garbage> {
    match &prefix {
        [0x16, 0x03, ..] => Err(Garbage::Tls),
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"DELE" | b"OPTI" | b"CONN" | b"PRI " => {
            Err(Garbage::Http)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(len).unwrap().to_be_bytes().to_vec();
        bytes.extend((0..=u8::MAX).cycle().take(len));
        bytes
    }

    /// Feeds `bytes` in reads of at most `step`, and gives the lengths of the frames.
    fn feed(incoming: &mut Incoming, mut bytes: &[u8], step: usize) -> Vec<usize> {
        let mut lengths = Vec::new();
        while !bytes.is_empty() {
            let buffer = incoming.room();
            let len = step.min(bytes.len()).min(buffer.capacity() - buffer.len());
            assert!(len > 0);
            buffer.extend_from_slice(&bytes[..len]);
            bytes = &bytes[len..];
            while let Some(frame) = incoming.next().unwrap() {
                assert!(frame.iter().copied().eq((0..=u8::MAX).cycle().take(frame.len())));
                lengths.push(frame.len());
            }
        }
        lengths
    }

    #[test]
    fn frames_come_out_whole_however_they_come_in() {
        let lengths = [0, 1, 5, 70_000, 3, 2_500_000, 0, 65_532, 10];
        let bytes: Vec<u8> = lengths.into_iter().flat_map(frame).collect();
        for step in [1, 3, 1000, 65_536, 1 << 22] {
            let mut incoming = Incoming::new(1 << 22);
            assert_eq!(feed(&mut incoming, &bytes, step), lengths, "step {step}");
            assert_eq!(incoming.len(), 0);
        }
    }

    #[test]
    fn steady_traffic_stays_in_one_buffer() {
        let mut incoming = Incoming::new(1 << 22);
        let bytes = frame(1_000_000);
        feed(&mut incoming, &bytes, 1 << 20);
        let capacity = incoming.room().capacity();
        let start = incoming.room().as_ptr();
        for _ in 0..50 {
            feed(&mut incoming, &bytes, 1 << 20);
            assert_eq!((incoming.room().as_ptr(), incoming.room().capacity()), (start, capacity));
        }
        assert!(capacity < 2 << 20, "{capacity}");
        incoming.trim();
        assert!(incoming.room().capacity() <= CHUNK);
    }

    #[test]
    fn a_promised_length_alone_takes_no_memory() {
        let mut incoming = Incoming::new(100 << 20);
        incoming.room().extend_from_slice(&(100_u32 << 20).to_be_bytes());
        assert_eq!(incoming.next(), Ok(None));
        assert!(incoming.room().capacity() <= 2 * FIRST_ROOM);
    }

    #[test]
    fn what_is_no_frame_is_told_apart() {
        let text = |bytes: &[u8]| {
            let mut incoming = Incoming::new(1000);
            incoming.room().extend_from_slice(bytes);
            incoming.next().unwrap_err().to_string()
        };
        assert_eq!(text(&[0x16, 3, 1, 2]), "peer speaks TLS, but this listener is plain text");
        assert_eq!(text(b"GET / HTTP/1.1"), "peer speaks HTTP, not Kafka's protocol");
        assert_eq!(text(&[0xff; 4]), "a request of -1 bytes");
        assert_eq!(
            text(&[0, 0, 4, 0]),
            "a request of 1024 bytes, over socket.request.max.bytes, 1000"
        );
        let mut incoming = Incoming::new(usize::MAX);
        feed(&mut incoming, &frame(2), 6);
        incoming.room().extend_from_slice(&[0x16, 3, 1, 2]);
        assert_eq!(incoming.next(), Ok(None), "only a first frame is taken for a greeting");
    }
}
