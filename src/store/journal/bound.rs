//! The journal within its size: a start reads all of it. Before the writer begins another segment
//! it waits for a checkpoint as long as too much lies closed: commits take longer, none fails. While
//! checkpoints fail nobody waits: the journal grows, up to the disk's reserve.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// How often who waits looks again by himself.
const LOOK: Duration = Duration::from_millis(100);

pub struct Bound {
    /// Bytes of closed segments.
    most: u64,
    /// Whether the last checkpoint failed.
    failing: Mutex<bool>,
    changed: Condvar,
    /// How often a waiting writer has looked.
    #[cfg(test)]
    looks: std::sync::atomic::AtomicU64,
}

impl Bound {
    pub fn new(most: u64) -> Self {
        Self {
            most,
            failing: Mutex::new(false),
            changed: Condvar::new(),
            #[cfg(test)]
            looks: Default::default(),
        }
    }

    /// Returns when `held` bytes are few enough, or waiting is no use. `look` is called before each
    /// wait: it asks for a checkpoint, and says whether the journal is still open.
    pub fn wait(&self, held: impl Fn() -> u64, look: impl Fn() -> bool) {
        let mut failing = self.failing.lock();
        while held() > self.most && !*failing && look() {
            #[cfg(test)]
            self.looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            self.changed.wait_for(&mut failing, LOOK);
        }
    }

    #[cfg(test)]
    pub fn looks(&self) -> u64 {
        self.looks.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// A checkpoint has ended.
    pub fn tell(&self, failed: bool) {
        *self.failing.lock() = failed;
        self.changed.notify_all();
    }
}
