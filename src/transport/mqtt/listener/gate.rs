//! How many connections there may be: in all, and per address before authentication.

use super::seats::{Beat, Seat, Seats};
use crate::model::address::network;
use crate::model::session::Transport;
use crate::observability::Metrics;
use crate::transport::mqtt::Config;
use ahash::AHashMap;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::Context;
use tokio::sync::Notify;

pub(super) struct Gate {
    most: usize,
    most_unauthenticated: usize,
    open: AtomicUsize,
    unauthenticated: Mutex<AHashMap<IpAddr, usize>>,
    changed: Notify,
    pub seats: Seats,
    metrics: Metrics,
}

/// One connection's place; dropping it frees the place.
pub(super) struct Pass {
    gate: Arc<Gate>,
    peer: IpAddr,
    authenticated: bool,
    seat: Seat,
    /// One too many: to be refused with a code once its CONNECT is there.
    pub crowded: bool,
}

impl Gate {
    pub fn new(config: &Config, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            most: config.max_connections,
            most_unauthenticated: config.max_unauthenticated_per_address,
            open: AtomicUsize::new(0),
            unauthenticated: Mutex::default(),
            changed: Notify::new(),
            seats: Seats::default(),
            metrics,
        })
    }

    /// `Err`: what limit is reached; such a connection is closed without a word.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Pass, &'static str> {
        // A few more than allowed are let in to be told so in CONNACK.
        let some_more = self.most / 16 + 16;
        if self.open.load(Ordering::Relaxed) >= self.most.saturating_add(some_more) {
            return Err("more connections than mqtt.max_connections");
        }
        if !self.count_in(peer) {
            return Err("more connections than mqtt.max_unauthenticated_per_address");
        }
        let open = self.open.fetch_add(1, Ordering::SeqCst);
        self.metrics.connection_opened(Transport::Mqtt);
        Ok(Pass {
            gate: self.clone(),
            peer,
            authenticated: false,
            seat: None,
            crowded: open >= self.most,
        })
    }

    fn count_in(&self, peer: IpAddr) -> bool {
        let mut counts = self.unauthenticated.lock();
        let count = counts.entry(network(peer)).or_default();
        let room = *count < self.most_unauthenticated;
        if room {
            *count += 1;
        }
        room
    }

    fn count_out(&self, peer: IpAddr) {
        let mut counts = self.unauthenticated.lock();
        let peer = network(peer);
        if let Some(count) = counts.get_mut(&peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&peer);
            }
        }
    }

    /// Returns when no connection is open.
    pub async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.open.load(Ordering::SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }
}

impl Pass {
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    pub fn door_stops(&self) -> bool {
        self.gate.seats.has_rung()
    }

    /// True: the door stops. Otherwise this task, and no other of the connection, is woken then.
    pub fn listen(&mut self, cx: &Context<'_>) -> bool {
        self.gate.seats.listen(&mut self.seat, cx)
    }

    /// The time has come to which `wake_at` was set.
    pub fn has_passed(&self, at: Beat) -> bool {
        self.gate.seats.has_passed(at)
    }

    /// True: that is now. Otherwise this task is woken then, and at no time that was set before.
    pub fn wake_at(&mut self, at: Beat, cx: &Context<'_>) -> bool {
        self.gate.seats.wake_at(at, &mut self.seat, cx)
    }

    /// The peer is a device now: it no longer counts against its address.
    pub fn authenticated(&mut self) {
        if !std::mem::replace(&mut self.authenticated, true) {
            self.gate.count_out(self.peer);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.authenticated();
        self.gate.seats.leave(&mut self.seat);
        self.gate.metrics.connection_closed(Transport::Mqtt);
        self.gate.open.fetch_sub(1, Ordering::SeqCst);
        self.gate.changed.notify_waiters();
    }
}
