//! Disk blocks set aside for sled before it needs them.
//!
//! A write of sled's that fails for want of space fails sled for good, until it is opened anew. So
//! its file always has blocks ahead of its end, beyond its length (nothing reads them), and
//! whoever is about to make sled write asks here first: a full disk then refuses the commit or
//! puts off the checkpoint, and sled itself never meets it.

use crate::store::error::StoreError;
use crate::store::journal::io;
use parking_lot::Mutex;
use rustix::fs::{fallocate, FallocateFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::path::Path;

/// Bytes set aside ahead of the file's end; topped up at half of it. Between two questions sled
/// writes one group of commits (4 MiB encoded at most) or one slice of heads.
pub const AHEAD: u64 = 16 << 20;

pub struct Room(Mutex<Held>);

struct Held {
    file: File,
    /// Blocks are there up to this offset ...
    until: u64,
    /// ... unless the file has become shorter than this, which gives them back.
    end: u64,
}

impl Room {
    /// For sled's file `db` in its directory.
    pub fn open(sled: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new().write(true).open(sled.join("db"));
        Ok(Self(Mutex::new(Held {
            file: file.map_err(|e| io("opening sled's file", e))?,
            until: 0,
            end: 0,
        })))
    }

    /// From now on it keeps what the other one kept.
    pub fn become_of(&self, other: Room) {
        *self.0.lock() = other.0.into_inner();
    }

    /// Errors: `Full` when sled's next writes might not fit.
    pub fn ensure(&self) -> Result<(), StoreError> {
        let mut held = self.0.lock();
        let figures = held.file.metadata();
        let end = figures
            .map_err(|e| io("asking for the size of sled's file", e))?
            .len();
        if end < held.end {
            held.until = end;
        }
        held.end = end;
        if held.until >= end.saturating_add(AHEAD / 2) {
            return Ok(());
        }
        let until = end.saturating_add(AHEAD);
        match fallocate(&held.file, FallocateFlags::KEEP_SIZE, 0, until) {
            // Where a file system cannot set blocks aside, the reserve alone has to do.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => held.until = until,
            Err(Errno::NOSPC | Errno::DQUOT) => return Err(StoreError::Full),
            Err(error) => return Err(io("setting disk space aside", error.into())),
        }
        Ok(())
    }
}
