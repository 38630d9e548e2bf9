//! What a connection waits for, all in one poll: no future of its own per kind of event.

use super::connection::Connection;
use super::seats::{beat, NEVER};
use crate::model::downlink::Downlink;
use crate::model::uplink::Outcome;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;

/// Bytes a client may leave unread before nothing more is done for it.
const UNREAD: usize = 256 * 1024;
/// What the packets of one read are taken to need in memory; what they did need is known then. JSON
/// of numbers comes to 2 to 4 times its length, the more the shorter its messages are.
const READ: usize = 4 * super::buffers::READ;
/// How often a full line of downlinks is looked at for its end.
const LOOK: Duration = Duration::from_secs(1);

/// What a connection waits for.
pub(super) enum Event {
    Outcomes(Vec<Outcome>),
    Downlink(Box<Downlink>),
    /// The device actor let go of the session.
    LetGo,
    Readable,
    Writable,
    Time,
    Stop,
}

impl Connection {
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.hears_stop(cx) {
            return Poll::Ready(Event::Stop);
        }
        if self.poll_timer(cx).is_ready() {
            return Poll::Ready(Event::Time);
        }
        if self.unread() > 0 && self.wire.poll_write_ready(cx).is_ready() {
            return Poll::Ready(Event::Writable);
        }
        if self.unread() > UNREAD {
            self.credit.give_up();
            return Poll::Pending;
        }
        if let Some(ticket) = self.tickets.front_mut() {
            if let Poll::Ready(outcomes) = Pin::new(ticket).poll(cx) {
                self.tickets.pop_front();
                return Poll::Ready(Event::Outcomes(outcomes));
            }
        }
        if self.talk.session.takes_downlinks() {
            if let Some(downlinks) = &mut self.downlinks {
                if let Poll::Ready(downlink) = downlinks.poll_recv(cx) {
                    return Poll::Ready(downlink.map_or(Event::LetGo, Event::Downlink));
                }
            }
        }
        self.poll_read(cx)
    }

    /// Something is there, and memory for what is read out of it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if !self.talk.session.takes_packets() {
            self.credit.give_up();
            return Poll::Pending;
        }
        ready!(self.wire.poll_read_ready(cx));
        if self.talk.session.is_open() {
            ready!(self.credit.poll_take(READ, cx));
        }
        Poll::Ready(Event::Readable)
    }

    /// Listens once in this task; from then on a look at a flag tells whether to listen again.
    fn hears_stop(&mut self, cx: &mut Context<'_>) -> bool {
        if self.told || (self.listens && !self.pass.door_stops()) {
            return false;
        }
        self.listens = true;
        self.told = self.pass.listen(cx);
        self.told
    }

    /// It wakes this task, and a look at a number tells whether it has. Set anew only when it would
    /// come too late, or has come: a packet costs no timer.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = self.downlinks.is_some() && self.talk.session.lets_downlinks_wait();
        let look = waiting.then(|| self.talk.now().mono + LOOK);
        let next = earlier(self.talk.session.deadline(), self.write_by());
        let Some(next) = earlier(next, look).map(beat) else {
            return Poll::Pending;
        };
        if next >= self.wakes_at && !self.pass.has_passed(self.wakes_at) {
            return Poll::Pending;
        }
        let now = self.pass.wake_at(next, cx);
        self.wakes_at = if now { NEVER } else { next };
        match now {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
