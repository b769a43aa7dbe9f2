//! One socket and the task that owns it.
//!
//! The task writes what is queued, reads until the socket has no more, and hands every answer to whoever asked. It
//! ends, failing what is in flight, when the peer closes, an answer is late or out of step, or nobody needs it.

use super::buffers::Buffers;
use super::frames::Frames;
use super::pipeline::Pipeline;
use super::{Options, Stream, Throttled};
use crate::clock::{Clock, Monotonic};
use crate::error::{Error, ErrorKind, Result};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::api::{ApiKey, Offered, Request, Versions};
use kafka_proto::frame::{Frame, decode_response, encode_request};
use kafka_proto::messages::api_versions;
use kafka_proto::wire::EncodeReason;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

/// Slices offered to one write.
const SLICES: usize = 64;

/// What became of a request.
pub(crate) enum Reply {
    /// Its answer, without the length prefix.
    Answer(Bytes),
    /// It was written, and the broker answers nothing to it.
    Written,
    /// The connection ended first.
    Failed {
        /// Why.
        error: Error,
        /// Whether any of its bytes went out, so that the broker may have acted on it.
        sent: bool,
    },
}

/// Called once with what became of a request, on the connection's task: it must not block.
pub(crate) type OnReply = Box<dyn FnOnce(Reply) + Send>;

struct Outgoing {
    frame: Frame,
    correlation_id: i32,
    deadline: Monotonic,
    answered: bool,
    on_reply: OnReply,
}

/// A handle to an open connection; the connection ends when the last is dropped.
#[derive(Clone)]
pub(crate) struct Connection {
    commands: mpsc::UnboundedSender<Outgoing>,
    shared: Arc<Shared>,
}

struct Shared {
    peer: String,
    offered: OnceLock<Offered>,
    next_id: AtomicI32,
    alive: AtomicBool,
    /// Nothing is sent before this moment; zero if no broker asked for a pause.
    muted_until: AtomicU64,
    options: Options,
    clock: Arc<Clock>,
}

impl Shared {
    fn muted_until(&self) -> Monotonic {
        Monotonic(self.muted_until.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.shared.peer).finish()
    }
}

/// What this client says of itself when it asks a broker for its versions.
pub(crate) fn introduction() -> api_versions::Request {
    api_versions::Request {
        client_software_name: "kafka-client".into(),
        client_software_version: env!("CARGO_PKG_VERSION").into(),
        ..Default::default()
    }
}

