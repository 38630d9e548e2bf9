//! Who has been let in: a device that speaks again soon need not be looked up again.
//!
//! A guest is a single request's right to speak that is kept for a while. It ends when the device
//! is disabled, deleted or given other credentials: its actor then refuses it, and it is looked up
//! anew.

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
    heard: Duration,
}

#[derive(Default)]
pub(super) struct Guests {
    all: slab::Slab<Guest>,
    index: AHashMap<Speaker, usize>,
    generation: u64,
    /// With a batch to be submitted.
    pub waiting: Vec<GuestId>,
}

impl Guests {
    pub fn find(&mut self, speaker: &Speaker, now: Duration) -> Option<GuestId> {
        let at = *self.index.get(speaker)?;
        let guest = self.all.get_mut(at)?;
        guest.heard = now;
        Some(GuestId {
            at,
            generation: guest.generation,
        })
    }

    pub fn add(&mut self, speaker: Speaker, now: Duration) -> GuestId {
        self.generation += 1;
        let generation = self.generation;
        let at = self.all.insert(Guest {
            generation,
            speaker: speaker.clone(),
            standing: Standing::Asked(Vec::new()),
            batch: Vec::new(),
            open: 0,
            heard: now,
        });
        self.index.insert(speaker, at);
        GuestId { at, generation }
    }

    pub fn get(&mut self, id: GuestId) -> Option<&mut Guest> {
        let guest = self.all.get_mut(id.at)?;
        (guest.generation == id.generation).then_some(guest)
    }

    /// Its requests under way are still answered; the next one is looked up anew.
    pub fn remove(&mut self, id: GuestId) -> Option<Guest> {
        self.get(id)?;
        let guest = self.all.remove(id.at);
        self.index.remove(&guest.speaker);
        Some(guest)
    }

    /// Requests have been answered. Beyond `most` guests nobody is kept.
    pub fn answered(&mut self, id: GuestId, requests: usize, most: usize) {
        let crowded = self.all.len() > most;
        let Some(guest) = self.get(id) else {
            return;
        };
        guest.open = guest.open.saturating_sub(requests);
        if crowded && guest.open == 0 && guest.batch.is_empty() {
            self.remove(id);
        }
    }

    /// Lets those go that have been silent since `before`.
    pub fn let_go(&mut self, before: Duration) {
        let index = &mut self.index;
        self.all.retain(|_, guest| {
            let stays = guest.heard >= before || guest.open > 0 || !guest.batch.is_empty();
            if !stays {
                index.remove(&guest.speaker);
            }
            stays
        });
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}
