//! The engine behind the journal: applies batches to tables and heads, seals heads into blocks,
//! and knows up to where the journal is needed.
//!
//! Two watermarks (design.md 7.6 and 7.8). Entities: `applied`, in every sled batch, so a replay
//! skips entity changes at or below it. Telemetry: `SeriesState::sealed` of each device, in the
//! sled batch of its blocks; a replay skips the device's points and deletions at or below it.
//! A batch that deletes points or a device is applied in one sled batch together with all points
//! of its devices, whose heads have been sealed just before: then the two watermarks agree.

use super::heads::Heads;
use super::room::Room;
use super::table::{failed, Table};
use super::telemetry::{delete, rows::Rows, seal, series::SeriesState};
use super::tx::Tx;
use super::{apply, keys, record};
use crate::model::ids::{DeviceId, Origin};
use crate::model::telemetry::Row;
use crate::store::batch::{Batch, Change};
use crate::store::error::StoreError;
use crate::store::journal::Apply;
use crate::store::traits::LogSequence;
use ahash::AHashMap;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Encoded bytes of a head at which it is sealed: some thousand points, about one block.
const FULL_HEAD: usize = 16 << 10;
/// Heads that are sealed in one go while commits wait.
const SLICE: usize = 16;

pub struct Engine {
    pub table: Table,
    pub heads: Heads,
    /// Held by whoever changes tables or heads.
    turn: Mutex<()>,
    applied: AtomicU64,
    /// All that the journal holds up to here is in sled, flushed and synced.
    durable: AtomicU64,
    head_memory: usize,
    /// `None` in tests of the engine alone.
    room: Option<Room>,
    pub bell: Bell,
}

/// Wakes the checkpoint thread.
#[derive(Default)]
pub struct Bell {
    pub rung: Mutex<bool>,
    pub changed: Condvar,
}

impl Bell {
    pub fn ring(&self) {
        *self.rung.lock() = true;
        self.changed.notify_all();
    }
}

/// What a replay has to remember.
pub struct Replay {
    /// Entity changes up to here are in the tables.
    applied: LogSequence,
    /// Of each device: points up to here were in blocks when the replay began.
    sealed: AHashMap<DeviceId, LogSequence>,
}

impl Engine {
    pub fn new(table: Table, head_memory: usize) -> Result<Self, StoreError> {
        let applied = match table.get(keys::APPLIED)? {
            Some(value) => record::decode("applied", &value)?,
            None => 0,
        };
        Ok(Self {
            table,
            heads: Heads::new(),
            turn: Mutex::new(()),
            applied: AtomicU64::new(applied),
            durable: AtomicU64::new(0),
            head_memory,
            room: None,
            bell: Bell::default(),
        })
    }

    pub fn with_room(self, room: Room) -> Self {
        let room = Some(room);
        Self { room, ..self }
    }

    /// Asked before sled is made to write. Errors: `Full` when it might not fit on the disk.
    pub fn ensure_room(&self) -> Result<(), StoreError> {
        self.room.as_ref().map_or(Ok(()), Room::ensure)
    }

    /// Nothing changes while this is held.
    #[cfg(test)]
    pub fn pause(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.turn.lock()
    }

    pub fn applied(&self) -> LogSequence {
        self.applied.load(Ordering::Acquire)
    }

    /// Up to which sequence the journal is not needed any more (design.md 7.8).
    pub fn droppable_up_to(&self) -> LogSequence {
        self.durable.load(Ordering::Acquire)
    }

    pub fn set_durable(&self, watermark: LogSequence) {
        self.durable.fetch_max(watermark, Ordering::AcqRel);
    }

    /// Everything at or below this sequence is in sled (perhaps not flushed); writes the applied
    /// sequence, so that it survives the segments.
    pub fn settled(&self) -> Result<LogSequence, StoreError> {
        let _turn = self.turn.lock();
        let applied = self.applied();
        let value = record::encode(&applied)?;
        self.table
            .tree
            .insert(keys::APPLIED, value)
            .map_err(failed)?;
        let needed = self.heads.first_needed();
        Ok(needed.map_or(applied, |first| applied.min(first.saturating_sub(1))))
    }

