//! One TCP connection, with what actix leaves open: time limits for the heads of later requests,
//! for clients that do not read, and for connections about to close; the moment when a response
//! has really been written; and word of a client that has gone while a poll waits.
//!
//! A worker's connections and handlers share one thread, so `Connection` needs no locks.

use super::limits::Place;
use super::socket::Socket;
use super::Config;
use crate::model::credentials::CertificateChain;
use crate::model::reject::{Reason, Rejection};
use crate::transport::tls::PeerCertificates;
use actix_http::error::DispatchError;
use std::cell::{Cell, RefCell};
use std::future::{poll_fn, Future};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{sleep_until, Instant, Sleep};

/// Gives actix's own limit for the first head the time to answer 408.
const MARGIN: Duration = Duration::from_millis(500);
/// How long a client may go on sending what will not be read, so that it finds our answer.
const LINGER: Duration = Duration::from_secs(2);

/// What the socket and the handlers of one connection tell each other.
#[derive(Clone, Default)]
pub(super) struct Connection(Rc<Shared>);

#[derive(Default)]
struct Shared {
    phase: Cell<Phase>,
    gone: Cell<bool>,
    /// A head or a write took too long.
    slow: Cell<bool>,
    /// A handler was called at least once.
    served: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
    unconfirmed: RefCell<Vec<oneshot::Sender<bool>>>,
    /// What the client has proved to hold.
    certificates: Option<PeerCertificates>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Phase {
    /// Between requests: actix's keep-alive watches.
    #[default]
    Idle,
    /// A request's head has begun to arrive, and must be whole by then.
    Head(Instant),
    /// A handler is at work.
    Busy,
    /// Answered for the last time; whatever still arrives is of no interest.
    Closing(Instant),
    /// A WebSocket: its handler watches.
    Upgraded,
}

impl Connection {
    fn of(certificates: Option<CertificateChain>) -> Self {
        Self(Rc::new(Shared {
            certificates: certificates.map(|chain| PeerCertificates(Rc::new(chain))),
            ..Shared::default()
        }))
    }

    /// The client's certificates, if it has shown some.
    pub fn certificates(&self) -> Option<&PeerCertificates> {
        self.0.certificates.as_ref()
    }

    /// A handler begins.
    pub fn busy(&self) {
        self.0.served.set(true);
        if !matches!(self.0.phase.get(), Phase::Closing(_)) {
            self.0.phase.set(Phase::Busy);
        }
    }

    /// The handler has its response.
    pub fn answered(&self, upgraded: bool) {
        if self.0.phase.get() == Phase::Busy {
            self.0.phase.set(if upgraded {
                Phase::Upgraded
            } else {
                Phase::Idle
            });
        }
    }

    /// The answer is on its way and the rest of the request will not be read.
    pub fn close_soon(&self) {
        self.0.phase.set(Phase::Closing(Instant::now() + LINGER));
    }

    /// Completes when the client has closed its side, or the connection is broken.
    pub async fn gone(&self) {
        poll_fn(|cx| {
            if self.0.gone.get() {
                return Poll::Ready(());
            }
            *self.0.waiting.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Confirms as soon as all bytes handed to the connection so far are written. If that never
    /// happens, `written` is dropped with the connection.
    pub fn confirm_when_written(&self, written: oneshot::Sender<bool>) {
        self.0.unconfirmed.borrow_mut().push(written);
    }

    /// What there is to hold against a connection that has ended, beyond what handlers refused.
    pub fn verdict(&self, end: &Result<(), DispatchError>) -> Option<Rejection> {
        let slow = || Rejection::new(Reason::TooSlow, "a request or its answer took too long");
        match end {
            Err(DispatchError::Parse(error)) => Some(Rejection::new(
                Reason::ProtocolViolation,
                format!("no HTTP request: {error}"),
            )),
            _ if self.0.slow.get() => Some(slow()),
            // The client did not close, and never said enough for a handler: actix's limit for
            // the first head.
            Ok(()) if !self.0.gone.get() && !self.0.served.get() => Some(slow()),
            _ => None,
        }
    }

    fn ended(&self) {
        self.0.gone.set(true);
        if let Some(waker) = self.0.waiting.borrow_mut().take() {
            waker.wake();
        }
    }

    fn flushed(&self) {
        for written in self.0.unconfirmed.borrow_mut().drain(..) {
            // The device actor may have given up meanwhile.
            let _ = written.send(true);
        }
    }

    /// Until when bytes are waited for.
    fn read_limit(&self) -> Option<Instant> {
        match self.0.phase.get() {
            Phase::Head(until) | Phase::Closing(until) => Some(until),
            Phase::Idle | Phase::Busy | Phase::Upgraded => None,
        }
    }
}

/// The socket as actix reads and writes it.
pub(super) struct Wire {
    stream: Socket,
    connection: Connection,
    head_limit: Duration,
    write_limit: Duration,
    reading: Timer,
    writing: Timer,
    _place: Place,
}

impl Wire {
    pub fn new(stream: Socket, place: Place, config: &Config) -> Self {
        Self {
            connection: Connection::of(stream.certificates()),
            stream,
            head_limit: config.header_timeout.0 + MARGIN,
            write_limit: config.body_timeout.0,
            reading: Timer::default(),
            writing: Timer::default(),
            _place: place,
        }
    }

    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // What was not written goes back.
        self.connection.0.unconfirmed.borrow_mut().clear();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let limit = this.connection.read_limit();
        let before = buf.filled().len();
        // Past its limit a connection reads as closed, also when bytes are there.
        if limit.is_some_and(|limit| this.reading.expired(limit, cx)) {
            let head = matches!(this.connection.0.phase.get(), Phase::Head(_));
            this.connection.0.slow.set(head);
            this.connection.ended();
            return Poll::Ready(Ok(()));
        }
        let result = ready!(Pin::new(&mut this.stream).poll_read(cx, buf));
        if result.is_err() || buf.filled().len() == before {
            this.connection.ended();
        } else if this.connection.0.phase.get() == Phase::Idle {
            let until = Instant::now() + this.head_limit;
            this.connection.0.phase.set(Phase::Head(until));
        }
        Poll::Ready(result)
    }
}

impl Wire {
    /// A write that cannot go on is an error once the limit is over.
    fn stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.writing.reset();
            return result;
        }
        let limit = self.writing.limit_or(Instant::now() + self.write_limit);
        if self.writing.expired(limit, cx) {
            self.connection.0.slow.set(true);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.stalled(cx, result)
    }

    /// actix flushes when, and only when, it has handed over everything it had to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.connection.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A limit that is seldom needed: no memory until then.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// True once `limit` is over; otherwise the task is woken then.
    fn expired(&mut self, limit: Instant, cx: &mut Context<'_>) -> bool {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(limit)));
        if sleep.deadline() != limit {
            sleep.as_mut().reset(limit);
        }
        sleep.as_mut().poll(cx).is_ready()
    }

    fn limit_or(&self, limit: Instant) -> Instant {
        self.sleep.as_ref().map_or(limit, |sleep| sleep.deadline())
    }

    fn reset(&mut self) {
        self.sleep = None;
    }
}
