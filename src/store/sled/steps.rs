//! Applying batches one after the other: as they are committed, and again at a start.

use super::engine::Engine;
use super::telemetry::columns::Columns;
use super::telemetry::rows::Rows;
use super::telemetry::{delete, seal, series::SeriesState};
use super::tx::Tx;
use super::{apply, memory};
use crate::model::ids::{DeviceId, Origin};
use crate::model::packed::PackedRows;
use crate::store::batch::{Batch, Change};
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use ahash::AHashMap;
use std::collections::BTreeSet;

/// Frames whose entity changes are gathered together.
const FRAMES: u32 = 512;

/// Devices that a replay remembers at once.
const KNOWN: usize = 1 << 16;

/// Takes the journal's batches at start, leaving out what is in the tables already.
pub struct Replay<'a> {
    engine: &'a Engine,
    tx: Tx<'a>,
    known: Known,
    /// Last sequence taken, and how many since the last commit.
    last: LogSequence,
    taken: u32,
}

/// What a replay has to remember.
pub struct Known {
    /// Entity changes up to here are in the tables.
    applied: LogSequence,
    /// Of each device: points up to here were in blocks when the replay came to it.
    sealed: AHashMap<DeviceId, LogSequence>,
}

impl<'a> Replay<'a> {
    pub fn new(engine: &'a Engine) -> Self {
        let known = Known {
            applied: engine.applied(),
            sealed: AHashMap::new(),
        };
        Self {
            engine,
            tx: Tx::new(&engine.table),
            known,
            last: 0,
            taken: 0,
        }
    }

    pub fn take(&mut self, sequence: LogSequence, batch: &Batch) -> Result<(), StoreError> {
        let turn = self.engine.turn.lock();
        let mut step = Step::new(self.engine, Some(&mut self.known));
        step.batch(&mut self.tx, sequence, batch)?;
        let many = step.froze && self.engine.heads.is_handful_frozen();
        self.last = sequence;
        self.taken += 1;
        if self.taken >= FRAMES || self.tx.bytes() > memory::REPLAYED {
            self.commit()?;
        }
        drop(turn);
        if many || self.engine.gate.is_tight(self.engine.heads.weight()) {
            self.engine.chime.ring();
        }
        match self.engine.wait_for_memory() {
            // On a full disk heads stay open: no commit is let in to make them grow.
            Err(StoreError::Full) => Ok(()),
            waited => waited,
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let applied = self.engine.applied().max(self.last);
        self.tx.commit()?;
        self.engine.set_applied(applied);
        self.taken = 0;
        Ok(())
    }

    pub fn finish(mut self) -> Result<(), StoreError> {
        let _turn = self.engine.turn.lock();
        self.commit()
    }
}

/// Applies batches into one transaction, with the engine's turn held.
pub struct Step<'a> {
    engine: &'a Engine,
    known: Option<&'a mut Known>,
    /// Whether heads became full.
    pub froze: bool,
}

impl<'a> Step<'a> {
    /// `known`: of a replay.
    pub fn new(engine: &'a Engine, known: Option<&'a mut Known>) -> Self {
        Self {
            engine,
            known,
            froze: false,
        }
    }

    pub fn batch(
        &mut self,
        tx: &mut Tx<'_>,
        sequence: LogSequence,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        if batch.changes.iter().any(deletes_points) {
            return self.deleting_batch(tx, sequence, batch);
        }
        let entities = self.entities_wanted(sequence);
        let mut full = Vec::new();
        for changes in batch.changes.chunk_by(are_points_of_one) {
            if let [Change::Telemetry { device, .. }, ..] = changes {
                if self.points_wanted(*device, sequence)?
                    && self.open_points(*device, sequence, changes)
                {
                    full.push(*device);
                }
            } else if entities {
                for change in changes {
                    apply::entity(tx, change)?;
                }
            }
        }
        // Only now: a head holds whole batches.
        for device in full {
            self.engine.heads.freeze(device);
            self.froze = true;
        }
        Ok(())
    }

    /// Whether the head is full now.
    fn open_points(&self, device: DeviceId, sequence: LogSequence, changes: &[Change]) -> bool {
        let mut rows = changes.iter().filter_map(rows_of).peekable();
        if rows.peek().is_none() {
            return false;
        }
        let length = self.engine.heads.push(device, sequence, rows);
        length > memory::FULL_HEAD
    }

    /// What came before is settled first; then what touches points goes into one sled batch, and the
    /// entity changes after it are gathered.
    fn deleting_batch(
        &mut self,
        tx: &mut Tx<'_>,
        sequence: LogSequence,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let before = self.engine.applied().max(sequence.saturating_sub(1));
        tx.commit()?;
        self.engine.set_applied(before);
        let devices: BTreeSet<DeviceId> = batch.changes.iter().filter_map(device_of).collect();
        let devices: Vec<DeviceId> = devices.into_iter().collect();
        // Held to the end: what is sealed or merged aside at this moment is void.
        let mut blocks = self.engine.blocks();
        blocks.note(&devices);
        self.engine.settle(&devices, &mut blocks)?;
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
        tx.commit()
    }

    fn entities_wanted(&self, sequence: LogSequence) -> bool {
        let known = self.known.as_ref();
        known.is_none_or(|known| sequence > known.applied)
    }

    fn points_wanted(
        &mut self,
        device: DeviceId,
        sequence: LogSequence,
    ) -> Result<bool, StoreError> {
        let Some(known) = &mut self.known else {
            return Ok(true);
        };
        // What is sealed during the replay is below the sequences still to come, so the first
        // look stands, and so does another one.
        if known.sealed.len() >= KNOWN {
            known.sealed.clear();
        }
        let sealed = match known.sealed.get(&device) {
            Some(sealed) => *sealed,
            None => {
                let sealed = match SeriesState::load(&self.engine.table, device) {
                    Ok(state) => state.map_or(0, |state| state.sealed),
                    // Reported. Taking its points again changes nothing but what is damaged.
                    Err(StoreError::Damaged(_)) => 0,
                    Err(error) => return Err(error),
                };
                known.sealed.insert(device, sealed);
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
            for row in rows.iter() {
                stored.push(row.ts, *origin, &row.values);
            }
            seal::seal(tx, *device, &[Columns::of(&stored)], sequence)?;
            Ok(())
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

/// Whether two changes are points of the same device.
fn are_points_of_one(one: &Change, other: &Change) -> bool {
    let device = |change: &Change| match change {
        Change::Telemetry { device, .. } => Some(*device),
        _ => None,
    };
    device(one).is_some() && device(one) == device(other)
}

/// The rows of a change that has some.
fn rows_of(change: &Change) -> Option<(Origin, &PackedRows)> {
    match change {
        Change::Telemetry { origin, rows, .. } if !rows.is_empty() => Some((*origin, rows)),
        _ => None,
    }
}

fn deletes_points(change: &Change) -> bool {
    matches!(
        change,
        Change::TelemetryDelete { .. } | Change::TelemetryExpire { .. } | Change::DeviceDelete(_)
    )
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
