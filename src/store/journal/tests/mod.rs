//! Tests of the journal: torn tails, damage, failing disks, back-pressure.

mod damage;
mod failures;
mod replaying;

use super::frame::Frame;
use super::replay::{self, Replayed};
use super::writer::{Journal, Settings};
use super::Apply;
use crate::model::ids::{Incarnation, NodeId};
use crate::observability::Metrics;
use crate::store::batch::{Batch, Change};
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

/// Makes a segment's next write or sync fail.
#[derive(Default)]
pub struct Faults {
    /// Bytes of the next write that still get through, plus one; 0 = no fault.
    pub short_write: AtomicUsize,
    pub sync: AtomicBool,
}

impl Faults {
    pub fn write_fails(&self) -> Option<usize> {
        self.short_write.swap(0, Ordering::SeqCst).checked_sub(1)
    }

    pub fn sync_fails(&self) -> bool {
        self.sync.swap(false, Ordering::SeqCst)
    }
}

/// Remembers what it was given.
#[derive(Default)]
struct Seen {
    batches: Mutex<Vec<(LogSequence, Batch)>>,
    fails: AtomicBool,
}

impl Apply for Seen {
    fn apply(&self, group: &[(LogSequence, &Batch)]) -> Result<(), StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Io("injected".into()));
        }
        let group = group.iter().map(|(at, batch)| (*at, (*batch).clone()));
        self.batches.lock().extend(group);
        Ok(())
    }
}

const NODE: NodeId = NodeId(uuid::Uuid::from_u128(7));

fn batch(n: u8) -> Batch {
    Batch::of_system(vec![Change::SystemPut {
        name: format!("name {n}"),
        value: vec![n; 40],
    }])
}

/// A journal over a directory, with what stands behind it.
struct Rig {
    journal: Journal,
    engine: Arc<Seen>,
    faults: Arc<Faults>,
}

impl Rig {
    /// Replays, then goes on writing.
    fn open(directory: &Path, segment_bytes: u64) -> Rig {
        let (replayed, frames) = read(directory);
        let engine = Arc::new(Seen::default());
        let taken = frames
            .into_iter()
            .map(|frame| (frame.id.sequence, frame.batch));
        engine.batches.lock().extend(taken);
        let faults = Arc::new(Faults::default());
        let settings = Settings {
            directory: directory.to_owned(),
            node: NODE,
            incarnation: Incarnation(1),
            next: replayed.last + 1,
            segment_bytes,
            most_bytes: u64::MAX,
            queue_bytes: 1 << 20,
            reserve: 0,
            faults: faults.clone(),
        };
        let journal = Journal::start(settings, replayed, engine.clone(), Metrics::new()).unwrap();
        Rig {
            journal,
            engine,
            faults,
        }
    }

    fn batches(&self) -> Vec<Batch> {
        let seen = self.engine.batches.lock();
        seen.iter().map(|(_, batch)| batch.clone()).collect()
    }
}

fn read(directory: &Path) -> (Replayed, Vec<Frame>) {
    let mut frames = Vec::new();
    let replayed = replay::replay(directory, NODE, |frame| {
        frames.push(frame);
        Ok(())
    });
    (replayed.unwrap(), frames)
}

/// The batches that a start would find.
fn found(directory: &Path) -> Vec<Batch> {
    let (_, frames) = read(directory);
    frames.into_iter().map(|frame| frame.batch).collect()
}
