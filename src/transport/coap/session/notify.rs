//! Observation (RFC 7641): who observes, and how changes reach them.

use super::compose::Frame;
use super::effects::{Answer, Effects, Ended, ExchangeId, Notice, ObservationId, Step};
use super::outgoing::{Confirmable, What};
use super::peers::Slot;
use super::Endpoint;
use crate::transport::coap::codec::{number, Block, Kind, Token, Writer};
use std::time::Duration;

/// Whether an exchange's answer begins an observation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Observing {
    No,
    Yes(ObservationId),
}

struct Observation {
    generation: u32,
    slot: Slot,
    token: Token,
    /// It was asked for by a confirmable request: so are its notifications.
    confirmable: bool,
    sequence: u32,
    /// What the later blocks of a notification are found by.
    key: u64,
    /// Size exponent of the largest block that the client asked for.
    largest: u8,
    /// Message id of the last notification that was not confirmable: a reset may name it.
    last_id: Option<u16>,
    /// When the peer last showed that it knows of it.
    confirmed: Duration,
}

#[derive(Default)]
pub(super) struct Observations {
    all: slab::Slab<Observation>,
    generation: u32,
}

impl Observations {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    fn get(&mut self, id: ObservationId) -> Option<&mut Observation> {
        let observation = self.all.get_mut(id.at as usize)?;
        (observation.generation == id.generation).then_some(observation)
    }

    fn id(&self, at: u32) -> Option<ObservationId> {
        let generation = self.all.get(at as usize)?.generation;
        Some(ObservationId { at, generation })
    }

    pub fn slot(&self, id: ObservationId) -> Option<Slot> {
        let observation = self.all.get(id.at as usize)?;
        (observation.generation == id.generation).then_some(observation.slot)
    }

    /// The number of the answer or notification that goes out now (RFC 7641 section 4.4).
    pub fn sequence(&mut self, id: ObservationId) -> Option<u32> {
        let observation = self.get(id)?;
        let sequence = observation.sequence;
        observation.sequence = (sequence + 1) & 0xff_ffff;
        Some(sequence)
    }
}

impl Endpoint {
    /// The answer to this request will begin an observation. One with the same token goes on
    /// (RFC 7641 section 4.1). `None`: there is no room for another.
    pub fn observe(&mut self, id: ExchangeId, now: Duration) -> Option<ObservationId> {
        let exchange = self.exchanges.get(id)?;
        let (slot, token, key) = (exchange.slot, exchange.token, exchange.key);
        let (confirmable, largest) = (exchange.kind == Kind::Con, exchange.largest_block());
        let observation = match self.observation_of(slot, token) {
            Some(known) => known,
            None => self.add_observation(slot, token)?,
        };
        if let Some(observation) = self.observations.get(observation) {
            observation.confirmable = confirmable;
            observation.key = key;
            observation.largest = largest;
            observation.confirmed = now;
        }
        self.exchanges.get(id)?.observing = Observing::Yes(observation);
        self.arm(slot, now + self.settings.observe_check);
        Some(observation)
    }

    fn add_observation(&mut self, slot: Slot, token: Token) -> Option<ObservationId> {
        let state = self.peers.get(slot)?;
        let full = state.observations.len() >= self.settings.observations_per_peer
            || self.observations.len() >= self.settings.observations;
        if full {
            return None;
        }
        self.observations.generation = self.observations.generation.wrapping_add(1);
        let generation = self.observations.generation;
        let at = self.observations.all.insert(Observation {
            generation,
            slot,
            token,
            confirmable: true,
            sequence: 0,
            key: 0,
            largest: Block::LARGEST,
            last_id: None,
            confirmed: Duration::ZERO,
        }) as u32;
        state.observations.push(at);
        Some(ObservationId { at, generation })
    }

    fn observation_of(&mut self, slot: Slot, token: Token) -> Option<ObservationId> {
        let state = self.peers.get(slot)?;
        let all = &self.observations.all;
        let at = state.observations.iter().copied();
        let at = at.into_iter().find(|at| {
            let observation = all.get(*at as usize);
            observation.is_some_and(|observation| observation.token == token)
        })?;
        self.observations.id(at)
    }

    /// Tells an observer of a change. What becomes of it is told by [`Effects::notes`], or its
    /// observation ends. One that has ended is left alone.
    pub fn notify(&mut self, id: ObservationId, notice: &Notice, now: Duration, fx: &mut Effects) {
        let observation = self.observations.get(id);
        let of = observation.map(|observation| (observation.slot, observation.key));
        if let Some((slot, key)) = of {
            if !self.hold(slot, key, id, notice, fx) {
                self.tell(id, notice, now, fx);
            }
        }
    }

