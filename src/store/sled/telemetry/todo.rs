//! Devices whose blocks are to be merged: at once, or when they have been quiet for a while.

use super::super::keys;
use super::super::table::Table;
use super::merge::FAN;
use super::seal::Wanted;
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;
use ahash::AHashMap;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long no late data may have come before side blocks are merged whatever it costs.
pub const QUIET: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Todo(Mutex<State>);

#[derive(Default)]
struct State {
    /// To be looked at now.
    ready: BTreeSet<DeviceId>,
    /// With side blocks, marked in sled; since when no others came, and how often some have come.
    waiting: AHashMap<DeviceId, (Instant, usize)>,
    /// Damaged blocks, which stay where they are.
    broken: BTreeSet<(DeviceId, u32)>,
}

/// A device to look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    pub device: DeviceId,
    /// It has side blocks, and no others have come for a while.
    pub quiet: bool,
}

impl Todo {
    /// Finds the devices that were marked before the start.
    pub fn read(table: &Table) -> Result<Self, StoreError> {
        let mut state = State::default();
        for row in table.scan(&keys::all_unmerged()) {
            let device = keys::trailing_id(&row?.0).map(DeviceId);
            state
                .waiting
                .extend(device.map(|id| (id, (Instant::now(), 0))));
        }
        Ok(Self(Mutex::new(state)))
    }

    pub fn is_empty(&self) -> bool {
        let state = self.0.lock();
        state.ready.is_empty() && state.waiting.is_empty()
    }

    pub fn is_marked(&self, device: DeviceId) -> bool {
        self.0.lock().waiting.contains_key(&device)
    }

    /// Blocks were written.
    pub fn note(&self, device: DeviceId, wanted: Wanted) {
        if wanted == Wanted::default() {
            return;
        }
        let mut state = self.0.lock();
        let mut ready = wanted.small;
        if wanted.sides {
            let (since, times) = state.waiting.entry(device).or_insert((Instant::now(), 0));
            *since = Instant::now();
            *times += 1;
            ready |= *times % FAN == 0;
        }
        if ready {
            state.ready.insert(device);
        }
    }

    /// There may be more to do.
    pub fn again(&self, device: DeviceId) {
        self.0.lock().ready.insert(device);
    }

    /// All that had to be merged is.
    pub fn done(&self, device: DeviceId) {
        self.0.lock().waiting.remove(&device);
    }

    /// A block cannot be read.
    pub fn note_broken(&self, device: DeviceId, block: u32) {
        self.0.lock().broken.insert((device, block));
    }

    pub fn is_broken(&self, device: DeviceId, block: u32) -> bool {
        self.0.lock().broken.contains(&(device, block))
    }

    /// `quiet`: how long a device must have been so.
    pub fn next(&self, quiet: Duration) -> Option<Task> {
        let mut state = self.0.lock();
        let is_quiet = |(since, _): &(Instant, usize)| since.elapsed() >= quiet;
        if let Some(device) = state.ready.pop_first() {
            let quiet = state.waiting.get(&device).is_some_and(is_quiet);
            return Some(Task { device, quiet });
        }
        let mut waiting = state.waiting.iter();
        let found = waiting.find(|(_, waits)| is_quiet(waits));
        found.map(|(device, _)| Task {
            device: *device,
            quiet: true,
        })
    }
}
