//! The list of devices whose mind is in memory, by the desk that it lies on: exactly one a device.
//!
//! Mail is sent under the lock of the device's shard, and a desk may go only when, under the
//! same lock, none of it is under way. So a letter never reaches a desk that has been left, and a new
//! one is made only when the old one is off the list. Whoever locks both locks the shard first.

use super::placement::Arbiters;
use crate::device::messages::{Letter, Mail, Slip};
use crate::device::{clock, Desk, Seed};
use crate::model::ids::{DeviceId, Epoch};
use crate::model::Millis;
use ahash::AHashMap;
use hashbrown::HashTable;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

const SHARDS: usize = 64;

pub struct Actors {
    shards: Vec<Mutex<Desks>>,
    hash: ahash::RandomState,
    resting: Mutex<Resting>,
    arbiters: Arc<Arbiters>,
}

/// Found by the device that each of them names: a table has places for twice as many as are in it,
/// and a copy of the id would be two thirds of a place.
#[derive(Default)]
struct Desks(HashTable<Arc<Desk>>);

impl Desks {
    fn get(&self, hash: u64, device: DeviceId) -> Option<&Arc<Desk>> {
        self.0.find(hash, |desk| desk.device == device)
    }

    /// In the place of the one before.
    fn put(&mut self, hasher: &ahash::RandomState, desk: Arc<Desk>) {
        let device = desk.device;
        self.remove(hasher.hash_one(device), device);
        let again = |desk: &Arc<Desk>| hasher.hash_one(desk.device);
        self.0.insert_unique(again(&desk), desk, again);
    }

    fn remove(&mut self, hash: u64, device: DeviceId) {
        if let Ok(found) = self.0.find_entry(hash, |desk| desk.device == device) {
            found.remove();
        }
    }
}

impl Actors {
    pub fn new(arbiters: Arc<Arbiters>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hash: ahash::RandomState::new(),
            resting: Mutex::default(),
            arbiters,
        }
    }

    fn shard(&self, device: DeviceId) -> &Mutex<Desks> {
        // Below 64 by the modulo.
        &self.shards[(device.stable_hash() >> 8) as usize % SHARDS]
    }

    /// Sends to the device's desk, and makes one from the seed if there is none (or its actor died).
    pub fn send(
        &self,
        device: DeviceId,
        mail: Mail,
        permit: Option<OwnedSemaphorePermit>,
        seed: &Seed,
    ) {
        let mut shard = self.shard(device).lock();
        let alive = shard.get(self.hash.hash_one(device), device);
        let desk = match alive.filter(|desk| !desk.is_closed()) {
            Some(desk) => desk.clone(),
            None => {
                let life = seed.rules.epochs.take();
                let home = self.arbiters.of(device);
                self.resting.lock().remove(device);
                let desk = Desk::open(device, life, home, seed.clone());
                shard.put(&self.hash, desk.clone());
                desk
            }
        };
        desk.deliver(Letter {
            mail,
            slip: Some(Slip::new(&desk, permit)),
        });
    }

    /// The desk of a device whose actor lives. It may go meanwhile: then nothing is taken there.
    pub fn desk(&self, device: DeviceId) -> Option<Arc<Desk>> {
        let shard = self.shard(device).lock();
        shard.get(self.hash.hash_one(device), device).cloned()
    }

    /// See `device::Host::retire`.
    pub fn retire(&self, device: DeviceId, life: Epoch, inactive_at: Option<Millis>) -> bool {
        let mut shard = self.shard(device).lock();
        let hash = self.hash.hash_one(device);
        let desk = shard.get(hash, device);
        let Some(desk) = desk.filter(|desk| desk.life == life) else {
            return true;
        };
        if desk.open.load(Ordering::SeqCst) > 0 || !desk.retire() {
            return false;
        }
        shard.remove(hash, device);
        if let Some(at) = inactive_at {
            self.resting.lock().put(device, at);
        }
        true
    }

    /// An actor panicked: it is off the list, and looked after soon, since what was due in it
    /// (an RPC's end, the device's inactivity) still is.
    pub fn died(&self, device: DeviceId, life: Epoch) {
        let mut shard = self.shard(device).lock();
        let hash = self.hash.hash_one(device);
        let desk = shard.get(hash, device);
        if desk.is_some_and(|desk| desk.life == life) {
            shard.remove(hash, device);
            self.resting.lock().put(device, clock());
        }
    }

    /// A device without an actor that must be looked at then.
    pub fn rest(&self, device: DeviceId, until: Millis) {
        let shard = self.shard(device).lock();
        if shard.get(self.hash.hash_one(device), device).is_none() {
            self.resting.lock().put(device, until);
        }
    }

    /// Devices whose rest is over.
    pub fn wake(&self, now: Millis, limit: usize) -> Vec<DeviceId> {
        self.resting.lock().take(now, limit)
    }

    /// The threads have stopped: nobody comes to a desk any more.
    pub fn close(&self) {
        for shard in &self.shards {
            let desks: Vec<_> = shard.lock().0.drain().collect();
            desks.iter().for_each(|desk| desk.close());
        }
    }

    pub fn live(&self) -> Vec<DeviceId> {
        let shards = self.shards.iter();
        shards
            .flat_map(|shard| {
                shard
                    .lock()
                    .0
                    .iter()
                    .map(|desk| desk.device)
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// Devices that were active when their actor was let go, by the time when they will not be.
#[derive(Default)]
struct Resting {
    by_time: BTreeSet<(Millis, DeviceId)>,
    by_device: AHashMap<DeviceId, Millis>,
}

impl Resting {
    fn put(&mut self, device: DeviceId, at: Millis) {
        self.remove(device);
        self.by_time.insert((at, device));
        self.by_device.insert(device, at);
    }

    fn remove(&mut self, device: DeviceId) {
        if let Some(at) = self.by_device.remove(&device) {
            self.by_time.remove(&(at, device));
        }
    }

    fn take(&mut self, now: Millis, limit: usize) -> Vec<DeviceId> {
        let due = self.by_time.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<DeviceId> = due.take(limit).map(|(_, device)| *device).collect();
        for device in &due {
            self.remove(*device);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_rests_once_and_wakes_when_its_last_time_comes() {
        let mut resting = Resting::default();
        let (a, b) = (DeviceId::new(), DeviceId::new());
        resting.put(a, 10);
        resting.put(a, 30);
        resting.put(b, 20);
        assert_eq!(resting.take(19, 9), []);
        assert_eq!(resting.take(30, 9), [b, a]);
        assert_eq!(resting.take(99, 9), []);
    }
}