    pub(super) fn tell(
        &mut self,
        id: ObservationId,
        notice: &Notice,
        now: Duration,
        fx: &mut Effects,
    ) {
        let check = self.settings.observe_check;
        let Some(observation) = self.observations.get(id) else {
            return;
        };
        let (slot, token, key) = (observation.slot, observation.token, observation.key);
        let largest = observation.largest;
        let silent = observation.confirmed + check <= now;
        let confirmable = observation.confirmable || silent;
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        let kind = match confirmable || !state.verified {
            true => Kind::Con,
            false => Kind::Non,
        };
        let frame = Frame {
            kind,
            id: state.take_id(),
            token,
            observe: self.observations.sequence(id),
            block1: None,
            block2: None,
            largest,
            asks_size: false,
            key,
            known: None,
        };
        let bytes = self.compose_notice(slot, &frame, &notice.answer, now);
        let message = Confirmable {
            id: frame.id,
            bytes: bytes.into(),
            what: What::Note(id, notice.note),
        };
        match kind {
            Kind::Con => self.notify_confirmable(slot, message, now, fx),
            _ => {
                if let Some(observation) = self.observations.get(id) {
                    observation.last_id = Some(message.id);
                }
                self.send(slot, message.bytes, fx);
                fx.notes.push((id, notice.note, Step::Delivered));
            }
        }
    }

    fn notify_confirmable(
        &mut self,
        slot: Slot,
        message: Confirmable,
        now: Duration,
        fx: &mut Effects,
    ) {
        let state = self.peers.get(slot);
        let (room, quiet) = state.map_or((0, false), |s| (s.room(), s.line.is_empty()));
        if message.bytes.len() > room && quiet {
            // Too much for an address that has not shown that it is there: it is asked to, in
            // four bytes, and this waits behind.
            self.ping(slot, now, fx);
        }
        let what = message.what;
        let full = !self.transmit(slot, message, now, fx);
        if let (What::Note(id, note), true) = (what, full) {
            fx.notes.push((id, note, Step::Failed));
        }
    }

    pub(super) fn note_arrived(
        &mut self,
        id: ObservationId,
        note: u64,
        now: Duration,
        fx: &mut Effects,
    ) {
        if let Some(observation) = self.observations.get(id) {
            observation.confirmed = now;
            fx.notes.push((id, note, Step::Delivered));
        }
    }

    /// Ends an observation from our side. `last`, if given, is what the observer hears: an answer
    /// without Observe, after which it expects no more (RFC 7641 section 3.2).
    pub fn end(&mut self, id: ObservationId, last: Option<&Answer>, fx: &mut Effects) {
        let Some(observation) = self.observations.get(id) else {
            return;
        };
        let (slot, token) = (observation.slot, observation.token);
        if let (Some(answer), Some(state)) = (last, self.peers.get(slot)) {
            let mut writer = Writer::new(Kind::Non, answer.code, state.take_id(), token);
            if let Some(seconds) = answer.max_age {
                writer.uint(number::MAX_AGE, seconds);
            }
            self.send(slot, writer.finish(&answer.payload).into(), fx);
        }
        self.forget_observation(id);
        self.rest(slot);
    }

    /// GET with Observe 1.
    pub(super) fn cancelled(&mut self, slot: Slot, token: Token, fx: &mut Effects) {
        if let Some(id) = self.observation_of(slot, token) {
            self.end_observation(id, Ended::Cancelled, fx);
        }
    }

    /// A reset that names no confirmable message of ours: the last one that was not.
    pub(super) fn reset_by(&mut self, slot: Slot, message: u16, fx: &mut Effects) {
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        let all = &self.observations.all;
        let at = state.observations.iter().copied().find(|at| {
            let observation = all.get(*at as usize);
            observation.is_some_and(|observation| observation.last_id == Some(message))
        });
        if let Some(id) = at.and_then(|at| self.observations.id(at)) {
            self.end_observation(id, Ended::Reset, fx);
        }
    }

    pub(super) fn end_observation(&mut self, id: ObservationId, why: Ended, fx: &mut Effects) {
        if self.forget_observation(id) {
            fx.ended.push((id, why));
        }
    }

    pub(super) fn end_observations_of(&mut self, slot: Slot, why: Ended, fx: &mut Effects) {
        let of_peer = self.peers.get(slot).map(|state| state.observations.clone());
        for at in of_peer.unwrap_or_default() {
            if let Some(id) = self.observations.id(at) {
                self.end_observation(id, why, fx);
            }
        }
    }

    fn forget_observation(&mut self, id: ObservationId) -> bool {
        let Some(observation) = self.observations.get(id) else {
            return false;
        };
        let slot = observation.slot;
        self.observations.all.remove(id.at as usize);
        if let Some(state) = self.peers.get(slot) {
            state.observations.retain(|at| *at != id.at);
            state.line.forget(id);
        }
        self.held.forget(slot, id);
        true
    }
}
