//! What is gathered goes into sled's leaves, a few at a time: while a batch is applied sled lets
//! nobody read. First it is written down as it is, in one batch with the sequence up to which sled
//! then has all (design.md 7.6): a start that finds it goes on with it.

use super::super::engine::Engine;
use super::super::table::{failed, Table};
use super::super::{keys, record};
use super::gathered::{Changes, Frozen, Gathered};
use super::leaf::{self, Records};
use super::write::Stored;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;

type Result<T> = std::result::Result<T, StoreError>;

/// Records that reach sled in one batch.
const SLICE: usize = if cfg!(test) { 3 } else { 128 };
/// Bytes of one part of what is written down, as `long::LONGEST`.
const PART: usize = 7 << 10;
/// Stands before a value of what is written down; nothing stands where a record is to be removed.
const PRESENT: u8 = 1;

impl Engine {
    /// Brings all that is gathered into sled. Returns the sequence up to which sled has all entity
    /// changes then, which it has been told.
    pub fn drain_changes(&self) -> Result<LogSequence> {
        let upkeep = self.upkeep.lock();
        // Left by a drain that failed, and so older than what is open.
        self.drain_frozen()?;
        let turn = self.turn.lock();
        let applied = self.applied();
        let frozen = self.table.gathered.write().freeze(applied);
        drop(turn);
        match frozen {
            Some(_) => self.drain_frozen()?,
            None => self.table.write(vec![applied_record(applied)?])?,
        }
        drop(upkeep);
        Ok(applied)
    }

    /// Drains when a good part of the memory for it is taken; returns whether it did.
    pub fn drain_when_due(&self) -> Result<bool> {
        if !self.gate.is_much(self.table.gathered.read().open_weight()) {
            return Ok(false);
        }
        self.ensure_room()?;
        self.drain_changes().map(|_| true)
    }

    /// With `upkeep` held.
    fn drain_frozen(&self) -> Result<()> {
        let Some(frozen) = self.table.gathered.read().being_drained() else {
            return Ok(());
        };
        self.table.drain(&frozen)
    }
}

impl Table {
    fn drain(&self, frozen: &Frozen) -> Result<()> {
        let mut changes = frozen.changes.iter().peekable();
        let few = frozen.changes.len() <= SLICE;
        if !few {
            // Should the last ones not have gone.
            self.remove_written_down()?;
            self.write(written_down(frozen)?)?;
            #[cfg(test)]
            self.pass("drain: written down");
        }
        while changes.peek().is_some() {
            let slice = changes.by_ref().take(SLICE);
            let mut slice: Vec<_> = slice.map(|(k, v)| (k.clone(), v.clone())).collect();
            if few {
                slice.push(applied_record(frozen.applied)?);
            }
            self.write(slice)?;
            #[cfg(test)]
            self.pass("drain: a slice");
        }
        // Read by nobody any more; first, so that what comes next cannot meet it.
        let gone = self.gathered.write().thaw();
        drop(gone);
        if !few {
            self.remove_written_down()?;
        }
        #[cfg(test)]
        self.pass("drain: done");
        Ok(())
    }

    /// See `moments`.
    #[cfg(test)]
    pub fn pass(&self, moment: &str) {
        let flush = || assert!(self.db().flush().is_ok());
        crate::store::moments::pass(moment, flush);
    }

    fn remove_written_down(&self) -> Result<()> {
        let parts = self.tree().scan_prefix([keys::DRAIN]).keys();
        let parts = parts.map(|key| key.map(|key| (key.to_vec(), None)));
        let parts: std::result::Result<Vec<_>, _> = parts.collect();
        let parts = parts.map_err(failed)?;
        match parts.is_empty() {
            true => Ok(()),
            false => self.write(parts),
        }
    }

    /// At a start: what a kill left in the midst.
    pub fn finish_drain(&self) -> Result<()> {
        let mut bytes = Vec::new();
        for part in self.tree().scan_prefix([keys::DRAIN]).values() {
            bytes.extend_from_slice(&part.map_err(failed)?);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(changes) = read(&bytes) else {
            return Err(StoreError::Damaged(
                "changes on their way to the tables".into(),
            ));
        };
        let applied = match self.get(keys::APPLIED)? {
            Some(value) => record::decode("applied", &value)?,
            None => 0,
        };
        tracing::info!(
            records = changes.len(),
            "changes that a kill held up reach the tables"
        );
        *self.gathered.write() = Gathered::frozen(changes, applied);
        let frozen = self.gathered.read().being_drained();
        frozen.map_or(Ok(()), |frozen| self.drain(&frozen))
    }
}

fn applied_record(applied: LogSequence) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    Ok((keys::APPLIED.to_vec(), Some(record::encode(&applied)?)))
}

/// In the form of a leaf that begins at nothing, in parts.
fn written_down(frozen: &Frozen) -> Result<Stored> {
    let flagged = |value: &Option<Vec<u8>>| match value {
        Some(value) => [&[PRESENT], &**value].concat(),
        None => Vec::new(),
    };
    let values: Vec<Vec<u8>> = frozen.changes.values().map(flagged).collect();
    let records = frozen.changes.keys().zip(&values);
    let records: Vec<leaf::Record<'_>> = records.map(|(k, v)| (&**k, &**v)).collect();
    let bytes = leaf::encode(&[], &records);
    let parts = (0u32..).zip(bytes.chunks(PART));
    let parts = parts.map(|(number, part)| (keys::drain_part(number), Some(part.to_vec())));
    Ok(parts.chain([applied_record(frozen.applied)?]).collect())
}

fn read(bytes: &[u8]) -> Option<Changes> {
    let (mut records, mut changes) = (Records::of(&[], bytes).ok()?, Changes::new());
    while let Some(value) = records.next().ok()? {
        let value = match value.split_first() {
            None => None,
            Some((&PRESENT, value)) => Some(value.to_vec()),
            Some(_) => return None,
        };
        changes.insert(records.key().to_vec(), value);
    }
    Some(changes)
}
