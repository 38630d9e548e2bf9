//! Merging blocks beside the journal, one plan at a time: blocks are read and written anew without
//! a lock, and change places in one sled batch under a short one. A reader who meets a block that
//! has moved looks again.

use super::engine::Engine;
use super::keys;
use super::telemetry::block::Block;
use super::telemetry::columns::Columns;
use super::telemetry::delete::report;
use super::telemetry::directory::{self, BlockRange};
use super::telemetry::merge::{self, Entry, Plan};
use super::telemetry::seal::{self, Kind};
use super::telemetry::series::SeriesState;
use super::telemetry::todo::{Task, QUIET};
use super::tx::Tx;
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;
use std::time::Duration;

impl Engine {
    /// Does one step of merging; `false` when there is nothing to do.
    pub fn merge_next(&self) -> Result<bool, StoreError> {
        self.merge(QUIET)
    }

    /// `quiet`: see [`super::telemetry::todo::Todo::next`].
    pub fn merge(&self, quiet: Duration) -> Result<bool, StoreError> {
        let _upkeep = self.upkeep.lock();
        let Some(task) = self.todo.next(quiet) else {
            return Ok(false);
        };
        let done = self.merge_device(task);
        if done.is_err() {
            self.todo.again(task.device);
        }
        done.map(|()| true)
    }

    /// One plan of one device, with `upkeep` held.
    fn merge_device(&self, task: Task) -> Result<(), StoreError> {
        let device = task.device;
        self.ensure_room()?;
        self.watch();
        let mut tx = Tx::new(&self.table);
        let mut blocks = directory::list(&self.table, device)?;
        blocks.retain(|(number, _)| !self.todo.is_broken(device, *number));
        let mut state = SeriesState::in_tx(&tx, device)?;
        let plan = merge::plan(&blocks, state.next_block, task.quiet);
        let done = match &plan {
            Some(plan) => self.carry_out(&mut tx, device, &mut state, &blocks, plan)?,
            None => task.quiet || !blocks.iter().any(|(_, range)| range.side),
        };
        if plan.is_some() {
            self.todo.again(device);
            if !done {
                return Ok(());
            }
            state.store(&mut tx, device)?;
        } else if done && self.todo.is_marked(device) {
            tx.remove(keys::unmerged(device));
        }
        let changes = tx.take_changes()?;
        let held = self.blocks();
        if held.is_changed(device) {
            self.todo.again(device);
            return Ok(());
        }
        #[cfg(test)]
        if plan.is_some() {
            self.pass("merge: written anew");
        }
        changes.commit(&self.table)?;
        #[cfg(test)]
        if plan.is_some() {
            self.pass("merge: in sled");
        }
        if plan.is_none() && done {
            self.todo.done(device);
        }
        Ok(())
    }

    /// `false` when a block could not be read: it is left out from now on.
    fn carry_out(
        &self,
        tx: &mut Tx<'_>,
        device: DeviceId,
        state: &mut SeriesState,
        blocks: &[Entry],
        plan: &Plan,
    ) -> Result<bool, StoreError> {
        let picked = |numbers: &[u32]| -> Vec<Entry> {
            let entries = blocks.iter().filter(|entry| numbers.contains(&entry.0));
            entries.copied().collect()
        };
        match plan {
            Plan::Promote(numbers) => self.promote(tx, device, &picked(numbers)).map(|()| true),
            Plan::Join { numbers, side } => {
                let mut parts = picked(numbers);
                parts.sort_unstable_by_key(|(number, range)| (range.rank, *number));
                let kind = Kind {
                    side: *side,
                    rank: parts.last().map(|(_, range)| range.rank),
                };
                let Some(rows) = self.take_out(tx, device, &parts)? else {
                    return Ok(false);
                };
                let row = seal::bytes_of_row(parts.iter().map(|(_, range)| range));
                seal::write(tx, device, state, (&rows, 0..rows.len()), kind, row)?;
                Ok(true)
            }
            Plan::Halve(number) => {
                let parts = picked(&[*number]);
                let rank = parts.first().map(|(_, range)| range.rank);
                let Some(rows) = self.take_out(tx, device, &parts)? else {
                    return Ok(false);
                };
                let kind = Kind { side: true, rank };
                let middle = rows.len() / 2;
                let row = seal::bytes_of_row(parts.iter().map(|(_, range)| range));
                seal::write(tx, device, state, (&rows, 0..middle), kind, row)?;
                let later = middle..rows.len();
                seal::write(tx, device, state, (&rows, later), kind, row)?;
                Ok(true)
            }
        }
    }

    /// They stay where they are; the directory says what they are.
    fn promote(
        &self,
        tx: &mut Tx<'_>,
        device: DeviceId,
        parts: &[Entry],
    ) -> Result<(), StoreError> {
        for (number, range) in parts {
            let block = self.table.get(&keys::block(device, *number))?;
            let range = BlockRange {
                side: false,
                bytes: block.map_or(0, |block| block.len() as u32),
                ..*range
            };
            tx.put(keys::block_range(device, *number), range.encode()?);
        }
        Ok(())
    }

    /// The rows of blocks that go, lowest rank first. `None` when one is damaged: all stay.
    fn take_out(
        &self,
        tx: &mut Tx<'_>,
        device: DeviceId,
        parts: &[Entry],
    ) -> Result<Option<Columns>, StoreError> {
        let mut taken = Vec::with_capacity(parts.len());
        let mut whole = true;
        for (number, _) in parts {
            let bytes = self.table.get(&keys::block(device, *number))?;
            let read = bytes.and_then(|bytes| Block::read(&bytes)?.columns());
            if let Some(read) = read {
                taken.push(read);
                directory::remove(tx, device, *number);
            } else {
                report(&self.table, device, *number);
                self.todo.note_broken(device, *number);
                whole = false;
            }
        }
        Ok(whole.then(|| Columns::joined(&taken, |_| true)))
    }
}
