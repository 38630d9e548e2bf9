//! All open heads, a lock for each partition, and how much memory they take.

use super::telemetry::head::Head;
use super::telemetry::rows::Rows;
use super::telemetry::runs::Dated;
use crate::model::ids::{DeviceId, Origin, PARTITIONS};
use crate::model::telemetry::Row;
use crate::model::value::Key;
use crate::store::traits::LogSequence;
use ahash::AHashMap;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

type Shard = RwLock<AHashMap<DeviceId, Head>>;

pub struct Heads {
    /// By partition. Written by whoever holds the engine's apply lock, read by everyone.
    shards: Vec<Shard>,
    weight: AtomicUsize,
}

impl Heads {
    pub fn new() -> Self {
        Self {
            shards: (0..PARTITIONS).map(|_| Shard::default()).collect(),
            weight: AtomicUsize::new(0),
        }
    }

    /// Bytes of memory of all heads.
    pub fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    /// Adds rows; returns how long the device's head is now.
    pub fn push(
        &self,
        device: DeviceId,
        sequence: LogSequence,
        origin: Origin,
        rows: &[Row],
    ) -> usize {
        let mut shard = self.shard(device).write();
        let mut before = 0;
        let head = shard
            .entry(device)
            .and_modify(|head| before = head.weight())
            .or_insert_with(|| Head::new(sequence));
        head.push(sequence, origin, rows);
        let (after, length) = (head.weight(), head.encoded_bytes());
        self.weight.fetch_add(after, Ordering::Relaxed);
        self.weight.fetch_sub(before, Ordering::Relaxed);
        length
    }

    /// The device's rows with the sequence of the last change in them.
    pub fn sealable(&self, device: DeviceId) -> Option<(Rows, LogSequence)> {
        let shard = self.shard(device).read();
        let head = shard.get(&device)?;
        Some((head.rows(), head.through))
    }

    pub fn remove(&self, device: DeviceId) {
        let removed = self.shard(device).write().remove(&device);
        if let Some(head) = removed {
            self.weight.fetch_sub(head.weight(), Ordering::Relaxed);
        }
    }

    pub fn rows(&self, device: DeviceId) -> Option<Rows> {
        self.shard(device).read().get(&device).map(Head::rows)
    }

    pub fn series(&self, device: DeviceId, key: &str) -> Vec<Dated> {
        let shard = self.shard(device).read();
        shard.get(&device).map_or_else(Vec::new, |h| h.series(key))
    }

    pub fn keys(&self, device: DeviceId) -> Vec<Key> {
        let shard = self.shard(device).read();
        shard
            .get(&device)
            .map_or_else(Vec::new, |head| head.keys().to_vec())
    }

    /// First sequence that some head still needs the journal for.
    pub fn first_needed(&self) -> Option<LogSequence> {
        let first = |shard: &Shard| shard.read().values().map(|head| head.first).min();
        self.shards.iter().filter_map(first).min()
    }

    /// Devices whose heads the test picks, with their weights.
    pub fn pick(&self, test: impl Fn(&Head) -> bool) -> Vec<(usize, DeviceId)> {
        let mut picked = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            let heads = shard.iter().filter(|(_, head)| test(head));
            picked.extend(heads.map(|(device, head)| (head.weight(), *device)));
        }
        picked
    }

    fn shard(&self, device: DeviceId) -> &Shard {
        // A partition is below PARTITIONS by construction.
        &self.shards[usize::from(device.partition().0)]
    }
}
