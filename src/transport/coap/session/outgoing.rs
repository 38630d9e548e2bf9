//! Our confirmable messages: retransmitted with back-off until acknowledged or given up
//! (RFC 7252 section 4.2), NSTART of them to a peer at once (section 4.7).

use super::effects::{Effects, Ended, ObservationId, Step};
use super::peers::Slot;
use super::Endpoint;
use crate::model::scarce::Scarce;
use crate::transport::coap::codec::{Kind, Writer};
use ahash::AHashMap;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::time::Duration;

/// After so many acknowledgements of nothing a peer's next one does not show that it is there.
const GUESSES: u8 = 16;

/// What a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// An answer apart from its acknowledgement.
    Answer,
    Note(ObservationId, u64),
    /// Is an observer still there?
    Ping,
}

/// A confirmable message of ours.
pub(super) struct Confirmable {
    pub id: u16,
    pub bytes: Bytes,
    pub what: What,
}

/// One on its way.
struct Outgoing {
    bytes: Bytes,
    tries: u8,
    timeout: Duration,
    due: Duration,
    what: What,
}

#[derive(Default)]
pub(super) struct Outgoings {
    open: AHashMap<(Slot, u16), Outgoing>,
    due: BTreeSet<(Duration, Slot, u16)>,
}

/// A peer's messages: on their way, and waiting for their turn.
#[derive(Default)]
pub(super) struct Line {
    in_flight: u32,
    waiting: Scarce<Confirmable>,
}

impl Line {
    pub fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.waiting.is_empty()
    }

    pub fn forget(&mut self, observation: ObservationId) {
        let of_it = |what: What| matches!(what, What::Note(id, _) if id == observation);
        self.waiting.retain(|message| !of_it(message.what));
    }
}

impl Outgoings {
    #[cfg(test)]
    pub fn len(&self) -> usize {
        assert_eq!(self.due.len(), self.open.len());
        self.open.len()
    }

    pub fn next(&self) -> Option<Duration> {
        self.due.first().map(|(due, _, _)| *due)
    }

    fn add(&mut self, slot: Slot, id: u16, outgoing: Outgoing) {
        self.due.insert((outgoing.due, slot, id));
        self.open.insert((slot, id), outgoing);
    }

    fn take(&mut self, slot: Slot, id: u16) -> Option<Outgoing> {
        let outgoing = self.open.remove(&(slot, id))?;
        self.due.remove(&(outgoing.due, slot, id));
        Some(outgoing)
    }

    fn take_due(&mut self, now: Duration) -> Option<(Slot, u16, Outgoing)> {
        let (due, slot, id) = *self.due.first()?;
        if due > now {
            return None;
        }
        self.due.pop_first();
        let outgoing = self.open.remove(&(slot, id))?;
        Some((slot, id, outgoing))
    }
}

impl Endpoint {
    /// Sends a confirmable message when it is its turn. False: the peer's line is full.
    pub(super) fn transmit(
        &mut self,
        slot: Slot,
        message: Confirmable,
        now: Duration,
        fx: &mut Effects,
    ) -> bool {
        let Some(state) = self.peers.get(slot) else {
            return false;
        };
        let line = &mut state.line;
        // An answer always goes: there are no more of them than requests are let in.
        let full = line.waiting.len() >= self.settings.line && message.what != What::Answer;
        if (line.in_flight as usize) < self.settings.nstart {
            self.launch(slot, message, now, fx);
        } else if full {
            return false;
        } else {
            line.waiting.push(message);
        }
        true
    }

    fn launch(&mut self, slot: Slot, message: Confirmable, now: Duration, fx: &mut Effects) {
        if let Some(state) = self.peers.get(slot) {
            state.line.in_flight += 1;
        }
        let Confirmable { id, bytes, what } = message;
        let half = (self.settings.ack_timeout / 2).as_micros() as u64;
        let extra = Duration::from_micros(self.random.next() % half.max(1));
        let timeout = self.settings.ack_timeout + extra;
        self.send(slot, bytes.clone(), fx);
        if let What::Note(observation, note) = what {
            fx.notes.push((observation, note, Step::Sent));
        }
        let outgoing = Outgoing {
            bytes,
            tries: 0,
            timeout,
            due: now + timeout,
            what,
        };
        self.outgoing.add(slot, id, outgoing);
    }

    /// An acknowledgement or a reset came.
    pub(super) fn settled(
        &mut self,
        slot: Slot,
        id: u16,
        kind: Kind,
        now: Duration,
        fx: &mut Effects,
    ) {
        let Some(outgoing) = self.outgoing.take(slot, id) else {
            if kind == Kind::Rst {
                self.reset_by(slot, id, fx);
            }
            if let Some(state) = self.peers.get(slot) {
                state.misses = state.misses.saturating_add(1);
            }
            return;
        };
        if let Some(state) = self.peers.get(slot) {
            // Ids can be guessed, if one may try often enough.
            state.verified |= state.misses < GUESSES;
        }
        if let What::Note(observation, note) = outgoing.what {
            match kind {
                Kind::Rst => self.end_observation(observation, Ended::Reset, fx),
                _ => self.note_arrived(observation, note, now, fx),
            }
        }
        self.next_in_line(slot, now, fx);
    }

    fn next_in_line(&mut self, slot: Slot, now: Duration, fx: &mut Effects) {
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        state.line.in_flight = state.line.in_flight.saturating_sub(1);
        if let Some(message) = state.line.waiting.remove(0) {
            self.launch(slot, message, now, fx);
        }
    }

    /// Sends again what was not acknowledged in time, or gives it up.
    pub(super) fn retransmit(&mut self, now: Duration, fx: &mut Effects) {
        while let Some((slot, id, mut outgoing)) = self.outgoing.take_due(now) {
            let wanted = match outgoing.what {
                // Cancelled meanwhile: the client awaits it no longer.
                What::Note(observation, _) => self.observations.slot(observation).is_some(),
                What::Answer | What::Ping => true,
            };
            if wanted && outgoing.tries < self.settings.retransmissions {
                outgoing.tries += 1;
                outgoing.timeout *= 2;
                outgoing.due = now + outgoing.timeout;
                self.send(slot, outgoing.bytes.clone(), fx);
                self.outgoing.add(slot, id, outgoing);
                continue;
            }
            match outgoing.what {
                What::Answer => {}
                What::Note(observation, _) => {
                    self.end_observation(observation, Ended::Unanswered, fx);
                }
                What::Ping => self.end_observations_of(slot, Ended::Unanswered, fx),
            }
            self.next_in_line(slot, now, fx);
            self.rest(slot);
        }
    }

    /// Asks an observer whether it is there (RFC 7252 section 4.3); a reset says so.
    pub(super) fn ping(&mut self, slot: Slot, now: Duration, fx: &mut Effects) {
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        let id = state.take_id();
        let ping = Confirmable {
            id,
            bytes: Writer::empty(Kind::Con, id).into(),
            what: What::Ping,
        };
        self.transmit(slot, ping, now, fx);
    }
}
