//! Who we speak with. A peer is forgotten as soon as nothing of it is remembered.

use super::download::Download;
use super::outgoing::Line;
use super::upload::Upload;
use super::Random;
use crate::model::queue::Queue;
use crate::model::scarce::Scarce;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One remote endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    /// Our address that it speaks to: answers leave from there.
    pub local: Option<IpAddr>,
    /// The security association it speaks in; 0: none.
    pub association: u64,
}

/// Where a peer stands in [`Peers`].
pub(super) type Slot = u32;

pub(super) struct State {
    pub peer: Peer,
    /// It has shown that it receives what is sent to its address.
    pub verified: bool,
    /// Acknowledgements and resets that named nothing of ours.
    pub misses: u8,
    /// Bytes from and to an address that is not verified.
    pub received: u32,
    pub sent: u32,
    pub next_id: u16,
    /// Requests being served.
    pub waiting: u16,
    pub heard: Duration,
    /// Its remembered message ids, oldest first, with the second of their arrival.
    pub recent: Queue<(u16, u32)>,
    pub line: Line,
    pub uploads: Scarce<Upload>,
    pub downloads: Scarce<Download>,
    pub observations: SmallVec<[u32; 2]>,
    /// When it is looked after next.
    pub sweep_at: Option<Duration>,
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting == 0
            && self.recent.is_empty()
            && self.line.is_empty()
            && self.uploads.is_empty()
            && self.downloads.is_empty()
            && self.observations.is_empty()
    }

    /// A message id that it has not seen for a long time.
    pub fn take_id(&mut self) -> u16 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    /// Bytes that may be sent to it now.
    pub fn room(&self) -> usize {
        match self.verified {
            true => usize::MAX,
            false => (self.received.saturating_mul(3).saturating_sub(self.sent)) as usize,
        }
    }

    /// False: too much for an address that is not verified. Else it counts as sent.
    pub fn may_send(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.room();
        if fits && !self.verified {
            self.sent = self.sent.saturating_add(bytes as u32);
        }
        fits
    }
}

#[derive(Default)]
pub(super) struct Peers {
    states: slab::Slab<State>,
    /// Slots by the peer in their state: a second copy of it would be half of a state.
    index: HashTable<Slot>,
    hash: ahash::RandomState,
}

impl Peers {
    #[cfg(test)]
    pub fn len(&self) -> usize {
        assert_eq!(self.index.len(), self.states.len());
        self.states.len()
    }

    /// The peer's place, made if it is new.
    pub fn enter(&mut self, peer: Peer, bytes: usize, now: Duration, random: &mut Random) -> Slot {
        let slot = match self.slot(&peer) {
            Some(slot) => slot,
            None => self.add(peer, random),
        };
        if let Some(state) = self.get(slot) {
            state.heard = now;
            if !state.verified {
                state.received = state.received.saturating_add(bytes as u32);
            }
        }
        slot
    }

    fn add(&mut self, peer: Peer, random: &mut Random) -> Slot {
        let slot = self.states.insert(State {
            peer,
            verified: peer.association != 0,
            misses: 0,
            received: 0,
            sent: 0,
            next_id: random.next() as u16,
            waiting: 0,
            heard: Duration::ZERO,
            recent: Queue::default(),
            line: Line::default(),
            uploads: Scarce::default(),
            downloads: Scarce::default(),
            observations: SmallVec::new(),
            sweep_at: None,
        }) as Slot;
        self.enlist(slot);
        slot
    }

    /// Makes the place findable by its peer.
    fn enlist(&mut self, slot: Slot) {
        let (states, hash) = (&self.states, &self.hash);
        // A slot of the index always has its state.
        let again = |slot: &Slot| {
            let state = states.get(*slot as usize);
            state.map_or(0, |state| hash.hash_one(state.peer))
        };
        self.index.insert_unique(again(&slot), slot, again);
    }

    fn strike_out(&mut self, slot: Slot) {
        let Some(state) = self.states.get(slot as usize) else {
            return;
        };
        let hash = self.hash.hash_one(state.peer);
        if let Ok(entry) = self.index.find_entry(hash, |known| *known == slot) {
            entry.remove();
        }
    }

    pub fn get(&mut self, slot: Slot) -> Option<&mut State> {
        self.states.get_mut(slot as usize)
    }

    pub fn slot(&self, peer: &Peer) -> Option<Slot> {
        let same = |slot: &Slot| self.at(*slot).is_some_and(|state| state.peer == *peer);
        self.index.find(self.hash.hash_one(peer), same).copied()
    }

    pub fn at(&self, slot: Slot) -> Option<&State> {
        self.states.get(slot as usize)
    }

    /// The same peer under another name, which nobody has.
    pub fn rename(&mut self, from: &Peer, to: Peer) {
        let Some(slot) = self.slot(from) else {
            return;
        };
        self.strike_out(slot);
        if let Some(state) = self.get(slot) {
            state.peer = to;
        }
        self.enlist(slot);
    }

    /// Forgets the peer if nothing of it is left.
    pub fn leave_if_idle(&mut self, slot: Slot) {
        let state = self.at(slot);
        if state.is_some_and(|state| state.is_idle() && state.sweep_at.is_none()) {
            self.strike_out(slot);
            self.states.remove(slot as usize);
        }
    }
}
