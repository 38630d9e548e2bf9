//! The table of associations: (datagram, now) → effects.
//!
//! At an address there may be two: the one that lives, and one that shakes hands to take its place
//! (a client that began anew). What is under a key is tried on the first, then on the second: to
//! the wrong one it is noise, which DTLS ignores (RFC 6347, section 4.1.2.7).

use super::association::{Association, Read, State};
use super::config::Config;
use super::effects::{Address, Effects, Failure, Why};
use super::keys::KeysOf;
use super::pipe::Pipe;
use super::record::{self, First};
use super::security::{Current, Security};
use crate::model::credentials::Presented;
use crate::model::reject::{Reason, Rejection};
use crate::transport::tls::Handshakes;
use ahash::AHashMap;
use openssl::error::ErrorStack;
use openssl::ssl::SslStream;
use std::collections::BTreeSet;
use std::time::Duration;

#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub live: Option<u32>,
    pub new: Option<u32>,
}

pub struct Associations {
    pub(super) config: Config,
    pub(super) current: Current,
    pub(super) all: slab::Slab<Association>,
    pub(super) places: AHashMap<Address, Place>,
    /// Answers hellos; becomes the next association.
    pub(super) spare: Option<SslStream<Pipe>>,
    pub(super) handshakes: Handshakes,
    due: BTreeSet<(Duration, u32)>,
    generation: u32,
}

impl Associations {
    /// # Errors
    /// OpenSSL's, of the context.
    pub fn new(security: Security, keys_of: KeysOf) -> Result<Self, ErrorStack> {
        let config = security.config().clone();
        Ok(Self {
            handshakes: Handshakes::new(&config.files()),
            config,
            current: Current::new(security, keys_of)?,
            all: slab::Slab::new(),
            places: AHashMap::new(),
            spare: None,
            due: BTreeSet::new(),
            generation: 0,
        })
    }

