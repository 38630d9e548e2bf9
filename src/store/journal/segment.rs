//! One file of the journal: `<first sequence, 20 digits>.seg`, frames one after the other.
//!
//! Small commits find zeros where they write: blocks and length of the file are there already, so a
//! sync writes nothing about the file (half the time). What is left of the zeros when the file is
//! closed is cut off; after a kill they are a torn tail like any other.
//!
//! A frame whose sequence is at or above the name of the next segment is void: it belongs to a
//! commit that failed after some of its bytes had reached the file, and was never acknowledged.

use super::blocks::{BlockFile, BLOCK};
use super::io;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use std::fs::File;
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".seg";
/// Zeros written ahead in one go.
const AHEAD: usize = 1 << 20;
static ZEROS: Zeros = Zeros([0; AHEAD]);
/// Commits above this do without: writing zeros for them would cost as much as it saves.
const SMALL: usize = AHEAD / 16;

/// Whole blocks of memory.
#[repr(align(4096))]
struct Zeros([u8; AHEAD]);

/// The segment that is being written.
pub struct Segment {
    file: BlockFile,
    first: LogSequence,
    /// Bytes of frames that are whole and synced, or about to be.
    length: u64,
    /// The file's own length: zeros from `length` on.
    end: u64,
    /// Zeros are not written beyond this.
    full: u64,
    #[cfg(test)]
    pub faults: std::sync::Arc<super::tests::Faults>,
}

impl Segment {
    /// Makes the segment whose first frame will be `first`, and syncs the directory. It will be
    /// closed when it has about `full` bytes.
    pub fn create(directory: &Path, first: LogSequence, full: u64) -> Result<Self, StoreError> {
        let file = BlockFile::create(&path_of(directory, first))
            .map_err(|e| io("creating a journal segment", e))?;
        sync_directory(directory)?;
        Ok(Self {
            file,
            first,
            length: 0,
            end: 0,
            full,
            #[cfg(test)]
            faults: Default::default(),
        })
    }

    pub fn first(&self) -> LogSequence {
        self.first
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes and syncs. On an error the file is cut back to where it was; `Err((error, whole))`
    /// tells whether that worked, so that this segment may be written on.
    pub fn commit(&mut self, bytes: &[u8]) -> Result<(), (StoreError, bool)> {
        if let Err(error) = self.write(bytes) {
            let whole = self.cut_back();
            return Err((io("writing the journal", error), whole));
        }
        if let Err(error) = self.sync() {
            // After a failed sync nobody knows what the file holds: leave it behind.
            self.cut_back();
            return Err((io("syncing the journal", error), false));
        }
        self.length += bytes.len() as u64;
        self.file.keep(self.length, bytes);
        Ok(())
    }

    /// Nothing more will be written: zeros left over are given back. Should that fail, they are
    /// read as the end.
    pub fn close(&mut self) {
        self.cut_back();
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        #[cfg(test)]
        if let Some(part) = self.faults.write_fails() {
            let part = &bytes[..part.min(bytes.len())];
            self.file.put(self.length, part)?;
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let written = self.file.put(self.length, bytes)?;
        self.write_zeros(written, bytes.len());
        Ok(())
    }

    /// Behind a small commit that has used up what was there. Synced along with it.
    fn write_zeros(&mut self, written: u64, commit: usize) {
        if written <= self.end {
            return;
        }
        self.end = written;
        let wanted = self.full.saturating_sub(written).min(AHEAD as u64) as usize;
        let whole = wanted / BLOCK * BLOCK;
        let zeros = ZEROS.0.get(..whole).unwrap_or_default();
        if commit > SMALL || zeros.is_empty() {
            return;
        }
        match self.file.write(zeros, written) {
            Ok(()) => self.end += zeros.len() as u64,
            // No room for them: the commit itself is written, and the next one will tell.
            Err(_) => drop(self.file.set_len(written)),
        }
    }

    fn sync(&self) -> std::io::Result<()> {
        #[cfg(test)]
        if self.faults.sync_fails() {
            return Err(std::io::Error::other("injected"));
        }
        self.file.sync()
    }

    fn cut_back(&mut self) -> bool {
        self.end = self.length;
        self.file.set_len(self.length).is_ok()
    }
}

pub fn path_of(directory: &Path, first: LogSequence) -> PathBuf {
    directory.join(format!("{first:020}{SUFFIX}"))
}

/// The segments of a directory with their first sequences, in order. Other files are left alone.
pub fn list(directory: &Path) -> Result<Vec<(LogSequence, PathBuf)>, StoreError> {
    let failed = |e| io("listing the journal", e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let digits = name.and_then(|name| name.strip_suffix(SUFFIX));
        if let Some(first) = digits.and_then(|digits| digits.parse().ok()) {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Makes creations and removals in `directory` durable.
pub fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .map_err(|e| io("syncing a directory", e))
}
