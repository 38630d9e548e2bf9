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
use crate::store::journal::{io, Journal};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Closed segments that the journal may have before heads are sealed for it.
const SEGMENTS: usize = 4;
/// The longest that tables stay unsynced.
const EVERY: Duration = Duration::from_secs(60);
/// The longest that a head stays open.
const OPEN: Duration = Duration::from_secs(600);

/// What a checkpoint needs; shared with its thread.
pub struct Parts {
    pub db: sled::Db,
    pub engine: Arc<Engine>,
    pub journal: Journal,
    pub directory: DataDirectory,
    /// One checkpoint at a time.
    pub running: Mutex<()>,
    pub upkeep: Upkeep,
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
        engine.ensure_room()?;
        let watermark = engine.settled()?;
        self.db.flush().map_err(failed)?;
        self.directory.sync_sled()?;
        engine.set_durable(watermark);
        let dropped = self.journal.drop_up_to(engine.droppable_up_to())?;
        tracing::debug!(watermark, dropped, sealed = devices.len(), "checkpoint");
        Ok(())
    }

    /// With too many segments all but the newest are to go.
    fn sequence_to_drop(&self) -> Option<u64> {
        let closed = self.journal.closed_segments();
        let surplus = closed.len().checked_sub(SEGMENTS)?;
        let at = closed.len().checked_sub(2)?.max(surplus);
        closed.get(at).map(|segment| segment.last)
    }

    fn is_due(&self) -> bool {
        self.journal.closed_segments().len() >= SEGMENTS
    }
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
            tracing::error!(%error, "a checkpoint failed; the journal keeps its segments");
        }
    }
}