    /// How many there are, and how many of them shake hands.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn datagram(&mut self, address: Address, bytes: &[u8], now: Duration, fx: &mut Effects) {
        let place = self.places.get(&address).copied().unwrap_or_default();
        match record::first(bytes) {
            Some(First::Hello(random)) => self.hello(address, bytes, random, now, fx),
            Some(First::Clear) => match (place.new, place.live) {
                (Some(new), _) => self.shake(new, bytes, now, fx),
                (None, Some(live)) => drop(self.read(live, Some(bytes), now, fx)),
                (None, None) => stray(address, "no handshake is under way here", fx),
            },
            Some(First::Sealed) => {
                let read = place
                    .live
                    .is_some_and(|live| self.read(live, Some(bytes), now, fx));
                match place.new {
                    Some(new) if !read => self.shake(new, bytes, now, fx),
                    None if place.live.is_none() => {
                        stray(address, "no association with this address", fx);
                    }
                    _ => {}
                }
            }
            None => stray(address, "not a DTLS record", fx),
        }
    }

    /// True: the association could read it.
    pub(super) fn read(
        &mut self,
        slot: u32,
        bytes: Option<&[u8]>,
        now: Duration,
        fx: &mut Effects,
    ) -> bool {
        let Some(number) = self.number(slot) else {
            return false;
        };
        let Some(one) = self.all.get_mut(slot as usize) else {
            return false;
        };
        let address = one.address;
        let read = one.read(bytes, |message| fx.heard.push((address, number, message)));
        let output = one.take_output();
        fx.send
            .extend(output.into_iter().map(|bytes| (address, bytes)));
        match read {
            Read::On(0) => return false,
            Read::On(_) => one.heard = now,
            Read::Goodbye => self.end(slot, Why::Goodbye, fx),
            Read::Failed => self.end(slot, Why::Failed, fx),
        }
        true
    }

    /// Sends a message to an association; to one that is gone nothing is sent.
    pub fn send(&mut self, number: u64, message: &[u8], fx: &mut Effects) {
        let Some(slot) = self.slot_of(number) else {
            return;
        };
        let Some(one) = self.all.get_mut(slot as usize) else {
            return;
        };
        let good = one.write(message);
        let address = one.address;
        let output = one.take_output();
        fx.send
            .extend(output.into_iter().map(|bytes| (address, bytes)));
        if !good {
            self.end(slot, Why::Failed, fx);
        }
    }

    /// Who its peer has proved to be.
    pub fn presented(&self, number: u64) -> Option<Presented> {
        let one = self.all.get(self.slot_of(number)? as usize)?;
        one.presented(self.current.security())
    }

    /// It may stay silent for as long again.
    pub fn keep(&mut self, number: u64, now: Duration) {
        if let Some(slot) = self.slot_of(number) {
            self.arm(slot, now + self.config.idle_after.0);
        }
    }

    /// Ends it with a goodbye; its session opens nothing more if it is `barred`.
    pub fn close(&mut self, number: u64, barred: bool, fx: &mut Effects) {
        let Some(slot) = self.slot_of(number) else {
            return;
        };
        if let Some(one) = self.all.get(slot as usize).filter(|_| barred) {
            if let Some(id) = one.session_id() {
                one.sessions.forget(&id);
            }
        }
        self.end(slot, Why::Ours, fx);
    }

    /// Ends all of them.
    pub fn close_all(&mut self, fx: &mut Effects) {
        let slots: Vec<u32> = self.all.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            self.end(slot, Why::Ours, fx);
        }
    }

    /// When `tick` has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Duration, fx: &mut Effects) {
        while let Some((due, slot)) = self.due.first().copied() {
            if due > now {
                return;
            }
            self.due.pop_first();
            match self.all.get(slot as usize) {
                Some(one) if matches!(one.state, State::Open) => {
                    let until = one.heard + self.config.idle_after.0;
                    let address = one.address;
                    match self.number(slot) {
                        Some(number) if until <= now => fx.silent.push((number, address)),
                        _ => self.arm(slot, until),
                    }
                }
                Some(_) => self.handshake_due(slot, now, fx),
                None => {}
            }
        }
    }

    /// Ends an open association, with a goodbye where that means something.
    pub(super) fn end(&mut self, slot: u32, why: Why, fx: &mut Effects) {
        let Some(number) = self.number(slot) else {
            return;
        };
        let Some(mut one) = self.remove(slot) else {
            return;
        };
        let address = one.address;
        // The port belongs to another now: it could not read a goodbye.
        match why {
            Why::Replaced => one.leave_session(),
            Why::Failed => {}
            _ => one.say_goodbye(),
        }
        let output = one.stream.get_mut().take();
        fx.send
            .extend(output.into_iter().map(|bytes| (address, bytes)));
        fx.closed.push((number, address, why));
    }

    pub(super) fn insert(&mut self, mut association: Association) -> u32 {
        self.generation = self.generation.wrapping_add(1).max(1);
        association.generation = self.generation;
        let due = association.due;
        let slot = self.all.insert(association) as u32;
        self.due.insert((due, slot));
        slot
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Association> {
        let one = self.all.try_remove(slot as usize)?;
        self.due.remove(&(one.due, slot));
        self.leave(one.address, slot);
        Some(one)
    }

    /// It is not at this address any more.
    pub(super) fn leave(&mut self, address: Address, slot: u32) {
        if let Some(place) = self.places.get_mut(&address) {
            place.live = place.live.filter(|live| *live != slot);
            place.new = place.new.filter(|new| *new != slot);
            if place.live.is_none() && place.new.is_none() {
                self.places.remove(&address);
            }
        }
    }

    pub(super) fn arm(&mut self, slot: u32, due: Duration) {
        if let Some(one) = self.all.get_mut(slot as usize) {
            self.due.remove(&(one.due, slot));
            one.due = due;
            self.due.insert((due, slot));
        }
    }

    /// What others know it by; never given to another, and never 0.
    pub(super) fn number(&self, slot: u32) -> Option<u64> {
        let one = self.all.get(slot as usize)?;
        Some(u64::from(one.generation) << 32 | u64::from(slot))
    }

    pub(super) fn slot_of(&self, number: u64) -> Option<u32> {
        let slot = (number & 0xffff_ffff) as u32;
        (self.number(slot)? == number).then_some(slot)
    }
}

fn stray(address: Address, what: &'static str, fx: &mut Effects) {
    fx.failed.push(Failure {
        address,
        device: None,
        rejection: Rejection::new(Reason::ProtocolViolation, what),
        presented: None,
    });
}
