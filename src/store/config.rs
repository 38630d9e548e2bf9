//! `[store]`: where the data lives and how much of the machine it may take.

use crate::model::units::{ByteSize, Period};
use serde::Deserialize;
use std::path::PathBuf;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub path: PathBuf,
    pub reserve: ByteSize,
    pub journal_segment: ByteSize,
    pub journal_size: ByteSize,
    pub memory: ByteSize,
    pub queue_bytes: ByteSize,
    pub cache: ByteSize,
    pub change_memory: ByteSize,
    pub head_memory: ByteSize,
    pub retention: Period,
    pub retention_slice: usize,
    pub max_size: ByteSize,
    pub compact_above: ByteSize,
    pub stuck_after: Period,
}

/// sled's real use of memory runs to four times its setting, and two are open during a compaction.
const SLED: u64 = 8;

/// Commits wait when the journal comes to this many times its size.
const OVERSHOOT: u64 = 2;

/// Bytes for each part of `memory`.
pub struct Shares {
    pub queue: u64,
    pub heads: u64,
    pub changes: u64,
    /// As sled is told.
    pub cache: u64,
}

impl Config {
    /// Parts that are not set (0) get their share: a quarter for the queue, three eighths for
    /// heads, a 128th for changes, an eighth for sled. The rest is for what sealing, merging and
    /// reading take.
    pub fn shares(&self) -> Shares {
        let memory = self.memory.0;
        let part = |set: ByteSize, share: u64| if set.0 > 0 { set.0 } else { share };
        Shares {
            queue: part(self.queue_bytes, memory / 4),
            heads: part(self.head_memory, memory / 8 * 3),
            changes: part(self.change_memory, memory / 128),
            cache: part(self.cache, memory / 8 / SLED),
        }
    }

    /// Bytes of closed segments above which commits wait for a checkpoint.
    pub fn most_journal(&self) -> u64 {
        self.journal_size.0.saturating_mul(OVERSHOOT)
    }

    /// What they come to.
    pub fn parts_of_memory(&self) -> u64 {
        let shares = self.shares();
        let cache = shares.cache.saturating_mul(SLED);
        shares
            .queue
            .saturating_add(shares.heads)
            .saturating_add(shares.changes)
            .saturating_add(cache)
    }
}
