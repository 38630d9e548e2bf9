//! Which of two directories sled lives in. A copy takes the other's place by one rename of the
//! small file `live`: a directory of sled's is never renamed while it is open.
//!
//! ```text
//!  live     version, name, crc32 of both; without it sled lives in `sled`
//!  sled/    sled.b/    one of them; the other is a copy that is not whole, or rubbish
//! ```

use super::directory::DataDirectory;
use crate::store::error::StoreError;
use crate::store::journal::io;
use crate::store::journal::segment::sync_directory;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

const NAMES: [&str; 2] = ["sled", "sled.b"];

/// Whether sled lives in the second one. Errors: `Damaged`, `Io`.
pub fn is_second(path: &Path) -> Result<bool, StoreError> {
    match std::fs::read_to_string(path.join("live")) {
        Ok(text) => NAMES
            .iter()
            .position(|name| text == pointer(name))
            .map(|at| at == 1)
            .ok_or_else(|| StoreError::Damaged("the file that names sled's directory".into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io("reading which directory sled lives in", error)),
    }
}

/// Whether there has ever been a sled.
pub fn exists(path: &Path) -> bool {
    NAMES.iter().any(|name| path.join(name).exists())
}

fn pointer(name: &str) -> String {
    let line = format!("1 {name}");
    format!("{line} {:08x}\n", crc32fast::hash(line.as_bytes()))
}

impl DataDirectory {
    fn named(&self, second: bool) -> PathBuf {
        self.path.join(NAMES[usize::from(second)])
    }

    pub fn sled(&self) -> PathBuf {
        self.named(self.second.load(Ordering::SeqCst))
    }

    /// Where a copy is made.
    pub fn spare(&self) -> PathBuf {
        self.named(!self.second.load(Ordering::SeqCst))
    }

    pub fn remove_spare(&self) -> Result<(), StoreError> {
        match std::fs::remove_dir_all(self.spare()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io("removing what is not sled's directory any more", error))
            }
            _ => Ok(()),
        }
    }

    /// Makes the spare directory, which is whole and synced, the one that the next start opens.
    /// The name may not have reached the disk: `sync_sled` sees to that.
    pub fn exchange(&self) -> Result<(), StoreError> {
        let failed = |error| io("writing which directory sled lives in", error);
        let second = !self.second.load(Ordering::SeqCst);
        let temporary = self.path.join("live.new");
        File::create(&temporary)
            .and_then(|mut out| {
                out.write_all(pointer(NAMES[usize::from(second)]).as_bytes())?;
                out.sync_all()
            })
            .map_err(failed)?;
        let renamed = std::fs::rename(&temporary, self.path.join("live"));
        // Whatever the rename said: what counts is what a start would find now.
        if renamed.is_err() && is_second(&self.path) != Ok(second) {
            return renamed.map_err(failed);
        }
        self.second.store(second, Ordering::SeqCst);
        Ok(())
    }

    /// Before sled is opened: what a kill left of copies, also of those of earlier versions, which
    /// stood in `sled.old` between two renames.
    pub fn tidy(&self) -> Result<(), StoreError> {
        let (old, now) = (self.path.join("sled.old"), self.sled());
        if old.exists() && !now.exists() {
            std::fs::rename(&old, &now).map_err(|e| io("putting sled's directory back", e))?;
            sync_directory(&self.path)?;
        }
        if old.exists() {
            std::fs::remove_dir_all(&old).map_err(|e| io("removing the larger copy", e))?;
        }
        if self.second.load(Ordering::SeqCst) && !now.exists() {
            return Err(StoreError::Damaged("sled's directory is missing".into()));
        }
        self.remove_spare()
    }
}
