//! Tests of the journal: torn tails, damage, failing disks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Makes a segment's writes and syncs fail.
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
