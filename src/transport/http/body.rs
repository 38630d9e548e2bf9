//! Request bodies: limited in size however they are sent, and in time.

use crate::model::reject::{Reason, Rejection};
use crate::registry::Credit;
use actix_web::error::PayloadError;
use actix_web::http::header::{HeaderMap, CONTENT_LENGTH};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{sleep, timeout, Sleep};

/// An announced length from which on reading waits for the memory of the whole body. What is
/// shorter, or comes in chunks, takes memory as it arrives, and never waits.
const LONG: usize = 64 << 10;

/// The whole body, at most `limit` bytes. A length that is announced as too large is refused
/// before anything is read. `memory` grows with the body; a long one is read once there is memory
/// for all of it, at most `wait` later.
///
/// # Errors
/// `TooLarge`, `QueueFull` (no memory for it), `TooSlow`, `ProtocolViolation` (the client broke off, or the encoding is broken).
pub(super) async fn read(
    headers: &HeaderMap,
    mut payload: Payload,
    limit: usize,
    memory: &mut Credit,
    wait: Duration,
) -> Result<Bytes, Rejection> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let long = announced.filter(|length| *length > LONG).unwrap_or(0);
    if long > 0 {
        take(memory, long, wait).await?;
        memory.hold(long);
    }
    let mut body = BytesMut::with_capacity(long);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| refused(&error))?;
        let length = body.len().saturating_add(chunk.len());
        if length > limit {
            return Err(too_large(limit));
        }
        if length > long {
            grow(memory, length)?;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads on what nobody wants, if it is little and comes soon: so a refusal that did not need the
/// body does not cost the connection.
pub(super) async fn discard(mut payload: Payload) {
    const LITTLE: usize = 64 << 10;
    const SOON: Duration = Duration::from_secs(1);
    let reading = async {
        let mut read = 0;
        while let Some(Ok(chunk)) = payload.next().await {
            read += chunk.len();
            if read > LITTLE {
                break;
            }
        }
    };
    // Too late is as good as too much: the connection is then closed.
    let _ = timeout(SOON, reading).await;
}

/// Waits for memory, at most so long.
///
/// # Errors
/// `QueueFull`.
pub(super) async fn take(
    credit: &mut Credit,
    bytes: usize,
    wait: Duration,
) -> Result<(), Rejection> {
    let taken = timeout(wait, credit.take(bytes)).await;
    taken.map_err(|_| no_memory())
}

fn grow(memory: &mut Credit, length: usize) -> Result<(), Rejection> {
    if memory.try_hold(length) {
        Ok(())
    } else {
        Err(no_memory())
    }
}

fn no_memory() -> Rejection {
    let detail = "too much is in memory already (http.body_memory, registry.in_flight)";
    Rejection::new(Reason::QueueFull, detail)
}

fn too_large(limit: usize) -> Rejection {
    let detail = format!("Payload size exceeds the limit of {limit} bytes");
    Rejection::new(Reason::TooLarge, detail)
}

fn refused(error: &PayloadError) -> Rejection {
    match error {
        PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            Rejection::new(Reason::TooSlow, "the body did not arrive in time")
        }
        PayloadError::Incomplete(_) => {
            Rejection::new(Reason::ProtocolViolation, "the body is incomplete")
        }
        _ => Rejection::new(Reason::ProtocolViolation, "the body's encoding is broken"),
    }
}

/// Tells whether a body has been read to its end.
#[derive(Clone, Default)]
pub(super) struct Finished(Rc<Cell<bool>>);

impl Finished {
    pub fn get(&self) -> bool {
        self.0.get()
    }
}

/// A body that must be whole in time.
pub(super) struct Timed {
    inner: actix_web::dev::Payload,
    sleep: Pin<Box<Sleep>>,
    finished: Finished,
}

impl Timed {
    pub fn new(inner: actix_web::dev::Payload, limit: Duration) -> (Self, Finished) {
        let finished = Finished::default();
        let timed = Self {
            inner,
            sleep: Box::pin(sleep(limit)),
            finished: finished.clone(),
        };
        (timed, finished)
    }
}

impl Stream for Timed {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.inner).poll_next(cx);
        match next {
            Poll::Ready(None) => self.finished.0.set(true),
            Poll::Ready(Some(_)) => {}
            Poll::Pending if self.sleep.as_mut().poll(cx).is_ready() => {
                let late = PayloadError::Io(io::ErrorKind::TimedOut.into());
                return Poll::Ready(Some(Err(late)));
            }
            Poll::Pending => {}
        }
        next
    }
}
