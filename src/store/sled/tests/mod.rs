//! Tests of the durable engine: the contract on it in several moods, and what only it promises.

mod contract;

use super::checkpoint::Parts;
use super::SledStore;
use crate::model::units::ByteSize;
use crate::observability::Metrics;
use crate::store::{Config, StoreError};
use std::path::Path;

/// Everything as in production.
pub(super) fn config(path: &Path) -> Config {
    Config {
        path: path.to_owned(),
        reserve: ByteSize(0),
        journal_segment: ByteSize(32 << 20),
        queue_bytes: ByteSize(64 << 20),
        cache: ByteSize(4 << 20),
        head_memory: ByteSize(64 << 20),
    }
}

/// Segments of a few batches and hardly any memory: seals, checkpoints and drops all the time.
pub(super) fn cramped(path: &Path) -> Config {
    Config {
        journal_segment: ByteSize(2 << 10),
        head_memory: ByteSize(1 << 10),
        ..config(path)
    }
}

pub(super) fn open(config: &Config) -> SledStore {
    SledStore::open(config, Metrics::new()).unwrap()
}

/// The directory as kill -9 would leave it now: what sled has in memory only is not in it.
pub(super) fn copy_as_a_kill_leaves_it(parts: &Parts, image: &Path) -> Result<(), StoreError> {
    let _no_checkpoint = parts.running.lock();
    let no_change = parts.engine.pause();
    copy_directory(parts.directory.journal().parent().unwrap(), image);
    drop(no_change);
    parts.journal.stop();
    Ok(())
}

pub(super) fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
