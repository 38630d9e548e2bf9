//! Deduplication (RFC 7252 section 4.5): (peer, message id) → what was answered.
//!
//! A fast peer reuses its ids before their lifetime is over. So an entry holds a fingerprint of
//! the whole datagram: only the very same bytes are a repetition.

use super::peers::{Slot, State};
use super::Settings;
use ahash::AHashMap;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// About what an entry costs beside an answer too long to be kept in it: the entry in its table
/// and its place in the peer's queue.
const ENTRY: usize = 64;

pub(super) struct Recent {
    entries: AHashMap<u64, Entry>,
    /// Longer answers, in bytes.
    long: usize,
    memory: usize,
    per_peer: usize,
    hash: ahash::RandomState,
}

struct Entry {
    fingerprint: u32,
    answer: Repeated,
}

/// What a repeated request is answered with.
pub(super) enum Repeated {
    /// It is being served: this exchange.
    Waiting(u32),
    Short(u8, [u8; 14]),
    Long(Box<[u8]>),
}

impl Repeated {
    fn of(bytes: &[u8]) -> Self {
        let mut short = [0; 14];
        match short.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Repeated::Short(bytes.len() as u8, short)
            }
            None => Repeated::Long(bytes.into()),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Repeated::Waiting(_) => &[],
            Repeated::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or(&[]),
            Repeated::Long(bytes) => bytes,
        }
    }

    fn long(&self) -> usize {
        match self {
            Repeated::Long(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

fn key(slot: Slot, id: u16) -> u64 {
    u64::from(slot) << 16 | u64::from(id)
}

impl Recent {
    pub fn new(settings: &Settings) -> Self {
        Self {
            entries: AHashMap::new(),
            long: 0,
            memory: settings.answers_memory,
            per_peer: settings.answers_per_peer,
            hash: ahash::RandomState::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keyed anew in each process, for whatever of a message must be told apart.
    pub fn hasher(&self) -> &ahash::RandomState {
        &self.hash
    }

    pub fn fingerprint(&self, datagram: &[u8]) -> u32 {
        let mut hasher = self.hash.build_hasher();
        hasher.write(datagram);
        hasher.finish() as u32
    }

    /// The same datagram's answer, if it came before.
    pub fn find(&self, slot: Slot, id: u16, fingerprint: u32) -> Option<&Repeated> {
        let entry = self.entries.get(&key(slot, id))?;
        (entry.fingerprint == fingerprint).then_some(&entry.answer)
    }

    /// A request of `state`, the peer at `slot`, begins to be served.
    pub fn begin(
        &mut self,
        (slot, state): (Slot, &mut State),
        id: u16,
        fingerprint: u32,
        exchange: u32,
        now: Duration,
    ) {
        let entry = Entry {
            fingerprint,
            answer: Repeated::Waiting(exchange),
        };
        if let Some(old) = self.entries.insert(key(slot, id), entry) {
            self.long -= old.answer.long();
            // Its place in the queue stays the older one: at most it is forgotten sooner.
            return;
        }
        state.recent.push_back((id, now.as_secs() as u32));
        if state.recent.len() > self.per_peer {
            self.forget_oldest(slot, state);
        }
    }

    /// What to repeat from now on.
    pub fn answered(&mut self, slot: Slot, id: u16, fingerprint: u32, answer: &[u8]) {
        let entry = self.entries.get_mut(&key(slot, id));
        let Some(entry) = entry.filter(|entry| entry.fingerprint == fingerprint) else {
            return;
        };
        self.long -= entry.answer.long();
        entry.answer = Repeated::of(answer);
        self.long += entry.answer.long();
    }

    /// There is more than the memory allows.
    pub fn is_over(&self) -> bool {
        self.entries.len() * ENTRY + self.long > self.memory
    }

    pub fn forget_oldest(&mut self, slot: Slot, state: &mut State) {
        if let Some((id, _)) = state.recent.pop_front() {
            if let Some(entry) = self.entries.remove(&key(slot, id)) {
                self.long -= entry.answer.long();
            }
        }
        if state.recent.is_empty() {
            // Most peers are heard of seldom.
            state.recent.release();
        }
    }
}
