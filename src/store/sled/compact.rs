//! Making sled's directory small again at a start: its file does not shrink by itself.
//!
//! Everything is copied into `sled.new`, which then takes the place of `sled`. Between the two
//! renames only `sled.old` is there: a start that finds it puts it back.

use super::directory::DataDirectory;
use super::table::failed;
use crate::store::error::StoreError;
use crate::store::journal::io;
use crate::store::journal::segment::sync_directory;
use crate::store::retention::start_of_shrinking;

/// Bytes of records that reach the copy together.
const BATCH: usize = 1 << 20;
/// Bytes of records after which the copy is flushed, so that little of it is in memory.
const FLUSH: usize = 32 << 20;

/// Copies when the directory has come near `max_size` (0 = no cap). A copy that does not fit on the
/// disk is left alone: the store opens as it is. Errors: `Io`, `Damaged`.
pub fn if_needed(directory: &DataDirectory, cache: u64, max_size: u64) -> Result<(), StoreError> {
    directory.finish_exchange()?;
    if max_size == 0 || !directory.sled().exists() {
        return Ok(());
    }
    let before = directory.disk_use()?;
    if before <= start_of_shrinking(max_size) {
        return Ok(());
    }
    if directory.free()? < before {
        tracing::warn!(
            before,
            "no room to make a smaller copy of the data directory"
        );
        return Ok(());
    }
    tracing::info!(before, "making a smaller copy of the data directory");
    copy(directory, cache)?;
    directory.exchange()?;
    let after = directory.disk_use()?;
    tracing::info!(before, after, "the data directory is smaller now");
    Ok(())
}

fn copy(directory: &DataDirectory, cache: u64) -> Result<(), StoreError> {
    let old = directory.open_sled(cache)?;
    let new = directory.open_copy(cache)?;
    let mut batch = sled::Batch::default();
    let (mut batched, mut unflushed) = (0, 0);
    for row in old.iter() {
        let (key, value) = row.map_err(failed)?;
        batched += key.len() + value.len();
        batch.insert(key, value);
        if batched > BATCH {
            new.apply_batch(std::mem::take(&mut batch))
                .map_err(failed)?;
            unflushed += std::mem::take(&mut batched);
        }
        if unflushed > FLUSH {
            new.flush().map_err(failed)?;
            unflushed = 0;
        }
    }
    new.apply_batch(batch).map_err(failed)?;
    new.flush().map_err(failed)?;
    drop(new);
    directory.sync_copy()
}

impl DataDirectory {
    fn old(&self) -> std::path::PathBuf {
        self.path.join("sled.old")
    }

    /// After a kill between or behind the renames.
    fn finish_exchange(&self) -> Result<(), StoreError> {
        let (old, now) = (self.old(), self.sled());
        if !old.exists() {
            return Ok(());
        }
        if now.exists() {
            return std::fs::remove_dir_all(&old).map_err(|e| io("removing the larger copy", e));
        }
        std::fs::rename(&old, &now).map_err(|e| io("putting sled's directory back", e))?;
        sync_directory(&self.path)
    }

    fn exchange(&self) -> Result<(), StoreError> {
        let failed = |e| io("exchanging sled's directory", e);
        std::fs::rename(self.sled(), self.old()).map_err(failed)?;
        std::fs::rename(self.path.join("sled.new"), self.sled()).map_err(failed)?;
        sync_directory(&self.path)?;
        self.finish_exchange()
    }

    /// Free bytes of the disk.
    fn free(&self) -> Result<u64, StoreError> {
        let figures = rustix::fs::statvfs(&self.path)
            .map_err(|e| StoreError::Io(format!("asking for free disk space: {e}")))?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }
}
