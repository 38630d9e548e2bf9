//! The door's one task: socket, message layer and devices tied together.

use super::guests::Guests;
use super::secure::Secure;
use super::socket::{Live, Socket};
use super::tasks::{Done, Listening, Task};
use super::watch::Watches;
use crate::model::credentials::Presented;
use crate::model::json::Rules;
use crate::model::reject::Reason;
use crate::model::session::Transport;
use crate::model::Millis;
use crate::observability::Metrics;
use crate::registry::Registry;
use crate::transport::coap::mapping::Speaker;
use crate::transport::coap::session::{Effects, Endpoint, Peer};
use crate::transport::coap::Config;
use crate::transport::dtls;
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::collections::VecDeque;
use std::future::{poll_fn, Future};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What the door goes by.
pub(super) struct Room {
    pub config: Config,
    pub rules: Rules,
    pub registry: Registry,
    pub metrics: Metrics,
    /// `None`: in the clear.
    pub security: Option<dtls::Security>,
}

pub(super) struct Worker {
    pub room: Room,
    pub endpoint: Endpoint,
    pub fx: Effects,
    pub guests: Guests,
    pub watches: Watches,
    pub tasks: FuturesUnordered<Task>,
    pub lines: FuturesUnordered<Listening>,
    pub secure: Option<Secure>,
    socket: Live,
    /// What the socket has not taken yet.
    pub output: VecDeque<(Peer, Bytes)>,
    timer: Pin<Box<Sleep>>,
    started: Instant,
    /// When guests are looked after next.
    guests_at: Duration,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Batches of datagrams that are read before anything else has its turn.
const BATCHES: usize = 4;
/// How long the door waits after a read that failed, so that it does not spin.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// How long the timer sleeps when nothing is due.
const NOTHING_DUE: Duration = Duration::from_secs(3600);
/// Finished tasks that are dealt with together.
const TASKS: usize = 256;

enum Event {
    Stop,
    Time,
    Writable,
    Done(Box<Done>),
    Readable,
}

/// Serves until `stop`.
///
/// # Errors
/// The socket cannot be had or is gone, or DTLS cannot be set up.
pub(super) async fn run(room: Room, socket: Socket, stop: CancellationToken) -> io::Result<()> {
    let endpoint = Endpoint::new(room.config.settings(), rand::random(), rand::random());
    let guests_at = room.config.known_for.0;
    let secure = Secure::open(&room)?;
    let mut worker = Worker {
        endpoint,
        room,
        fx: Effects::default(),
        guests: Guests::default(),
        watches: Watches::default(),
        secure,
        tasks: FuturesUnordered::new(),
        lines: FuturesUnordered::new(),
        socket: socket.arrive()?,
        output: VecDeque::new(),
        timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        started: Instant::now(),
        guests_at,
        stop: Box::pin(stop.cancelled_owned()),
    };
    loop {
        match poll_fn(|cx| worker.poll_event(cx)).await? {
            Event::Stop => break,
            Event::Time => worker.time(),
            Event::Writable => {}
            Event::Done(done) => worker.finished(*done),
            Event::Readable => {
                if let Err(error) = worker.read() {
                    // The next read may go well: a door that is shut helps nobody.
                    tracing::warn!(%error, "the CoAP door could not read; it tries again");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
        worker.carry_out();
    }
    worker.end().await;
    Ok(())
}

impl Worker {
    /// Since the door was opened: the message layer's clock.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Epoch milliseconds, for points without a time of their own.
    pub(super) fn wall(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
        })
    }

    /// What a speaker shows.
    pub(super) fn presented(&self, speaker: &Speaker) -> Presented {
        match speaker {
            Speaker::Token(token) => Presented::Token(token.clone()),
            Speaker::Association(number) => self.shown_in(*number),
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        if self.stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(Event::Stop));
        }
        self.arm_timer();
        if self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(Event::Time));
        }
        if let Poll::Ready(Some(done)) = self.tasks.poll_next_unpin(cx) {
            return Poll::Ready(Ok(Event::Done(Box::new(done))));
        }
        if let Poll::Ready(Some(done)) = self.lines.poll_next_unpin(cx) {
            return Poll::Ready(Ok(Event::Done(Box::new(done))));
        }
        // While the socket takes nothing, nothing is read: back-pressure reaches the peers.
        if !self.output.is_empty() {
            let writable = self.socket.poll_writable(cx);
            return writable.map(|result| result.map(|()| Event::Writable));
        }
        let readable = self.socket.poll_readable(cx);
        readable.map(|result| result.map(|()| Event::Readable))
    }

    /// Moved only when it would fire too late, or has fired.
    fn arm_timer(&mut self) {
        let guests = (!self.guests.is_empty()).then_some(self.guests_at);
        let secure = self.secure.as_ref().and_then(Secure::deadline);
        let next = [self.endpoint.deadline(), secure, guests];
        // A timer that has fired would fire for ever: with nothing due it is set far off.
        let next = next.into_iter().flatten().min();
        let next = next.unwrap_or_else(|| self.now() + NOTHING_DUE);
        let next = tokio::time::Instant::from_std(self.started + next);
        if self.timer.is_elapsed() || next < self.timer.deadline() {
            self.timer.as_mut().reset(next);
        }
    }

    fn time(&mut self) {
        let now = self.now();
        self.endpoint.tick(now, &mut self.fx);
        self.secure_tick(now);
        if now >= self.guests_at {
            let kept = self.room.config.known_for.0;
            self.guests.let_go(now.saturating_sub(kept));
            self.guests_at = now + kept / 2;
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let now = self.now();
        let (endpoint, fx, secure) = (&mut self.endpoint, &mut self.fx, &mut self.secure);
        for _ in 0..BATCHES {
            let read = self.socket.read(|peer, bytes| match secure {
                None => endpoint.datagram(peer, bytes, now, fx),
                Some(secure) => secure.datagram(&peer, bytes, now),
            })?;
            if read == 0 {
                break;
            }
        }
        self.secured(now);
        Ok(())
    }

    fn finished(&mut self, done: Done) {
        self.done(done);
        for _ in 0..TASKS {
            let next = self.tasks.next().now_or_never().flatten();
            let next = next.or_else(|| self.lines.next().now_or_never().flatten());
            match next {
                Some(done) => self.done(done),
                None => return,
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Connected { guest, result } => self.connected(guest, result),
            Done::Outcomes {
                guest,
                jobs,
                outcomes,
            } => self.outcomes(guest, jobs, outcomes),
            Done::Opened { device, result } => self.opened(device, result),
            Done::Observed {
                device,
                job,
                outcomes,
            } => self.observed(device, job, outcomes),
            Done::Downlink {
                device,
                session,
                downlink,
                line,
            } => self.downlink(device, session, downlink, line),
            Done::Vouched { number, refused } => self.vouched(number, refused.as_ref()),
            Done::Nothing => {}
        }
    }

    /// Deals with all effects, submits what came together, and writes.
    fn carry_out(&mut self) {
        loop {
            let fx = std::mem::take(&mut self.fx);
            self.send_out(fx.send);
            let quiet = fx.requests.is_empty() && fx.notes.is_empty() && fx.ended.is_empty();
            for (peer, rejection) in fx.refused {
                let peer = peer.address.ip().to_canonical();
                self.room
                    .registry
                    .refuse_stranger(Transport::Coap, peer, &rejection);
            }
            for (id, note, step) in fx.notes {
                self.noted(id, note, step);
            }
            for (id, why) in fx.ended {
                self.unobserved(id, why);
            }
            for request in fx.requests {
                self.serve(request);
            }
            if quiet && self.fx.send.is_empty() && self.fx.ended.is_empty() {
                break;
            }
        }
        self.submit();
        self.end_refused();
        self.write();
    }

    fn write(&mut self) {
        while let Some((peer, bytes)) = self.output.front() {
            if !self.socket.write(peer, bytes) {
                return;
            }
            self.output.pop_front();
        }
    }

    /// Observers hear that the platform stops; their sessions end in order.
    async fn end(mut self) {
        let devices: Vec<_> = self.watches.all.keys().copied().collect();
        for device in devices {
            self.end_watch(device, Reason::ShuttingDown);
        }
        self.carry_out();
        // What is under way is answered as far as it ends in time.
        while let Some(done) = self.tasks.next().await {
            self.done(done);
            self.carry_out();
        }
        self.say_goodbye();
        self.write();
    }
}
