//! All points that are not in blocks yet, in two generations for each device, and how much memory
//! they take.
//!
//! A device's open head takes its new points. When it is to be sealed it is frozen: set aside as
//! it is, still read, while new points open another head. Whoever seals it removes it after its
//! blocks can be seen, so a reader who asks here first sees a point twice rather than never.

use super::memory::FULL_HEAD;
use super::telemetry::columns::Columns;
use super::telemetry::head::Head;
use super::telemetry::rows::Rows;
use super::telemetry::runs::Dated;
use super::telemetry::vocabulary::{is_shareable, Vocabulary};
use crate::model::ids::{DeviceId, Origin, PARTITIONS};
use crate::model::packed::PackedRows;
use crate::model::value::Key;
use crate::model::Millis;
use crate::store::traits::LogSequence;
use ahash::AHashMap;
use parking_lot::{Mutex, RwLock};
use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// What a slot of the maps takes: key, pointer, control byte.
const SLOT: usize = size_of::<(DeviceId, Box<Head>)>() + 1;

/// Bytes of frozen heads that are sealed without waiting for more.
const HANDFUL: usize = 8 * FULL_HEAD;

#[derive(Default)]
struct Shard {
    open: AHashMap<DeviceId, Box<Head>>,
    /// Oldest first. Few devices have any.
    frozen: AHashMap<DeviceId, Vec<Arc<Head>>>,
    /// The keys of all of them.
    vocabulary: Vocabulary,
}

impl Shard {
    /// A device's heads in the order in which their points arrived.
    fn of(&self, device: DeviceId) -> impl Iterator<Item = &Head> {
        let frozen = self.frozen.get(&device).into_iter().flatten();
        let open = self.open.get(&device).into_iter();
        frozen.map(|head| &**head).chain(open.map(|head| &**head))
    }

    fn all(&self) -> impl Iterator<Item = &Head> {
        let frozen = self.frozen.values().flatten().map(|head| &**head);
        frozen.chain(self.open.values().map(|head| &**head))
    }
}

pub struct Heads {
    /// By partition. Points are pushed and heads frozen by whoever holds the engine's turn.
    shards: Vec<RwLock<Shard>>,
    open: AtomicUsize,
    frozen: AtomicUsize,
    vocabulary: AtomicUsize,
    /// Devices with frozen heads, oldest first; one may stand in it twice or in vain.
    queue: Mutex<VecDeque<DeviceId>>,
}

impl Heads {
    pub fn new() -> Self {
        Self {
            shards: (0..PARTITIONS).map(|_| RwLock::default()).collect(),
            open: AtomicUsize::new(0),
            frozen: AtomicUsize::new(0),
            vocabulary: AtomicUsize::new(0),
            queue: Mutex::default(),
        }
    }

    /// Bytes of memory of all heads.
    pub fn weight(&self) -> usize {
        self.open_weight() + self.frozen.load(Ordering::Relaxed)
    }

    /// Of open heads, and of the keys that heads share.
    pub fn open_weight(&self) -> usize {
        self.open.load(Ordering::Relaxed) + self.vocabulary.load(Ordering::Relaxed)
    }

