//! Batches that travel together: encoded by their sender, one wake to the writer, one answer back.
//!
//! The answer brings them home: what one thread allocated is freed there, and not on the writer's.

use super::{encode, frame};
use crate::store::batch::{Batch, Change};
use crate::store::error::StoreError;

/// Encoded bytes at which a bundle is closed; the rest of a call goes into the next one.
const FULL: usize = 1 << 20;

#[derive(Default)]
pub struct Bundle {
    batches: Vec<Batch>,
    /// Their encoded forms, one behind the other.
    encoded: Vec<u8>,
    /// Where each encoded form ends.
    ends: Vec<usize>,
    /// About how many bytes of memory all of it holds while it waits.
    weight: usize,
}

impl Bundle {
    /// Makes room for these, or for as many as it takes before it is closed.
    pub fn make_room(&mut self, batches: &[Batch]) {
        self.batches.reserve_exact(batches.len());
        self.ends.reserve_exact(batches.len());
        let bytes: usize = batches.iter().map(encode::expected).sum();
        self.encoded.reserve_exact(bytes.min(FULL));
    }

    /// Encodes and adds. Errors: `BatchTooLarge`; nothing of the batch is in the bundle then.
    pub fn push(&mut self, batch: Batch) -> Result<(), StoreError> {
        let before = self.encoded.len();
        frame::encode_batch(&batch, &mut self.encoded)?;
        let length = self.encoded.len() - before;
        let values: usize = batch.changes.iter().map(values_of).sum();
        self.weight += 2 * length + 64 * values + 256;
        self.ends.push(self.encoded.len());
        self.batches.push(batch);
        Ok(())
    }

    pub fn is_full(&self) -> bool {
        self.encoded.len() >= FULL
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Encoded bytes.
    pub fn bytes(&self) -> usize {
        self.encoded.len()
    }

    pub fn weight(&self) -> usize {
        self.weight
    }

    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Whether all it does is to take points or devices away: then it makes room.
    pub fn frees(&self) -> bool {
        let changes = self.batches.iter().flat_map(|batch| &batch.changes);
        changes.into_iter().all(|change| {
            matches!(
                change,
                Change::TelemetryExpire { .. }
                    | Change::TelemetryDelete { .. }
                    | Change::DeviceDelete(_)
            )
        })
    }

    /// The encoded form of each batch, in order.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = starts.zip(&self.ends);
        ranges.map(|(start, end)| self.encoded.get(start..*end).unwrap_or_default())
    }
}

fn values_of(change: &Change) -> usize {
    match change {
        // Nothing but what was encoded, which counts twice.
        Change::Telemetry { .. } => 2,
        Change::AttributesPut { entries, .. } => entries.len(),
        Change::AttributesDelete { keys, .. } | Change::TelemetryDelete { keys, .. } => keys.len(),
        _ => 4,
    }
}
