//! Sealing heads beside the journal: rows are encoded without a lock, many devices' blocks reach
//! sled in one batch under a short one, then their frozen heads go.

use super::engine::{Blocks, Engine};
use super::keys;
use super::telemetry::seal::{self, Wanted};
use super::tx::{Changes, Tx};
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;
use parking_lot::MutexGuard;

/// Devices, and about how many bytes of heads, that are sealed in one sled batch.
const DEVICES: usize = 64;
const BYTES: usize = 1 << 20;
/// Devices whose heads are frozen in one go while commits wait.
const FROZEN: usize = 256;

/// One device's blocks, on their way to sled.
struct Sealed {
    device: DeviceId,
    heads: usize,
    changes: Changes,
    wanted: Wanted,
}

impl Engine {
    /// Freezes these devices' heads and seals all that is frozen.
    pub fn seal(&self, devices: &[DeviceId]) -> Result<(), StoreError> {
        self.freeze(devices);
        self.drain()
    }

    /// In the order of sled's keys: neighbours share its pages, and are sealed together.
    fn freeze(&self, devices: &[DeviceId]) {
        let mut devices = devices.to_vec();
        devices.sort_by_cached_key(|device| (device.partition().0, *device));
        for slice in devices.chunks(FROZEN) {
            let turn = self.turn.lock();
            slice.iter().for_each(|device| self.heads.freeze(*device));
            MutexGuard::unlock_fair(turn);
        }
    }

    /// Seals what is frozen now; what is frozen in the meantime may be left.
    pub fn drain(&self) -> Result<(), StoreError> {
        let mut left = self.heads.waiting();
        while left > 0 {
            let sealed = self.seal_next()?;
            left = left.saturating_sub(sealed.max(1)).min(self.heads.waiting());
        }
        // The upkeep thread may have some in hand.
        drop(self.upkeep.lock());
        Ok(())
    }

    /// Seals the heads that were frozen first; returns of how many devices.
    pub fn seal_next(&self) -> Result<usize, StoreError> {
        let upkeep = self.upkeep.lock();
        let devices = self.heads.next_frozen(DEVICES, BYTES);
        if devices.is_empty() {
            return Ok(0);
        }
        let sealed = self.seal_frozen(&devices);
        if sealed.is_err() {
            self.heads.put_back(&devices);
        }
        self.table.metrics.head_bytes(self.heads.weight());
        drop(upkeep);
        sealed.map(|()| devices.len())
    }

    /// With `upkeep` held.
    fn seal_frozen(&self, devices: &[DeviceId]) -> Result<(), StoreError> {
        self.ensure_room()?;
        self.watch();
        let mut parts = Vec::with_capacity(devices.len());
        for device in devices {
            parts.extend(self.encode(*device)?);
        }
        let blocks = self.blocks();
        // A deletion has settled the heads of its devices itself.
        parts.retain(|part| !blocks.is_changed(part.device));
        let mut changes = Changes::default();
        for part in &mut parts {
            changes.append(std::mem::take(&mut part.changes));
        }
        #[cfg(test)]
        self.pass("seal: encoded");
        changes.commit(&self.table)?;
        #[cfg(test)]
        self.pass("seal: in sled");
        for part in &parts {
            self.heads.remove_frozen(part.device, part.heads);
        }
        drop(blocks);
        for part in parts {
            self.todo.note(part.device, part.wanted);
        }
        Ok(())
    }

    /// Blocks and series state for all frozen heads of a device.
    fn encode(&self, device: DeviceId) -> Result<Option<Sealed>, StoreError> {
        let frozen = self.heads.frozen(device);
        let Some(last) = frozen.last() else {
            return Ok(None);
        };
        let rows: Vec<_> = frozen.iter().map(|head| head.columns()).collect();
        let mut tx = Tx::new(&self.table);
        let wanted = seal::seal(&mut tx, device, &rows, last.through)?;
        self.mark(&mut tx, device, wanted);
        Ok(Some(Sealed {
            device,
            heads: frozen.len(),
            changes: tx.take_changes()?,
            wanted,
        }))
    }

    /// Seals all of these devices at once, for a deletion that stands behind their points. With
    /// the turn held.
    pub fn settle(&self, devices: &[DeviceId], _blocks: &mut Blocks) -> Result<(), StoreError> {
        let mut tx = Tx::new(&self.table);
        let mut sealed = Vec::new();
        for device in devices {
            if let Some((rows, through)) = self.heads.sealable(*device) {
                let wanted = seal::seal(&mut tx, *device, &rows, through)?;
                self.mark(&mut tx, *device, wanted);
                sealed.push((*device, wanted));
            }
        }
        tx.commit()?;
        for device in devices {
            self.heads.remove(*device);
        }
        for (device, wanted) in sealed {
            self.todo.note(device, wanted);
        }
        Ok(())
    }

    /// A start finds marked devices again.
    fn mark(&self, tx: &mut Tx<'_>, device: DeviceId, wanted: Wanted) {
        if wanted.sides && !self.todo.is_marked(device) {
            tx.put(keys::unmerged(device), Vec::new());
        }
    }

    /// Freezes the fullest heads when memory is tight; returns how many.
    pub fn relieve(&self) -> usize {
        if !self.gate.is_tight(self.heads.weight()) {
            return 0;
        }
        let open = self.heads.open_weight();
        let mut surplus = open.saturating_sub(self.gate.relaxed());
        let mut heads = self.heads.pick(|_| true);
        heads.sort_unstable_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut picked = Vec::new();
        for (weight, device) in heads {
            if surplus == 0 {
                break;
            }
            surplus = surplus.saturating_sub(weight);
            picked.push(device);
        }
        self.freeze(&picked);
        picked.len()
    }
}