    /// Seals these devices' heads, a slice at a time so that commits get their turn.
    pub fn seal(&self, devices: &[DeviceId]) -> Result<(), StoreError> {
        for slice in devices.chunks(SLICE) {
            self.ensure_room()?;
            let turn = self.turn.lock();
            let sealed = self.seal_slice(slice);
            parking_lot::MutexGuard::unlock_fair(turn);
            sealed?;
        }
        Ok(())
    }

    /// Seals the fullest heads until they take three quarters of what they may.
    pub fn relieve(&self) -> Result<(), StoreError> {
        let devices = self.fullest();
        self.seal(&devices)
    }

    fn fullest(&self) -> Vec<DeviceId> {
        let weight = self.heads.weight();
        if weight <= self.head_memory {
            return Vec::new();
        }
        let mut surplus = weight - self.head_memory / 4 * 3;
        let mut heads = self.heads.pick(|_| true);
        heads.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut picked = Vec::new();
        for (weight, device) in heads {
            if surplus == 0 {
                break;
            }
            surplus = surplus.saturating_sub(weight);
            picked.push(device);
        }
        picked
    }

    /// With the turn held. The heads are cleared after their blocks can be seen.
    fn seal_slice(&self, devices: &[DeviceId]) -> Result<(), StoreError> {
        let mut tx = Tx::new(&self.table);
        for device in devices {
            if let Some((rows, through)) = self.heads.sealable(*device) {
                seal::seal(&mut tx, *device, rows, through)?;
            }
        }
        tx.commit(self.applied())?;
        for device in devices {
            self.heads.remove(*device);
        }
        Ok(())
    }

    /// Takes one batch of the journal at start, leaving out what is in the tables already.
    pub fn replay(
        &self,
        replay: &mut Replay,
        sequence: LogSequence,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let _turn = self.turn.lock();
        let mut tx = Tx::new(&self.table);
        let mut full = Vec::new();
        let mut step = Step {
            engine: self,
            replay: Some(replay),
            full: &mut full,
        };
        step.batch(&mut tx, sequence, batch)?;
        tx.commit(self.applied().max(sequence))?;
        self.applied.fetch_max(sequence, Ordering::AcqRel);
        self.seal_slice(&full)?;
        self.relieve_at_once()
    }

    pub fn begin_replay(&self) -> Replay {
        Replay {
            applied: self.applied(),
            sealed: AHashMap::new(),
        }
    }

    /// When the checkpoint thread cannot keep up, the writer waits for memory itself.
    fn relieve_at_once(&self) -> Result<(), StoreError> {
        let weight = self.heads.weight();
        if weight > self.head_memory + self.head_memory / 2 {
            let devices = self.fullest();
            for slice in devices.chunks(SLICE) {
                // On a full disk heads stay open: no commit is let in to make them grow.
                if self.ensure_room() == Err(StoreError::Full) {
                    break;
                }
                self.seal_slice(slice)?;
            }
        } else if weight > self.head_memory {
            self.bell.ring();
        }
        Ok(())
    }
}

impl Apply for Engine {
    fn apply(&self, group: &[(LogSequence, Batch)]) -> Result<(), StoreError> {
        let _turn = self.turn.lock();
        let mut tx = Tx::new(&self.table);
        let mut full = Vec::new();
        let mut step = Step {
            engine: self,
            replay: None,
            full: &mut full,
        };
        for (sequence, batch) in group {
            step.batch(&mut tx, *sequence, batch)?;
        }
        if let Some((last, _)) = group.last() {
            tx.commit(*last)?;
            self.applied.store(*last, Ordering::Release);
        }
        full.sort_unstable();
        full.dedup();
        self.seal_slice(&full)?;
        self.relieve_at_once()
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.ensure_room()
    }

    fn segment_rolled(&self) {
        self.bell.ring();
    }
}

/// Applies batches one after the other into one transaction.
struct Step<'a> {
    engine: &'a Engine,
    replay: Option<&'a mut Replay>,
    /// Devices whose heads have become full.
    full: &'a mut Vec<DeviceId>,
}