impl Connection {
    /// Takes over an open stream to `peer` and agrees on versions.
    pub(crate) async fn open(
        stream: Box<dyn Stream>,
        peer: String,
        options: Options,
        clock: Arc<Clock>,
        buffers: Buffers,
    ) -> Result<Self> {
        let (commands, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            peer,
            offered: OnceLock::new(),
            next_id: AtomicI32::new(0),
            alive: AtomicBool::new(true),
            muted_until: AtomicU64::new(0),
            options,
            clock,
        });
        tokio::spawn(Task::new(stream, queue, buffers, shared.clone()).run());
        let connection = Self { commands, shared };
        let offered = connection.handshake().await.map_err(Self::silent)?;
        connection.shared.offered.get_or_init(|| offered);
        Ok(connection)
    }

    /// A peer that hangs up at the first question is most often none that takes plain text.
    #[cold]
    fn silent(error: Error) -> Error {
        if error.kind() != ErrorKind::Disconnected {
            return error;
        }
        error.adding("; it may expect TLS or SASL, or be no Kafka broker")
    }

    /// Asks for the broker's versions, at our newest version first and then at the newest it names (KIP-511).
    async fn handshake(&self) -> Result<Offered> {
        let request = introduction();
        let mut version = api_versions::Request::stable().max;
        loop {
            let frame = self.ask(&request, version, self.request_timeout()).await?;
            let unsupported =
                frame.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes());
            let shape = if unsupported { 0 } else { version };
            let response = self.decode::<api_versions::Request>(frame, shape)?;
            let offered = Offered::new(response.api_keys.iter().map(|row| {
                let versions = Versions { min: row.min_version, max: row.max_version };
                (ApiKey(row.api_key), versions)
            }));
            if response.error_code.is_ok() {
                return Ok(offered);
            }
            let agreed = offered.agree::<api_versions::Request>().unwrap_or(0);
            if !unsupported || agreed >= version {
                let asked = format!("agree on versions with {}", self.shared.peer);
                return Err(Error::broker(response.error_code, asked));
            }
            version = agreed;
        }
    }

    /// The newest version of `R` that both sides speak.
    pub(crate) fn version<R: Request>(&self) -> Result<i16> {
        self.version_at_most::<R>(i16::MAX)
    }

    /// The newest version of `R`, up to `newest`, that both sides speak.
    pub(crate) fn version_at_most<R: Request>(&self, newest: i16) -> Result<i16> {
        let nothing = Offered::default();
        let offered = self.shared.offered.get().unwrap_or(&nothing);
        offered.agree_at_most::<R>(newest).map_err(|e| {
            let asked = format!("send {} to {}", R::NAME, self.shared.peer);
            Error::new(ErrorKind::Unsupported, asked, e.to_string()).with_source(e)
        })
    }

    /// Sends a request and awaits its answer, at the newest version that both sides speak.
    ///
    /// # Cancel safety
    /// Dropping the future forgets the answer; the request may have been sent.
    pub(crate) async fn call<R>(&self, request: &R) -> Result<R::Response>
    where
        R: Request<Response: Throttled>,
    {
        self.call_at(request, self.version::<R>()?).await
    }

    /// As [`Connection::call`], at a version that the caller chose.
    pub(crate) async fn call_at<R>(&self, request: &R, version: i16) -> Result<R::Response>
    where
        R: Request<Response: Throttled>,
    {
        self.call_within(request, version, self.request_timeout()).await
    }

    /// As [`Connection::call_at`], where the answer may take another time than `request.timeout.ms`.
    pub(crate) async fn call_within<R>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<R::Response>
    where
        R: Request<Response: Throttled>,
    {
        let frame = self.ask(request, version, timeout).await?;
        self.decode::<R>(frame, version)
    }

    /// Reads the answer to `R` at `version`, and gives the broker the pause that it asks for.
    pub(crate) fn decode<R>(&self, frame: Bytes, version: i16) -> Result<R::Response>
    where
        R: Request<Response: Throttled>,
    {
        match decode_response::<R>(frame, version) {
            Ok((_, response)) => {
                let pause = response.throttle_time();
                if !pause.is_zero() {
                    tracing::debug!(peer = self.shared.peer, ?pause, "throttled");
                    let until = self.shared.clock.now().monotonic.after(pause);
                    self.shared.muted_until.fetch_max(until.0, Ordering::Relaxed);
                }
                Ok(response)
            }
            Err(e) => Err(self.protocol_error(R::NAME, e)),
        }
    }

    #[cold]
    fn protocol_error(&self, name: &str, error: kafka_proto::wire::DecodeError) -> Error {
        let asked = format!("read the answer to {name} from {}", self.shared.peer);
        Error::new(ErrorKind::Protocol, asked, error.to_string()).with_source(error)
    }

    async fn ask<R: Request>(&self, request: &R, version: i16, timeout: Duration) -> Result<Bytes> {
        let (reply, answer) = oneshot::channel();
        self.send(
            request,
            version,
            timeout,
            true,
            Box::new(move |came| {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(came);
            }),
        )?;
        match answer.await {
            Ok(Reply::Answer(frame)) => Ok(frame),
            Ok(Reply::Failed { error, .. }) => Err(error),
            Ok(Reply::Written) | Err(_) => Err(self.ended()),
        }
    }

    /// Queues a request; `on_reply` learns what became of it. An `answered` request fails the connection when no
    /// answer comes within `timeout`.
    pub(crate) fn send<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
        answered: bool,
        on_reply: OnReply,
    ) -> Result<()> {
        let correlation_id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let client_id = Some(&self.shared.options.client_id);
        let frame = encode_request(request, version, correlation_id, client_id).map_err(|e| {
            let asked = format!("send {} to {}", R::NAME, self.shared.peer);
            let (kind, reason) = match e.reason() {
                EncodeReason::Lost { .. } => {
                    (ErrorKind::Unsupported, format!("{e}, and the broker takes no newer one"))
                }
                _ => (ErrorKind::Invalid, e.to_string()),
            };
            Error::new(kind, asked, reason).with_source(e)
        })?;
        // What waits for the end of a pause has its whole time after it.
        let sent_at = self.shared.clock.now().monotonic.max(self.shared.muted_until());
        let deadline = sent_at.after(timeout);
        self.commands
            .send(Outgoing { frame, correlation_id, deadline, answered, on_reply })
            .map_err(|_| self.ended())
    }

    #[cold]
    fn ended(&self) -> Error {
        let asked = format!("talk to {}", self.shared.peer);
        Error::new(ErrorKind::Disconnected, asked, "the connection has ended")
    }

    /// How long an answer may take (`request.timeout.ms`).
    pub(crate) fn request_timeout(&self) -> Duration {
        self.shared.options.request_timeout
    }

    /// Whether requests can still be sent.
    pub(crate) fn is_alive(&self) -> bool {
        self.shared.alive.load(Ordering::Acquire)
    }
}

