//! The thread that brings changes into sled, seals frozen heads, relieves memory and merges blocks,
//! in this order of urgency, so that commits wait for none of it as long as memory lasts.

use super::engine::Engine;
use super::worker::{Stop, Worker};
use crate::store::error::StoreError;
use std::sync::Arc;
use std::time::Duration;

/// After a failure, and while blocks wait for their device to be quiet.
const SOON: Duration = Duration::from_millis(500);
/// With nothing to do.
const LATER: Duration = Duration::from_secs(60);

pub fn start(engine: Arc<Engine>) -> Result<Worker, StoreError> {
    let bell = engine.clone();
    let wake = move || bell.chime.ring();
    Worker::start("upkeep", wake, move |stop| {
        let _end = End(&engine);
        run(&engine, stop);
    })
}

/// Nobody may wait for a thread that is gone, also after a panic.
struct End<'a>(&'a Engine);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.gate.tell(Some(StoreError::Closed));
    }
}

fn run(engine: &Engine, stop: &Stop) {
    while !stop.is_asked() {
        match engine.pulse.during(|| round(engine)) {
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
                    tracing::error!(%error, "what is in the journal cannot reach the tables; it stays there and in memory");
                }
                engine.chime.wait(SOON);
            }
        }
    }
}

/// Does the most urgent thing; `false` when there is none.
fn round(engine: &Engine) -> Result<bool, StoreError> {
    if engine.drain_when_due()? || engine.seal_next()? > 0 || engine.relieve() > 0 {
        return Ok(true);
    }
    engine.merge_next()
}