impl Step<'_> {
    fn batch(
        &mut self,
        tx: &mut Tx<'_>,
        sequence: LogSequence,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let deletes = |change: &Change| {
            matches!(
                change,
                Change::TelemetryDelete { .. }
                    | Change::TelemetryExpire { .. }
                    | Change::DeviceDelete(_)
            )
        };
        if batch.changes.iter().any(deletes) {
            return self.deleting_batch(tx, sequence, batch);
        }
        let entities = self.entities_wanted(sequence);
        for change in &batch.changes {
            if let Change::Telemetry {
                device,
                origin,
                rows,
            } = change
            {
                if !rows.is_empty() && self.points_wanted(*device, sequence)? {
                    self.open_points(*device, sequence, *origin, rows);
                }
            } else if entities {
                apply::entity(tx, change)?;
            }
        }
        Ok(())
    }

    fn open_points(
        &mut self,
        device: DeviceId,
        sequence: LogSequence,
        origin: Origin,
        rows: &[Row],
    ) {
        if self.engine.heads.push(device, sequence, origin, rows) > FULL_HEAD {
            self.full.push(device);
        }
    }

    /// What came before is settled first; then the whole batch goes into one sled batch.
    fn deleting_batch(
        &mut self,
        tx: &mut Tx<'_>,
        sequence: LogSequence,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let before = self.engine.applied().max(sequence.saturating_sub(1));
        tx.commit(before)?;
        self.engine.applied.fetch_max(before, Ordering::AcqRel);
        let devices: BTreeSet<DeviceId> = batch.changes.iter().filter_map(device_of).collect();
        let devices: Vec<DeviceId> = devices.into_iter().collect();
        self.engine.seal_slice(&devices)?;
        let entities = self.entities_wanted(sequence);
        let mut wanted = AHashMap::new();
        for device in &devices {
            wanted.insert(*device, self.points_wanted(*device, sequence)?);
        }
        for change in &batch.changes {
            let device = device_of(change);
            let points = device.is_some_and(|device| wanted.get(&device) == Some(&true));
            if points {
                points_at_once(tx, sequence, change)?;
            }
            if entities {
                apply::entity(tx, change)?;
            }
        }
        tx.commit(self.engine.applied().max(sequence))
    }

    fn entities_wanted(&self, sequence: LogSequence) -> bool {
        let replay = self.replay.as_ref();
        replay.is_none_or(|replay| sequence > replay.applied)
    }

    fn points_wanted(
        &mut self,
        device: DeviceId,
        sequence: LogSequence,
    ) -> Result<bool, StoreError> {
        let Some(replay) = &mut self.replay else {
            return Ok(true);
        };
        // What is sealed during the replay is below the sequences still to come, so the first
        // look stands.
        let sealed = match replay.sealed.get(&device) {
            Some(sealed) => *sealed,
            None => {
                let state = SeriesState::load(&self.engine.table, device)?;
                let sealed = state.map_or(0, |state| state.sealed);
                replay.sealed.insert(device, sealed);
                sealed
            }
        };
        Ok(sequence > sealed)
    }
}

/// A change of points straight into the tables.
fn points_at_once(
    tx: &mut Tx<'_>,
    sequence: LogSequence,
    change: &Change,
) -> Result<(), StoreError> {
    match change {
        Change::Telemetry {
            device,
            origin,
            rows,
        } => {
            let mut stored = Rows::default();
            for row in rows {
                stored.push(row.ts, *origin, &row.values);
            }
            seal::seal(tx, *device, stored, sequence)
        }
        Change::TelemetryDelete {
            device,
            keys,
            selection,
        } => delete::points(tx, *device, keys, selection, sequence),
        Change::TelemetryExpire { device, before } => {
            delete::expire(tx, *device, *before, sequence)
        }
        Change::DeviceDelete(device) => delete::everything(tx, *device),
        _ => Ok(()),
    }
}

/// The device whose points a change touches.
fn device_of(change: &Change) -> Option<DeviceId> {
    match change {
        Change::Telemetry { device, .. }
        | Change::TelemetryDelete { device, .. }
        | Change::TelemetryExpire { device, .. }
        | Change::DeviceDelete(device) => Some(*device),
        _ => None,
    }
}