struct Task {
    stream: Box<dyn Stream>,
    /// `None` once every handle is gone.
    queue: Option<mpsc::UnboundedReceiver<Outgoing>>,
    frames: Frames,
    /// Frames to be written, with who is told when one that gets no answer is out.
    outgoing: VecDeque<(Frame, Option<OnReply>)>,
    /// Whether some bytes of the first outgoing frame are out.
    partly_sent: bool,
    /// When the outgoing frames may go on, if the broker asked for a pause.
    held_until: Option<Monotonic>,
    pipeline: Pipeline<OnReply>,
    /// Fires at its moment or before it; the moment may have moved on since.
    timer: Option<(Pin<Box<Sleep>>, Monotonic)>,
    last_active: Monotonic,
    shared: Arc<Shared>,
}

impl Task {
    fn new(
        stream: Box<dyn Stream>,
        queue: mpsc::UnboundedReceiver<Outgoing>,
        buffers: Buffers,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            stream,
            queue: Some(queue),
            frames: Frames::new(buffers),
            outgoing: VecDeque::new(),
            partly_sent: false,
            held_until: None,
            pipeline: Pipeline::new(),
            timer: None,
            last_active: shared.clock.now().monotonic,
            shared,
        }
    }

    async fn run(mut self) {
        let error = poll_fn(|cx| self.poll(cx)).await;
        tracing::debug!(peer = self.shared.peer, %error, "connection ended");
        self.fail(&error);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.take_commands(cx);
        if let Err(e) = self.write(cx) {
            return Poll::Ready(self.lost("write", e));
        }
        if let Err(error) = self.read(cx) {
            return Poll::Ready(error);
        }
        if self.queue.is_none() && self.pipeline.is_empty() && self.outgoing.is_empty() {
            return Poll::Ready(self.error(ErrorKind::Closed, "nobody needs it any more"));
        }
        self.poll_timer(cx)
    }

    fn take_commands(&mut self, cx: &mut Context<'_>) {
        while let Some(queue) = &mut self.queue {
            match queue.poll_recv(cx) {
                Poll::Ready(Some(Outgoing {
                    frame,
                    correlation_id,
                    deadline,
                    answered,
                    on_reply,
                })) => {
                    if answered {
                        self.pipeline.on_request(correlation_id, deadline, on_reply);
                        self.outgoing.push_back((frame, None));
                    } else {
                        self.outgoing.push_back((frame, Some(on_reply)));
                    }
                }
                Poll::Ready(None) => self.queue = None,
                Poll::Pending => return,
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.held_until = None;
        while !self.outgoing.is_empty() {
            let muted = self.muted();
            if muted.is_some() && !self.partly_sent {
                self.held_until = muted;
                break;
            }
            // What has begun is finished, pause or not.
            let frames = if muted.is_some() { 1 } else { usize::MAX };
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut filled = 0;
            for (frame, _) in self.outgoing.iter().take(frames) {
                filled += frame.fill(slices.get_mut(filled..).unwrap_or_default());
            }
            let slices = slices.get(..filled).unwrap_or_default();
            let stream = Pin::new(&mut *self.stream);
            let Poll::Ready(sent) = stream.poll_write_vectored(cx, slices) else { return Ok(()) };
            let mut sent = sent?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            while let Some((frame, _)) = self.outgoing.front_mut() {
                sent = frame.advance(sent);
                if !frame.is_empty() {
                    self.partly_sent = true;
                    break;
                }
                self.partly_sent = false;
                if let Some((_, Some(on_reply))) = self.outgoing.pop_front() {
                    on_reply(Reply::Written);
                }
                if sent == 0 {
                    break;
                }
            }
        }
        // A stream may hold back what it was given until told otherwise.
        match Pin::new(&mut *self.stream).poll_flush(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }

    /// The end of the pause that the broker asked for, unless it is past.
    fn muted(&self) -> Option<Monotonic> {
        let until = self.shared.muted_until();
        // No clock is read where nobody was ever throttled.
        (until.0 != 0 && self.shared.clock.now().monotonic < until).then_some(until)
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<()> {
        loop {
            let frame = match self.frames.poll_next(cx, &mut *self.stream) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(e)) => return Err(self.lost("read", e)),
                Poll::Ready(Ok(frame)) => frame,
            };
            let Some(id) = frame.first_chunk().map(|id| i32::from_be_bytes(*id)) else {
                return Err(self.error(ErrorKind::Protocol, "an answer without correlation id"));
            };
            match self.pipeline.on_answer(id) {
                Ok(on_reply) => on_reply(Reply::Answer(frame)),
                Err(step) => {
                    let due =
                        step.due.map_or("none was due".to_owned(), |id| format!("{id} was due"));
                    let reason = format!("answer {} came where {due}", step.came);
                    return Err(self.error(ErrorKind::Protocol, &reason));
                }
            }
            self.last_active = self.shared.clock.now().monotonic;
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            let idle = self.last_active.after(self.shared.options.max_idle);
            let end = self.pipeline.deadline().unwrap_or(idle);
            let due = self.held_until.map_or(end, |held| held.min(end));
            let at = self.shared.clock.instant(due);
            match &mut self.timer {
                Some((_, armed)) if *armed <= due => {}
                Some((timer, armed)) => {
                    timer.as_mut().reset(at);
                    *armed = due;
                }
                none => *none = Some((Box::pin(tokio::time::sleep_until(at)), due)),
            }
            if let Some((timer, _)) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
            }
            self.timer = None;
            let now = self.shared.clock.now().monotonic;
            if now < due {
                continue;
            }
            if now < end {
                // The pause is over.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(if self.pipeline.is_empty() {
                self.error(ErrorKind::Disconnected, "idle for longer than connections.max.idle.ms")
            } else {
                self.error(ErrorKind::Timeout, "no answer within the time the request has")
            });
        }
    }

    #[cold]
    fn lost(&self, doing: &str, error: io::Error) -> Error {
        let kind = match error.kind() {
            io::ErrorKind::InvalidData => ErrorKind::Protocol,
            _ => ErrorKind::Disconnected,
        };
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the broker closed the connection".to_owned(),
            io::ErrorKind::InvalidData => error.to_string(),
            _ => format!("{doing}: {error}"),
        };
        self.error(kind, &reason).with_source(error)
    }

    #[cold]
    fn error(&self, kind: ErrorKind, reason: &str) -> Error {
        Error::new(kind, format!("talk to {}", self.shared.peer), reason)
    }

    fn fail(&mut self, error: &Error) {
        self.shared.alive.store(false, Ordering::Release);
        let mut late = Vec::new();
        if let Some(queue) = &mut self.queue {
            queue.close();
            while let Ok(command) = queue.try_recv() {
                late.push(command.on_reply);
            }
        }
        // The last frames of `outgoing` never left; the answered ones among them end the pipeline.
        // Called once more when the task is dropped, with nothing left.
        let written = usize::from(std::mem::take(&mut self.partly_sent));
        let unsent = self.outgoing.len() - written;
        let unsent_answered =
            self.outgoing.iter().rev().take(unsent).filter(|(_, waits)| waits.is_none()).count();
        let waiting: Vec<_> = self.pipeline.drain().collect();
        let sent = waiting.len() - unsent_answered.min(waiting.len());
        for (place, on_reply) in waiting.into_iter().enumerate() {
            on_reply(Reply::Failed { error: error.clone(), sent: place < sent });
        }
        for (place, (_, on_reply)) in self.outgoing.drain(..).enumerate() {
            if let Some(on_reply) = on_reply {
                on_reply(Reply::Failed { error: error.clone(), sent: place < written });
            }
        }
        for on_reply in late {
            on_reply(Reply::Failed { error: error.clone(), sent: false });
        }
    }
}

impl Drop for Task {
    /// The runtime may end before the connection does: nobody waits for ever.
    fn drop(&mut self) {
        let error = self.error(ErrorKind::Disconnected, "the runtime has ended");
        self.fail(&error);
    }
}

#[cfg(test)]
mod tests;