    /// Whether as much is frozen as is worth a sled batch: each makes sled write twice, however
    /// little is in it. What is less waits for more, or for the upkeep thread to look by itself.
    pub fn is_handful_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed) > HANDFUL
    }

    /// Adds the rows of a batch; returns how long the device's open head is now.
    pub fn push<'a>(
        &self,
        device: DeviceId,
        sequence: LogSequence,
        changes: impl Iterator<Item = (Origin, &'a PackedRows)>,
    ) -> usize {
        let mut shard = self.shard(device).write();
        let Shard {
            open, vocabulary, ..
        } = &mut *shard;
        let mut before = open.capacity() * SLOT;
        let head = open
            .entry(device)
            .and_modify(|head| before += head.weight())
            .or_insert_with(|| Box::new(Head::new(sequence)));
        let keys = is_shareable(&head.keys).then(|| head.keys.clone());
        for (origin, rows) in changes {
            head.push(sequence, origin, rows);
        }
        if let Some(keys) = keys.filter(|keys| !Arc::ptr_eq(keys, &head.keys)) {
            self.weighed(vocabulary, |vocabulary| {
                head.keys = vocabulary.share(std::mem::take(&mut head.keys));
                vocabulary.let_go(&keys);
            });
        }
        let (after, length) = (head.weight(), head.encoded_bytes());
        let after = after + open.capacity() * SLOT;
        self.open.fetch_add(after, Ordering::Relaxed);
        self.open.fetch_sub(before, Ordering::Relaxed);
        length
    }

    /// Keeps account of a change to one of the vocabularies.
    fn weighed(&self, vocabulary: &mut Vocabulary, change: impl FnOnce(&mut Vocabulary)) {
        let before = vocabulary.weight();
        change(vocabulary);
        let after = vocabulary.weight();
        self.vocabulary.fetch_add(after, Ordering::Relaxed);
        self.vocabulary.fetch_sub(before, Ordering::Relaxed);
    }

    /// Sets the device's open head aside, to be sealed. Between batches only: a batch's points all
    /// go into one head.
    pub fn freeze(&self, device: DeviceId) {
        let mut shard = self.shard(device).write();
        let slots = shard.open.capacity();
        let Some(head) = shard.open.remove(&device) else {
            return;
        };
        if shard.open.len() * 4 < slots {
            shard.open.shrink_to_fit();
        }
        let weight = head.weight();
        let freed = weight + (slots - shard.open.capacity()) * SLOT;
        self.frozen.fetch_add(weight, Ordering::Relaxed);
        self.open.fetch_sub(freed, Ordering::Relaxed);
        shard.frozen.entry(device).or_default().push(head.into());
        drop(shard);
        self.queue.lock().push_back(device);
    }

    /// Takes devices with frozen heads off the queue, up to `most` or about `bytes` of them.
    pub fn next_frozen(&self, most: usize, bytes: usize) -> Vec<DeviceId> {
        let mut taken = Vec::new();
        let mut sum = 0;
        while taken.len() < most && sum < bytes {
            let Some(device) = self.queue.lock().pop_front() else {
                break;
            };
            let heads = self.frozen(device);
            if !heads.is_empty() && !taken.contains(&device) {
                sum += heads.iter().map(|head| head.encoded_bytes()).sum::<usize>();
                taken.push(device);
            }
        }
        taken
    }

    /// They could not be sealed: they are next.
    pub fn put_back(&self, devices: &[DeviceId]) {
        let mut queue = self.queue.lock();
        devices
            .iter()
            .rev()
            .for_each(|device| queue.push_front(*device));
    }

    /// The device's frozen heads, oldest first.
    pub fn frozen(&self, device: DeviceId) -> Vec<Arc<Head>> {
        let shard = self.shard(device).read();
        shard.frozen.get(&device).cloned().unwrap_or_default()
    }

    /// Forgets the device's oldest frozen heads, whose blocks can be seen.
    pub fn remove_frozen(&self, device: DeviceId, count: usize) {
        let mut shard = self.shard(device).write();
        let Shard {
            frozen, vocabulary, ..
        } = &mut *shard;
        let Some(heads) = frozen.get_mut(&device) else {
            return;
        };
        let removed: Vec<Arc<Head>> = heads.drain(..count.min(heads.len())).collect();
        let weight: usize = removed.iter().map(|head| head.weight()).sum();
        self.weighed(vocabulary, |vocabulary| {
            for head in removed {
                vocabulary.let_go(&head.keys);
            }
        });
        if heads.is_empty() {
            frozen.remove(&device);
        }
        self.frozen.fetch_sub(weight, Ordering::Relaxed);
    }

    /// The rows of the device's heads, as they arrived, with the sequence of the last change in
    /// them.
    pub fn sealable(&self, device: DeviceId) -> Option<(Vec<Columns>, LogSequence)> {
        let shard = self.shard(device).read();
        let through = shard.of(device).last()?.through;
        Some((shard.of(device).map(Head::columns).collect(), through))
    }

    /// Forgets all of a device.
    pub fn remove(&self, device: DeviceId) {
        self.freeze(device);
        self.remove_frozen(device, usize::MAX);
    }

    /// How many devices wait to be sealed, at most.
    pub fn waiting(&self) -> usize {
        self.queue.lock().len()
    }

    /// All that is not sealed of a device, as it arrived.
    pub fn rows(&self, device: DeviceId) -> Option<Rows> {
        let shard = self.shard(device).read();
        joined(shard.of(device))
    }

    /// The earliest time of all that is not sealed of a device.
    pub fn oldest(&self, device: DeviceId) -> Option<Millis> {
        let shard = self.shard(device).read();
        shard.of(device).map(|head| head.oldest).min()
    }

    pub fn series(&self, device: DeviceId, key: &str) -> Vec<Dated> {
        let shard = self.shard(device).read();
        shard.of(device).flat_map(|head| head.series(key)).collect()
    }

    pub fn keys(&self, device: DeviceId) -> Vec<Key> {
        let shard = self.shard(device).read();
        let keys = shard.of(device).flat_map(|head| head.keys().to_vec());
        keys.collect()
    }

    /// First sequence that some head still needs the journal for.
    pub fn first_needed(&self) -> Option<LogSequence> {
        let first = |shard: &RwLock<Shard>| shard.read().all().map(|head| head.first).min();
        self.shards.iter().filter_map(first).min()
    }

    /// Devices with an open head that the test picks, with what would go with it, in bytes.
    pub fn pick(&self, test: impl Fn(&Head) -> bool) -> Vec<(usize, DeviceId)> {
        let mut picked = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            let heads = shard.open.iter().filter(|(_, head)| test(head));
            picked.extend(heads.map(|(device, head)| (head.freed(), *device)));
        }
        picked
    }

    fn shard(&self, device: DeviceId) -> &RwLock<Shard> {
        // A partition is below PARTITIONS by construction.
        &self.shards[usize::from(device.partition().0)]
    }
}

/// The rows of a device's heads as one; `None` without heads.
fn joined<'a>(heads: impl Iterator<Item = &'a Head>) -> Option<Rows> {
    let mut joined: Option<Rows> = None;
    for head in heads {
        match &mut joined {
            Some(rows) => rows.append(head.rows()),
            None => joined = Some(head.rows()),
        }
    }
    joined
}
