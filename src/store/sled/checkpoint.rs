//! Checkpoints: make what the journal holds durable in sled, then drop its old segments.
//!
//! Order matters: heads are sealed, the watermark is read, sled is flushed, its file is synced;
//! only then segments at or below the watermark go. Commits go on meanwhile.

use super::directory::DataDirectory;
use super::engine::Engine;
use super::table::failed;
use super::upkeep::Upkeep;
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;
use crate::store::journal::replay::Closed;
use crate::store::journal::{io, Journal};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
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
    pub upkeep: Upkeep,
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

pub struct Checkpointer {
    engine: Arc<Engine>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    pub fn start(parts: Arc<Parts>) -> Result<Self, StoreError> {
        let engine = parts.engine.clone();
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(&parts, &told))
            .map_err(|e| io("starting the checkpoint thread", e))?;
        Ok(Self {
            engine,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends the thread; a checkpoint under way is finished.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.engine.bell.ring();
        if let Some(thread) = self.thread.lock().take() {
            if thread.join().is_err() {
                tracing::error!("the checkpoint thread panicked");
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(parts: &Parts, stop: &AtomicBool) {
    let bell = &parts.engine.bell;
    let mut last = Instant::now();
    loop {
        bell.wait(EVERY);
        if stop.load(Ordering::SeqCst) {
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
