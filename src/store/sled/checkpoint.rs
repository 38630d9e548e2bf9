//! Checkpoints: make what the journal holds durable in sled, then drop its old segments.
//!
//! Order matters: heads are sealed, the watermark is read, sled is flushed, its file is synced;
//! only then segments at or below the watermark go. Commits go on meanwhile.
//!
//! Against kill -9 that is enough: what sled has written is in the system's hands. Against a loss of
//! power it leaves a gap between two checkpoints. sled gives a segment of its file free as soon as
//! the pages in it stand elsewhere, by `sync_file_range`, and writes over it with the next ones: new
//! pages that no `fdatasync` has confirmed, over old ones that the last checkpoint counted on, when
//! the journal's part for them is gone. `sync_file_range` waits for the device, so a device without
//! a volatile cache loses nothing in blocks that were written before; in blocks that are new to the
//! file, what makes them readable (ext4: the extent's conversion) may be up to its next commit, 5 s,
//! behind. A volatile cache is emptied by each commit of our journal, so there the window is from one
//! commit to the next. Syncing before each of our writes would not close it, as sled gives free and
//! writes over within one batch, and it has no setting that holds segments back. What would: a sled
//! that frees segments at a sync only.

use super::directory::DataDirectory;
use super::engine::Engine;
use super::table::failed;
use super::worker::{Stop, Worker};
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;
use crate::store::journal::replay::Closed;
use crate::store::journal::Journal;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest that tables stay unsynced.
const EVERY: Duration = Duration::from_secs(60);
/// The longest that a head stays open.
const OPEN: Duration = Duration::from_secs(600);

/// What a checkpoint needs; shared with its thread.
pub struct Parts {
    pub engine: Arc<Engine>,
    pub journal: Journal,
    pub directory: DataDirectory,
    /// What the journal is to keep to, in bytes.
    pub journal_size: u64,
    /// One checkpoint at a time.
    pub running: Mutex<()>,
    /// Free bytes of the disk that are let alone.
    pub reserve: u64,
    pub upkeep: Worker,
    #[cfg(test)]
    pub watcher: Mutex<Option<super::compactor::Watcher>>,
}

impl Parts {
    /// Seals everything, or only what is due.
    pub fn checkpoint(&self, everything: bool) -> Result<(), StoreError> {
        let _one = self.running.lock();
        let engine = &self.engine;
        let mut due = engine
            .heads
            .pick(|head| everything || head.since.elapsed() > OPEN);
        if let Some(target) = self.sequence_to_drop() {
            due.extend(engine.heads.pick(|head| head.first <= target));
        }
        let mut devices: Vec<DeviceId> = due.into_iter().map(|(_, device)| device).collect();
        devices.sort_unstable();
        devices.dedup();
        engine.seal(&devices)?;
        #[cfg(test)]
        engine.pass("checkpoint: sealed");
        engine.ensure_room()?;
        let watermark = engine.settled()?;
        #[cfg(test)]
        engine.pass("checkpoint: settled");
        engine.table.db().flush().map_err(failed)?;
        #[cfg(test)]
        engine.pass("checkpoint: flushed");
        self.directory.sync_sled()?;
        #[cfg(test)]
        engine.pass("checkpoint: synced");
        engine.set_durable(watermark);
        let dropped = self.journal.drop_up_to(engine.droppable_up_to())?;
        tracing::debug!(watermark, dropped, sealed = devices.len(), "checkpoint");
        Ok(())
    }

    /// From half its size on all segments are to go, the newest only beyond the whole.
    fn sequence_to_drop(&self) -> Option<u64> {
        if !self.is_due() {
            return None;
        }
        let closed = self.journal.closed_segments();
        let kept = if bytes_of(&closed) > self.journal_size {
            1
        } else {
            2
        };
        let at = closed.len().checked_sub(kept)?;
        closed.get(at).map(|segment| segment.last)
    }

    /// Early: what comes in during a checkpoint finds room.
    fn is_due(&self) -> bool {
        bytes_of(&self.journal.closed_segments()) >= self.journal_size / 2
    }
}

fn bytes_of(segments: &[Closed]) -> u64 {
    segments.iter().map(|segment| segment.bytes).sum()
}

pub fn start(parts: Arc<Parts>) -> Result<Worker, StoreError> {
    let engine = parts.engine.clone();
    let wake = move || engine.bell.ring();
    Worker::start("checkpoint", wake, move |stop| run(&parts, stop))
}

fn run(parts: &Parts, stop: &Stop) {
    let bell = &parts.engine.bell;
    let mut last = Instant::now();
    loop {
        bell.wait(EVERY);
        if stop.is_asked() {
            return;
        }
        if !parts.is_due() && last.elapsed() < EVERY {
            continue;
        }
        last = Instant::now();
        if let Err(error) = parts.checkpoint(false) {
            parts.journal.checkpoint_failed();
            tracing::error!(%error, "a checkpoint failed; the journal keeps its segments");
        }
    }
}
