//! The engine behind the journal: applies batches to tables and heads, and knows up to where the
//! journal is needed. Heads become blocks aside (`sealing`, `merging`, on the thread of `upkeep`).
//!
//! Two watermarks (design.md 7.6 and 7.8). Entities: `applied`, in sled with the changes up to it
//! (see `packed::draining`), so a replay skips entity changes at or below it. Telemetry: `SeriesState::sealed` of each device,
//! in the sled batch of its blocks; a replay skips the device's points and deletions at or below
//! it. A device's heads are sealed oldest first, each whole, and hold whole batches: so what is at
//! or below `sealed` is in blocks, and all else is not.
//!
//! Locks, in the order in which they are taken: `upkeep`, `turn`, `blocks`.

use super::heads::Heads;
use super::memory::Gate;
use super::room::Room;
use super::steps::Step;
use super::table::Table;
use super::telemetry::todo::Todo;
use super::tx::Tx;
use super::{keys, record};
use crate::model::ids::DeviceId;
use crate::store::batch::{Batch, Change};
use crate::store::error::StoreError;
use crate::store::journal::Apply;
use crate::store::pulse::Pulse;
use crate::store::traits::LogSequence;
use ahash::AHashSet;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub struct Engine {
    pub table: Table,
    pub heads: Heads,
    /// Devices whose blocks are to be merged.
    pub todo: Todo,
    /// Held by whoever seals and merges aside, one at a time.
    pub(super) upkeep: Mutex<()>,
    /// Held by whoever applies batches or freezes heads.
    pub(super) turn: Mutex<()>,
    /// Held by whoever changes a device's blocks or series state in sled.
    blocks: Mutex<Blocks>,
    applied: AtomicU64,
    /// Counts the groups with changes of devices, credentials or profiles.
    directory: AtomicU64,
    /// All that the journal holds up to here is in sled, flushed and synced.
    durable: AtomicU64,
    /// Commits wait here while heads take more memory than they may.
    pub gate: Gate,
    /// `None` in tests of the engine alone.
    room: Option<Room>,
    /// Wakes the checkpoint thread.
    pub bell: Bell,
    /// Wakes the upkeep thread.
    pub chime: Bell,
    /// Of the upkeep thread.
    pub pulse: Pulse,
}

/// Wakes a thread.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub fn ring(&self) {
        *self.rung.lock() = true;
        self.changed.notify_all();
    }

    /// Until it has been rung since the last time, but not for ever.
    pub fn wait(&self, longest: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.changed.wait_for(&mut rung, longest);
        }
        *rung = false;
    }
}

/// Whose blocks were changed by deletions since work aside began. That work is then void: it was
/// done on what it had read before.
#[derive(Default)]
pub struct Blocks {
    watched: bool,
    changed: AHashSet<DeviceId>,
}

impl Blocks {
    /// Whoever changes blocks or series states of a device, other than `sealing` and `merging`,
    /// says so here, with the lock held until its changes can be seen.
    pub fn note(&mut self, devices: &[DeviceId]) {
        if self.watched {
            self.changed.extend(devices);
        }
    }

    pub fn is_changed(&self, device: DeviceId) -> bool {
        self.changed.contains(&device)
    }
}

impl Engine {
    /// Bytes that heads may take, and changes that are not in sled.
    pub fn new(table: Table, heads: usize, changes: usize) -> Result<Self, StoreError> {
        let applied = match table.get(keys::APPLIED)? {
            Some(value) => record::decode("applied", &value)?,
            None => 0,
        };
        let todo = Todo::read(&table)?;
        Ok(Self {
            table,
            heads: Heads::new(),
            todo,
            upkeep: Mutex::new(()),
            turn: Mutex::new(()),
            blocks: Mutex::default(),
            applied: AtomicU64::new(applied),
            directory: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            gate: Gate::new(heads, changes),
            room: None,
            bell: Bell::default(),
            chime: Bell::default(),
            pulse: Pulse::default(),
        })
    }

    pub fn with_room(self, room: Room) -> Self {
        let room = Some(room);
        Self { room, ..self }
    }

    /// sled works in another file now.
    pub(super) fn move_room(&self, room: Room) {
        if let Some(mine) = &self.room {
            mine.become_of(room);
        }
    }

    /// Asked before sled is made to write. Errors: `Full` when it might not fit on the disk.
    pub fn ensure_room(&self) -> Result<(), StoreError> {
        self.room.as_ref().map_or(Ok(()), Room::ensure)
    }

    /// Nothing changes while this is held.
    #[cfg(test)]
    pub fn pause(&self) -> (MutexGuard<'_, ()>, MutexGuard<'_, ()>) {
        (self.upkeep.lock(), self.turn.lock())
    }

    /// See `moments`.
    #[cfg(test)]
    pub fn pass(&self, moment: &str) {
        self.table.pass(moment);
    }

    /// For changing blocks or series states (see [`Blocks::note`]).
    pub fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.blocks.lock()
    }

    /// From now on deletions leave word. With `upkeep` held.
    pub(super) fn watch(&self) {
        let mut blocks = self.blocks.lock();
        blocks.watched = true;
        blocks.changed.clear();
    }

    pub fn applied(&self) -> LogSequence {
        self.applied.load(Ordering::Acquire)
    }

    /// See `DeviceStore::directory_version`.
    pub fn directory_version(&self) -> u64 {
        self.directory.load(Ordering::SeqCst)
    }

    pub(super) fn set_applied(&self, sequence: LogSequence) {
        self.applied.fetch_max(sequence, Ordering::AcqRel);
    }

    /// Up to which sequence the journal is not needed any more (design.md 7.8).
    pub fn droppable_up_to(&self) -> LogSequence {
        self.durable.load(Ordering::Acquire)
    }

    pub fn set_durable(&self, watermark: LogSequence) {
        self.durable.fetch_max(watermark, Ordering::AcqRel);
    }

    /// Everything at or below this sequence is in sled (perhaps not flushed), and sled has been told
    /// up to where it has all entity changes, so that this survives the segments.
    pub fn settled(&self) -> Result<LogSequence, StoreError> {
        let applied = self.drain_changes()?;
        // Heads opened since then begin above `applied`; one that is gone by now is in sled.
        let needed = self.heads.first_needed();
        Ok(needed.map_or(applied, |first| applied.min(first.saturating_sub(1))))
    }
}

impl Apply for Engine {
    fn apply(&self, group: &[(LogSequence, &Batch)]) -> Result<(), StoreError> {
        let _turn = self.turn.lock();
        let mut tx = Tx::new(&self.table);
        let mut step = Step::new(self, None);
        for (sequence, batch) in group {
            step.batch(&mut tx, *sequence, batch)?;
        }
        if let Some((last, _)) = group.last() {
            tx.commit()?;
            self.set_applied(*last);
        }
        let mut changes = group.iter().flat_map(|(_, batch)| &batch.changes);
        if changes.any(Change::is_of_directory) {
            // Behind the change itself: whoever sees the old number may still have read the old.
            self.directory.fetch_add(1, Ordering::SeqCst);
        }
        let weight = self.heads.weight();
        self.table.metrics.head_bytes(weight);
        let gathered = self.table.gathered.read().open_weight();
        let many = step.froze && self.heads.is_handful_frozen();
        if many || self.gate.is_tight(weight) || self.gate.is_much(gathered) {
            self.chime.ring();
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.ensure_room()?;
        self.wait_for_memory()
    }

    fn segment_rolled(&self) {
        self.bell.ring();
    }
}
