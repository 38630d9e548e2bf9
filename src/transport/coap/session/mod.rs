//! The message layer as a pure state machine: (input, now) → effects; no clocks, no sockets.
//!
//! [`Endpoint`] speaks with any number of peers: deduplication, piggy-backed and separate answers,
//! retransmission (RFC 7252 section 4), blockwise transfers both ways (RFC 7959), observation
//! (RFC 7641), and an answer at most three times as large as what came from an address that has
//! not shown that it is there (RFC 7252 section 11.3, RFC 9175). All it remembers is bounded by
//! [`Settings`], whatever peers do. What requests mean is not known here.

mod answer;
mod check;
mod compose;
mod download;
mod effects;
mod exchange;
mod gone;
mod held;
mod notify;
mod outgoing;
mod peers;
mod receive;
mod recent;
mod settings;
mod sweep;
#[cfg(test)]
mod tests;
mod upload;
mod verify;

pub use effects::{Answer, Effects, Ended, ExchangeId, Notice, ObservationId, Request, Step};
pub use peers::Peer;
pub use settings::Settings;

use self::exchange::Exchanges;
use self::held::Held;
use self::notify::Observations;
use self::outgoing::Outgoings;
use self::peers::Peers;
use self::recent::Recent;
use self::sweep::Timers;
use self::verify::Secret;
use std::time::Duration;

/// One door's message layer.
pub struct Endpoint {
    settings: Settings,
    random: Random,
    secret: Secret,
    peers: Peers,
    exchanges: Exchanges,
    recent: Recent,
    outgoing: Outgoings,
    observations: Observations,
    held: Held,
    timers: Timers,
    /// Bytes of bodies under way, both directions.
    bodies: usize,
}

/// How much is remembered: for the tests.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    pub peers: usize,
    pub waiting: usize,
    pub remembered: usize,
    pub unacknowledged: usize,
    pub observations: usize,
    pub held: usize,
    pub body_bytes: usize,
}

impl Endpoint {
    /// `seed`: for message ids and back-off; `secret`: for Echo values. Both fresh and random.
    pub fn new(settings: Settings, seed: u64, secret: [u8; 32]) -> Self {
        Self {
            recent: Recent::new(&settings),
            settings,
            random: Random(seed),
            secret: Secret(secret),
            peers: Peers::default(),
            exchanges: Exchanges::default(),
            outgoing: Outgoings::default(),
            observations: Observations::default(),
            held: Held::default(),
            timers: Timers::default(),
            bodies: 0,
        }
    }

    /// When [`Endpoint::tick`] has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        let acknowledge = self.exchanges.acknowledge_at();
        let (sweeps, outgoing) = (self.timers.next(), self.outgoing.next());
        [acknowledge, sweeps, outgoing].into_iter().flatten().min()
    }

    #[cfg(test)]
    pub fn load(&self) -> Load {
        Load {
            peers: self.peers.len(),
            waiting: self.exchanges.len(),
            remembered: self.recent.len(),
            unacknowledged: self.outgoing.len(),
            observations: self.observations.len(),
            held: self.held.len(),
            body_bytes: self.bodies,
        }
    }
}

/// A small generator (splitmix64): ids and delays need no more.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
