//! One client's connection as a pure state machine for MQTT 3.1, 3.1.1 and 5 (contract/mqtt.md).
//!
//! ```text
//! Fresh ── CONNECT ─▶ Connecting ── Connected ─▶ Open ── (doomed: waits for outcomes) ─▶ Closed
//!   └ time-out, bad bytes ─▶ Closed   └ Refused ─▶ Closed
//! ```
//! An input and the time go in, effects come out; sockets, runtimes and clocks are the listener's.
//! A file per concern: `connect`, `publish` (from the client), `outcome` (acknowledgements),
//! `subscribe`, `deliver` (to the client), `inflight` (what a resumed session remembers),
//! `keepalive`, `end`.

mod connect;
mod deliver;
mod effects;
mod end;
mod inflight;
mod keepalive;
mod open;
mod outcome;
mod publish;
mod settings;
mod subscribe;
#[cfg(test)]
mod tests;

pub use connect::ConnectAs;
pub use effects::Effects;
pub use settings::Settings;

use super::codec::packet::{Connect, Published};
use super::codec::{DecodeError, Level, Packet};
use crate::model::device::ProfileOptions;
use crate::model::downlink::Downlink;
use crate::model::reject::Rejection;
use crate::model::session::StoredSession;
use crate::model::uplink::Outcome;
use crate::model::Millis;
use connect::Asked;
use open::Open;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The time of an input: `wall` for telemetry, `mono` (since any fixed start) for deadlines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    pub wall: Millis,
    pub mono: Duration,
}

/// What can happen to a connection.
#[derive(Debug)]
pub enum Input {
    /// The first packet. `spare_id` becomes the client id of a client that brings none.
    Connect {
        connect: Box<Connect>,
        spare_id: Uuid,
    },
    /// Any packet after it.
    Packet(Packet),
    /// Bytes that are no packet: the connection cannot go on.
    Malformed(DecodeError),
    /// A first packet that is no CONNECT to be answered to, and its level if it tells that.
    BadConnect(DecodeError, Option<Level>),
    /// The registry's answer to `Effects::connect`.
    Connected(Granted),
    Refused(Rejection),
    /// Outcomes in the order of the uplinks that were submitted.
    Outcomes(Vec<Outcome>),
    /// Everything in `Effects::send` so far has been written to the socket. Needed only where
    /// `Session::reports_what_left`.
    Written,
    Downlink(Downlink),
    /// A deadline may have passed.
    Tick,
    /// The connection is gone, or has to be cut; the text goes into the `Disconnected` event.
    Gone(&'static str),
}

/// What the registry granted.
#[derive(Debug)]
pub struct Granted {
    pub profile: ProfileOptions,
    pub resumed: Option<StoredSession>,
}

/// See the module.
pub struct Session {
    settings: Arc<Settings>,
    state: State,
}

enum State {
    Fresh { until: Duration },
    Connecting(Box<Asked>),
    Open(Box<Open>),
    Closed,
}

impl Session {
    /// A connection that was accepted at `now`.
    pub fn new(settings: Arc<Settings>, now: Now) -> Self {
        let until = now.mono + settings.connect_timeout;
        Self {
            settings,
            state: State::Fresh { until },
        }
    }

    /// Takes one input; what is to be done is added to `fx`.
    pub fn handle(&mut self, input: Input, now: Now, fx: &mut Effects) {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Fresh { until } => connect::fresh(&self.settings, until, input, now, fx),
            State::Connecting(asked) => connect::answered(&self.settings, asked, input, now, fx),
            State::Open(mut open) => {
                open.handle(&self.settings, input, now, fx);
                if fx.close.is_some() {
                    State::Closed
                } else {
                    State::Open(open)
                }
            }
            State::Closed => State::Closed,
        };
    }

    /// Takes a PUBLISH of an open session, where it was read.
    pub fn publish(&mut self, published: Published<'_>, now: Now, fx: &mut Effects) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        // A doomed session hears no packets.
        if open.doom.is_none() {
            open.keepalive.heard(now);
            open.publish(&self.settings, published, now, fx);
        }
        if fx.close.is_some() {
            self.state = State::Closed;
        }
    }

    /// True while more may be read. While it is false packets sent before CONNACK wait in the socket,
    /// and so do those of a client that is faster than the disk.
    pub fn takes_packets(&self) -> bool {
        match &self.state {
            State::Fresh { .. } => true,
            State::Open(open) => open.takes_packets(&self.settings),
            State::Connecting(_) | State::Closed => false,
        }
    }

    /// True while packets that have been read are understood: until the end begins, and not between
    /// CONNECT and its answer.
    pub fn hears(&self) -> bool {
        match &self.state {
            State::Fresh { .. } => true,
            State::Open(open) => open.doom.is_none(),
            State::Connecting(_) | State::Closed => false,
        }
    }

    /// Memory of what was taken from the client and has no outcome yet, in bytes.
    pub fn in_flight(&self) -> usize {
        match &self.state {
            State::Open(open) => open.pending_bytes,
            State::Fresh { .. } | State::Connecting(_) | State::Closed => 0,
        }
    }

    /// The client could not be heard until `now`, because we did not listen.
    pub fn excuse_silence(&mut self, now: Now) {
        if let State::Open(open) = &mut self.state {
            open.keepalive.heard(now);
        }
    }

    /// True while another downlink may be handed in (the channel is the queue when it is false).
    pub fn takes_downlinks(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.takes_downlinks(&self.settings))
    }

    /// True while downlinks have to wait because the client acknowledges too slowly.
    pub fn lets_downlinks_wait(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.lets_downlinks_wait(&self.settings))
    }

    /// True while `Input::Written` says something new to it.
    pub fn reports_what_left(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.outbound.leaves())
    }

    /// When `Input::Tick` is due at the latest, in terms of `Now::mono`.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.state {
            State::Fresh { until } => Some(*until),
            State::Open(open) => Some(open.deadline()),
            State::Connecting(_) | State::Closed => None,
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }
}
