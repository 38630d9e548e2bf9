//! Who has been let in: a device that speaks again soon need not be looked up again.
//!
//! A guest is a single request's right to speak that is kept for a while. It ends when the device
//! is disabled, deleted or given other credentials: its actor then refuses it. And it is looked up
//! anew after any change of the directory, and from time to time, because a profile's rates, the
//! end of rotated credentials and that of a certificate are told to nobody.

use super::serve::Job;
use crate::model::device::ProfileOptions;
use crate::model::uplink::Uplink;
use crate::registry::DeviceHandle;
use crate::transport::coap::mapping::Speaker;
use ahash::AHashMap;
use std::time::Duration;

/// One entry of [`Guests`]; never given to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct GuestId {
    at: usize,
    generation: u64,
}

pub(super) enum Standing {
    /// Being looked up; these wait.
    Asked(Vec<Job>),
    In(DeviceHandle, ProfileOptions),
}

pub(super) struct Guest {
    generation: u64,
    pub speaker: Speaker,
    pub standing: Standing,
    /// Uplinks of one read, to be submitted together.
    pub batch: Vec<(Job, Uplink)>,
    /// Requests on their way.
    pub open: usize,
    /// When it was asked for.
    since: Duration,
    /// The directory's, before it was asked for.
    version: Option<u64>,
}

#[derive(Default)]
pub(super) struct Guests {
    all: slab::Slab<Guest>,
    /// Who speaks next is one of these; the others are only still answered.
    index: AHashMap<Speaker, usize>,
    generation: u64,
    /// With a batch to be submitted.
    pub waiting: Vec<GuestId>,
}

impl Guests {
    /// One that was asked for at `oldest` or later, and under this version of the directory.
    pub fn find(
        &mut self,
        speaker: &Speaker,
        oldest: Duration,
        version: Option<u64>,
    ) -> Option<GuestId> {
        let at = *self.index.get(speaker)?;
        let guest = self.all.get(at)?;
        let generation = guest.generation;
        let id = GuestId { at, generation };
        if guest.version == version && guest.since >= oldest {
            return Some(id);
        }
        self.leave(id);
        None
    }

    pub fn add(&mut self, speaker: Speaker, now: Duration, version: Option<u64>) -> GuestId {
        self.generation += 1;
        let generation = self.generation;
        let at = self.all.insert(Guest {
            generation,
            speaker: speaker.clone(),
            standing: Standing::Asked(Vec::new()),
            batch: Vec::new(),
            open: 0,
            since: now,
            version,
        });
        self.index.insert(speaker, at);
        GuestId { at, generation }
    }

    pub fn get(&mut self, id: GuestId) -> Option<&mut Guest> {
        let guest = self.all.get_mut(id.at)?;
        (guest.generation == id.generation).then_some(guest)
    }

    /// The next request is looked up anew; those under way are still served.
    pub fn leave(&mut self, id: GuestId) {
        self.unlist(id);
        if self.get(id).is_some_and(|guest| guest.open == 0) {
            self.all.remove(id.at);
        }
    }

    /// Its requests under way are still answered; the next one is looked up anew.
    pub fn remove(&mut self, id: GuestId) -> Option<Guest> {
        self.unlist(id);
        self.get(id)?;
        Some(self.all.remove(id.at))
    }

    fn unlist(&mut self, id: GuestId) {
        if self.is_listed(id) {
            if let Some(guest) = self.all.get(id.at) {
                self.index.remove(&guest.speaker);
            }
        }
    }

    fn is_listed(&self, id: GuestId) -> bool {
        let guest = self.all.get(id.at);
        let guest = guest.filter(|guest| guest.generation == id.generation);
        guest.is_some_and(|guest| self.index.get(&guest.speaker) == Some(&id.at))
    }

    /// Requests have been answered. Beyond `most` guests nobody is kept.
    pub fn answered(&mut self, id: GuestId, requests: usize, most: usize) {
        let crowded = self.all.len() > most;
        let listed = self.is_listed(id);
        let Some(guest) = self.get(id) else {
            return;
        };
        guest.open = guest.open.saturating_sub(requests);
        if guest.open == 0 && (crowded || !listed) {
            self.remove(id);
        }
    }

    /// Lets those go that were asked for before `oldest`.
    pub fn let_go(&mut self, oldest: Duration) {
        let index = &mut self.index;
        self.all.retain(|at, guest| {
            let stays = guest.since >= oldest || guest.open > 0;
            if !stays && index.get(&guest.speaker) == Some(&at) {
                index.remove(&guest.speaker);
            }
            stays
        });
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}
