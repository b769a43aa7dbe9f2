//! Cuts the bytes of a connection into frames.
//!
//! Small frames share one read and are copied out; a large one is read straight into a buffer of its size.

use super::buffers::{Buffer, Buffers};
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// What one read takes when no large frame is under way.
const STAGE: usize = 32 << 10;
/// A response larger than this is refused: no setting asks for that much at once.
const FRAME_MAX: usize = 1 << 30;
/// Memory that a length is trusted with before its bytes are there.
const TRUSTED: usize = 8 << 20;

/// Reads frames without their length prefix.
#[derive(Debug)]
pub(crate) struct Frames {
    stage: Box<[u8]>,
    /// Bytes of the stage that are read and not yet given out.
    start: usize,
    end: usize,
    large: Option<Large>,
    buffers: Buffers,
}

/// A large frame under way.
#[derive(Debug)]
struct Large {
    buffer: Buffer,
    /// How much of it is there.
    filled: usize,
    len: usize,
}

impl Large {
    /// Where its next bytes go; nowhere if it is whole. Room grows with what came, whatever length was announced.
    fn room(&mut self) -> &mut [u8] {
        if self.filled == self.buffer.as_ref().len() {
            self.buffer.grow(self.len.min(self.filled.saturating_mul(2)));
        }
        self.buffer.tail_mut(self.filled)
    }
}

impl Frames {
    pub(crate) fn new(buffers: Buffers) -> Self {
        Self { stage: vec![0; STAGE].into_boxed_slice(), start: 0, end: 0, large: None, buffers }
    }

    /// The next frame.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncRead + Unpin + ?Sized),
    ) -> Poll<io::Result<Bytes>> {
        loop {
            if let Some(large) = &mut self.large {
                let room = large.room();
                if room.is_empty() {
                    if let Some(large) = self.large.take() {
                        return Poll::Ready(Ok(large.buffer.into_bytes()));
                    }
                    continue;
                }
                large.filled += ready!(poll_read(cx, stream, room))?;
                continue;
            }
            if let Some(frame) = self.staged()? {
                return Poll::Ready(Ok(frame));
            }
            if self.large.is_some() {
                continue;
            }
            self.stage.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let room = self.stage.get_mut(self.end..).unwrap_or_default();
            self.end += ready!(poll_read(cx, stream, room))?;
        }
    }

    /// A frame that is wholly in the stage; or moves what there is of a large one into its own buffer.
    fn staged(&mut self) -> io::Result<Option<Bytes>> {
        let staged = self.stage.get(self.start..self.end).unwrap_or_default();
        let Some((prefix, rest)) = staged.split_first_chunk::<4>() else { return Ok(None) };
        let len = frame_len(*prefix)?;
        if let Some(frame) = rest.get(..len) {
            self.start += 4 + len;
            return Ok(Some(Bytes::copy_from_slice(frame)));
        }
        if 4 + len > STAGE {
            let mut buffer = self.buffers.take(len.min(TRUSTED));
            if let Some(front) = buffer.tail_mut(0).get_mut(..rest.len()) {
                front.copy_from_slice(rest);
            }
            self.large = Some(Large { buffer, filled: rest.len(), len });
            (self.start, self.end) = (0, 0);
        }
        Ok(None)
    }
}

fn frame_len(prefix: [u8; 4]) -> io::Result<usize> {
    let refuse = |text: String| Err(io::Error::new(io::ErrorKind::InvalidData, text));
    if matches!(prefix, [0x15, 0x03, ..]) {
        let text = "the broker answers in TLS, and this version speaks plain text only; name a \
                    PLAINTEXT listener";
        return refuse(text.to_owned());
    }
    let len = i32::from_be_bytes(prefix);
    match usize::try_from(len) {
        Ok(len) if len <= FRAME_MAX => Ok(len),
        _ if prefix.is_ascii() && !prefix.iter().any(u8::is_ascii_control) => {
            let text = String::from_utf8_lossy(&prefix);
            refuse(format!("what answers is no Kafka broker: it begins with {text:?}"))
        }
        _ => refuse(format!("a frame of {len} bytes cannot be; it may be no Kafka broker")),
    }
}

fn poll_read(
    cx: &mut Context<'_>,
    stream: &mut (impl AsyncRead + Unpin + ?Sized),
    target: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut target = ReadBuf::new(target);
    ready!(Pin::new(stream).poll_read(cx, &mut target))?;
    match target.filled().len() {
        0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
        read => Poll::Ready(Ok(read)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn framed(len: usize) -> Vec<u8> {
        let body: Vec<u8> = (0..len).map(|i| i.to_le_bytes()[0]).collect();
        [&u32::try_from(len).unwrap().to_be_bytes()[..], &body].concat()
    }

    /// Gives out at most `step` bytes a read.
    struct Steps<'a>(&'a [u8], usize);

    impl AsyncRead for Steps<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let taken = self.1.min(self.0.len()).min(buf.remaining());
            let (now, later) = self.0.split_at(taken);
            buf.put_slice(now);
            self.0 = later;
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn frames_come_whole_however_the_bytes_are_cut() {
        let sizes = [0, 1, 5, STAGE - 4, STAGE - 3, 7, 200_000, 3];
        let bytes: Vec<u8> = sizes.iter().flat_map(|len| framed(*len)).collect();
        for step in [1, 2, 3, 4096, STAGE, STAGE + 1, usize::MAX] {
            let mut stream = Steps(&bytes, step);
            let mut frames = Frames::new(Buffers::default());
            let mut cx = Context::from_waker(Waker::noop());
            for len in sizes {
                let Poll::Ready(Ok(frame)) = frames.poll_next(&mut cx, &mut stream) else {
                    panic!("no frame of {len} bytes at step {step}")
                };
                assert_eq!(frame[..], framed(len)[4..]);
            }
            assert!(matches!(frames.poll_next(&mut cx, &mut stream), Poll::Ready(Err(_))));
        }
    }

    #[test]
    fn memory_grows_with_what_came_not_with_what_was_announced() {
        let sizes = [2 * TRUSTED + 1, 5];
        let bytes: Vec<u8> = sizes.iter().flat_map(|len| framed(*len)).collect();
        let mut stream = Steps(&bytes, STAGE);
        let mut frames = Frames::new(Buffers::default());
        let mut cx = Context::from_waker(Waker::noop());
        for len in sizes {
            let Poll::Ready(Ok(frame)) = frames.poll_next(&mut cx, &mut stream) else {
                panic!("no frame of {len} bytes")
            };
            assert!(frame[..] == framed(len)[4..], "{len} bytes, and others");
        }
        let mut stream = Steps(&[0x3f, 0xff, 0xff, 0xff, 1, 2, 3], STAGE);
        assert!(matches!(frames.poll_next(&mut cx, &mut stream), Poll::Ready(Err(_))));
        let held = frames.large.as_ref().map(|large| large.buffer.as_ref().len());
        assert_eq!(held, Some(TRUSTED));
    }

    #[test]
    fn what_cannot_be_kafka_is_refused_by_name() {
        let refusal = |prefix| frame_len(prefix).unwrap_err().to_string();
        assert!(refusal([0x15, 3, 3, 0]).contains("TLS"));
        assert!(refusal(*b"HTTP").contains("HTTP"));
        assert!(refusal([0xff; 4]).contains("-1 bytes"));
        assert!(refusal([0x7f, 0xff, 0xff, 0xff]).contains("2147483647 bytes"));
    }
}
