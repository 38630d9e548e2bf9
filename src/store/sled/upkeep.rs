//! The thread that seals frozen heads, relieves memory and merges blocks, in this order of
//! urgency, so that commits wait for none of it as long as memory lasts.

use super::engine::Engine;
use crate::store::error::StoreError;
use crate::store::journal::io;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// After a failure, and while blocks wait for their device to be quiet.
const SOON: Duration = Duration::from_millis(500);
/// With nothing to do.
const LATER: Duration = Duration::from_secs(60);

pub struct Upkeep {
    engine: Arc<Engine>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Upkeep {
    pub fn start(engine: Arc<Engine>) -> Result<Self, StoreError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, runs) = (stop.clone(), engine.clone());
        let thread = std::thread::Builder::new()
            .name("upkeep".into())
            .spawn(move || {
                let _end = End(&runs);
                run(&runs, &told);
            })
            .map_err(|e| io("starting the upkeep thread", e))?;
        Ok(Self {
            engine,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends the thread after what it is at.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.engine.chime.ring();
        if let Some(thread) = self.thread.lock().take() {
            if thread.join().is_err() {
                tracing::error!("the upkeep thread panicked");
            }
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Nobody may wait for a thread that is gone, also after a panic.
struct End<'a>(&'a Engine);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.gate.tell(Some(StoreError::Closed));
    }
}

fn run(engine: &Engine, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        match round(engine) {
            Ok(true) => {
                engine.gate.tell(None);
            }
            Ok(false) => {
                engine.gate.tell(None);
                let waits = if engine.todo.is_empty() { LATER } else { SOON };
                engine.chime.wait(waits);
            }
            Err(error) => {
                if engine.gate.tell(Some(error.clone())) {
                    tracing::error!(%error, "points cannot be sealed; they stay in the journal and in memory");
                }
                engine.chime.wait(SOON);
            }
        }
    }
}

/// Does the most urgent thing; `false` when there is none.
fn round(engine: &Engine) -> Result<bool, StoreError> {
    if engine.seal_next()? > 0 || engine.relieve() > 0 {
        return Ok(true);
    }
    engine.merge_next()
}
