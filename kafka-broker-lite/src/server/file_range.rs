//! Sends ranges of files, so that a reader of old records keeps nobody else waiting.
//!
//! What is in the system's memory goes out at once, in pieces. What is not is first read by a thread: all connections
//! share theirs, and it must not wait for the medium.

use crate::net::Stream;
use kafka_proto::records::{FileRange, Records};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// What is looked at, read and sent at a time.
const PIECE: usize = 256 * 1024;

/// The file ranges of one connection.
#[derive(Debug, Default)]
pub(super) struct FileSender {
    reading: Option<JoinHandle<()>>,
    /// The piece that was found or brought into memory.
    ready: Option<FileRange>,
}

impl FileSender {
    /// Sends the beginning of `range`; gives how many bytes.
    pub(super) fn poll_send(
        &mut self,
        stream: &mut dyn Stream,
        cx: &mut Context<'_>,
        range: &FileRange,
    ) -> Poll<io::Result<usize>> {
        if let Some(reading) = &mut self.reading {
            // Should the thread have failed, sending tells why.
            let _read = ready!(Pin::new(reading).poll(cx));
            self.reading = None;
        }
        let mut piece = FileRange { len: range.len.min(PIECE), ..range.clone() };
        match self.ready.as_ref().and_then(|ready| rest(ready, range)) {
            Some(len) => piece.len = len,
            None => {
                self.ready = Some(piece.clone());
                if !is_in_memory(&piece) {
                    let mut reading = read(piece);
                    let done = Pin::new(&mut reading).poll(cx).is_ready();
                    self.reading = (!done).then_some(reading);
                    if !done {
                        return Poll::Pending;
                    }
                    piece = FileRange { len: range.len.min(PIECE), ..range.clone() };
                }
            }
        }
        let sent = ready!(stream.poll_send_file(cx, &piece))?;
        match sent {
            // The file is shorter than it was.
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            sent => Poll::Ready(Ok(sent)),
        }
    }
}

/// How much of `range` lies at its beginning in `ready`.
fn rest(ready: &FileRange, range: &FileRange) -> Option<usize> {
    let end = ready.offset + ready.len as u64;
    let inside =
        Arc::ptr_eq(&ready.file, &range.file) && (ready.offset..end).contains(&range.offset);
    let left = usize::try_from(end.checked_sub(range.offset)?).ok()?;
    inside.then(|| left.min(range.len))
}

fn read(piece: FileRange) -> JoinHandle<()> {
    tokio::task::spawn_blocking(move || drop(Records::File(piece).to_bytes()))
}

/// Whether the ends of a piece can be read without waiting; where the system does not tell, they are taken to be.
#[cfg(target_os = "linux")]
fn is_in_memory(piece: &FileRange) -> bool {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    let waits = |at: u64| {
        let mut byte = [0];
        let mut slices = [io::IoSliceMut::new(&mut byte)];
        preadv2(&*piece.file, &mut slices, at, ReadWriteFlags::NOWAIT) == Err(Errno::AGAIN)
    };
    let last = piece.offset + (piece.len as u64).saturating_sub(1);
    !waits(piece.offset) && !waits(last)
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &FileRange) -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::fs::{Advice, fadvise};
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_range_arrives_whether_it_is_in_memory_or_not() {
        let path = std::env::temp_dir().join(format!("range-{}", std::process::id()));
        let content: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
        std::fs::write(&path, &content).unwrap();
        let file = Arc::new(std::fs::File::open(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        file.sync_all().unwrap();
        fadvise(&*file, 0, None, Advice::DontNeed).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (reader, accepted) = tokio::join!(connecting, listener.accept());
        let (mut reader, mut stream) = (reader.unwrap(), accepted.unwrap().0);
        let sending = async {
            let mut sender = FileSender::default();
            for _ in 0..2 {
                let mut range = FileRange { file: Arc::clone(&file), offset: 1000, len: 2_500_000 };
                while range.len > 0 {
                    let send = poll_fn(|cx| sender.poll_send(&mut stream, cx, &range));
                    let sent = send.await.unwrap();
                    range.offset += sent as u64;
                    range.len -= sent;
                }
            }
            drop(stream);
        };
        let mut got = Vec::new();
        let ((), read) = tokio::join!(sending, reader.read_to_end(&mut got));
        assert_eq!(read.unwrap(), 5_000_000);
        assert!(got.chunks(2_500_000).all(|once| *once == content[1000..2_501_000]));
    }

    #[tokio::test]
    async fn a_file_that_was_cut_is_an_error() {
        let path = std::env::temp_dir().join(format!("cut-{}", std::process::id()));
        std::fs::write(&path, [7; 100]).unwrap();
        let file = Arc::new(std::fs::File::open(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (reader, accepted) = tokio::join!(connecting, listener.accept());
        let (_reader, mut stream) = (reader.unwrap(), accepted.unwrap().0);
        let mut sender = FileSender::default();
        let range = FileRange { file, offset: 100, len: 10 };
        let sent = poll_fn(|cx| sender.poll_send(&mut stream, cx, &range)).await;
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
