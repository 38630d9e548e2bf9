//! How much room the disk has, asked now and then rather than at each commit.

use crate::store::error::StoreError;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How old an answer may be.
const FRESH: Duration = Duration::from_millis(100);

/// Watches the free space of one directory's file system against a reserve.
pub struct Space {
    directory: PathBuf,
    reserve: u64,
    last: Mutex<Option<(Instant, u64)>>,
}

impl Space {
    pub fn new(directory: &Path, reserve: u64) -> Self {
        Self {
            directory: directory.to_owned(),
            reserve,
            last: Mutex::new(None),
        }
    }

    /// Errors: `Full` when fewer than the reserve plus `wanted` bytes are free.
    pub fn check(&self, wanted: u64) -> Result<(), StoreError> {
        self.check_above(self.reserve, wanted)
    }

    /// For what makes room, which may take half of the reserve: refused, the disk would stay full.
    pub fn check_to_free(&self, wanted: u64) -> Result<(), StoreError> {
        self.check_above(self.reserve / 2, wanted)
    }

    fn check_above(&self, reserve: u64, wanted: u64) -> Result<(), StoreError> {
        let mut last = self.last.lock();
        let now = Instant::now();
        let fresh = last.filter(|(at, _)| now.duration_since(*at) < FRESH);
        let free = match fresh {
            Some((_, free)) => free,
            None => self.free()?,
        };
        let at = fresh.map_or(now, |(at, _)| at);
        if free < reserve.saturating_add(wanted) {
            *last = Some((at, free));
            return Err(StoreError::Full);
        }
        // What is about to be written counts until the next look.
        *last = Some((at, free - wanted));
        Ok(())
    }

    fn free(&self) -> Result<u64, StoreError> {
        let figures = rustix::fs::statvfs(&self.directory)
            .map_err(|e| StoreError::Io(format!("asking for free disk space: {e}")))?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }
}
