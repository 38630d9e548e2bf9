//! The data directory: who holds it, who it is, and opening sled in it safely.
//!
//! ```text
//!  data/            mode 0700
//!    lock           held exclusively by the one process that uses the directory
//!    identity       node id and incarnation, replaced as a whole at each start
//!    journal/       segments (see `journal::segment`)
//!    sled/          sled's files; made as sled.new/ and renamed when whole
//!    sled.b/, live  when a smaller copy has taken its place (see `live`)
//! ```

use super::live;
use super::room::Room;
use crate::model::ids::{Incarnation, NodeId};
use crate::store::error::StoreError;
use crate::store::journal::io;
use crate::store::journal::segment::sync_directory;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// How long a lock may take to become free.
const PATIENCE: Duration = Duration::from_secs(1);

pub struct DataDirectory {
    pub(super) path: PathBuf,
    pub identity: (NodeId, Incarnation),
    /// Whether sled lives in the second of its directories.
    pub(super) second: AtomicBool,
    /// Released when the process ends, however it ends.
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if need be, takes it, and raises its incarnation durably.
    /// Errors: `Locked` while another process holds it; `Damaged` when its identity is unreadable.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        make(path)?;
        let lock = lock(path)?;
        make(&path.join("journal"))?;
        let identity = raise_incarnation(path)?;
        Ok(Self {
            path: path.to_owned(),
            identity,
            second: AtomicBool::new(live::is_second(path)?),
            _lock: lock,
        })
    }

    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Bytes that all its files take on the disk, those set aside included.
    pub fn disk_use(&self) -> Result<u64, StoreError> {
        let use_of = |path: &Path| -> std::io::Result<u64> {
            let mut sum = 0;
            for entry in std::fs::read_dir(path)? {
                // Segments come and go meanwhile.
                let Ok(found) = entry?.metadata() else {
                    continue;
                };
                sum += found.blocks() * 512;
            }
            Ok(sum)
        };
        let mut sum = use_of(&self.journal());
        for sled in [self.sled(), self.spare()] {
            for path in [sled.join("blobs"), sled] {
                sum = match (sum, use_of(&path)) {
                    (sum, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => sum,
                    (sum, found) => sum.and_then(|sum| Ok(sum + found?)),
                };
            }
        }
        sum.map_err(|e| io("measuring the data directory", e))
    }

    /// Bytes of sled's file.
    pub fn sled_file(&self) -> Result<u64, StoreError> {
        let figures = std::fs::metadata(self.sled().join("db"));
        let figures = figures.map_err(|e| io("asking for the size of sled's file", e))?;
        Ok(figures.len())
    }

    /// Free bytes of the disk.
    pub fn free(&self) -> Result<u64, StoreError> {
        let figures = rustix::fs::statvfs(&self.path)
            .map_err(|e| StoreError::Io(format!("asking for free disk space: {e}")))?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }

    /// Opens sled; `cache` in bytes.
    pub fn open_sled(&self, cache: u64) -> Result<sled::Db, StoreError> {
        let path = self.sled();
        if !path.exists() {
            self.make_sled(cache)?;
        }
        remove_unfinished_snapshots(&path)?;
        open_patiently(&path, cache)
    }

    /// A start killed half-way leaves `sled.new` behind and nothing else.
    fn make_sled(&self, cache: u64) -> Result<(), StoreError> {
        let fresh = self.path.join("sled.new");
        let db = self.open_copy(&fresh, cache)?;
        db.flush().map_err(super::table::failed)?;
        drop(db);
        sync_files(&fresh)?;
        #[cfg(test)]
        crate::store::moments::pass("start: sled made", || {});
        std::fs::rename(fresh, self.sled()).map_err(|e| io("naming the sled directory", e))?;
        sync_directory(&self.path)
    }

    /// An empty one at `path`, in place of what was left of another.
    pub(super) fn open_copy(&self, path: &Path, cache: u64) -> Result<sled::Db, StoreError> {
        if path.exists() {
            std::fs::remove_dir_all(path)
                .map_err(|e| io("removing an unfinished sled directory", e))?;
        }
        open_patiently(path, cache)
    }

    pub(super) fn sync_spare(&self) -> Result<(), StoreError> {
        let spare = self.spare();
        let blobs = spare.join("blobs");
        if blobs.exists() {
            sync_files(&blobs)?;
        }
        sync_files(&spare)
    }

    /// Keeps blocks ahead of sled's file.
    pub fn room(&self) -> Result<Room, StoreError> {
        Room::open(&self.sled())
    }

    /// sled's `flush` only starts the writing on Linux: this waits for it (design.md 4).
    pub fn sync_sled(&self) -> Result<(), StoreError> {
        let db = File::open(self.sled().join("db"));
        db.and_then(|db| db.sync_data())
            .map_err(|e| io("syncing sled", e))?;
        // Pages over sled's limit stand in files of their own; there are none as a rule.
        let blobs = self.sled().join("blobs");
        if blobs.exists() {
            sync_files(&blobs)?;
        }
        // The name of the directory that sled lives in, should it be new.
        sync_directory(&self.path)
    }
}

/// Threads of a sled just dropped in this process may hold its file a moment longer. Nobody else
/// can: the directory's lock is ours.
fn open_patiently(path: &Path, cache: u64) -> Result<sled::Db, StoreError> {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        match settings(path, cache).open() {
            Err(sled::Error::Io(error))
                if error.to_string().contains("acquire lock") && Instant::now() < until =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => return opened.map_err(super::table::failed),
        }
    }
}

fn settings(path: &Path, cache: u64) -> sled::Config {
    sled::Config::new()
        .path(path)
        .cache_capacity(cache)
        .flush_every_ms(None)
        .mode(sled::Mode::LowSpace)
}

/// A process killed while sled writes a snapshot leaves one that makes later opens fail.
fn remove_unfinished_snapshots(path: &Path) -> Result<(), StoreError> {
    let failed = |e| io("looking for unfinished sled snapshots", e);
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::info!(file = %name, "removing an unfinished sled snapshot");
            std::fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn sync_files(directory: &Path) -> Result<(), StoreError> {
    let failed = |e| io("syncing sled's files", e);
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            match File::open(&path).and_then(|file| file.sync_data()) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
                _ => {}
            }
        }
    }
    sync_directory(directory)
}

fn make(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| io(&format!("making the data directory {}", path.display()), e))
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join("lock"))
        .map_err(|e| io("opening the lock file", e))?;
    // A moment of patience: the process before us may be on its last breath, and one that it was
    // starting holds its open files until it is somebody else.
    let until = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(path.to_owned())),
            Err(TryLockError::Error(e)) => return Err(io("locking the data directory", e)),
        }
    }
}

/// Reads the identity, draws it at the first start, and writes it with the next incarnation.
fn raise_incarnation(path: &Path) -> Result<(NodeId, Incarnation), StoreError> {
    let file = path.join("identity");
    let (node, last) = match std::fs::read_to_string(&file) {
        Ok(text) => parse_identity(&text)
            .ok_or_else(|| StoreError::Damaged("the data directory's identity".into()))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            if live::exists(path) {
                return Err(StoreError::Damaged(
                    "the data directory's identity is missing".into(),
                ));
            }
            (NodeId::new(), Incarnation(0))
        }
        Err(e) => return Err(io("reading the identity", e)),
    };
    let identity = (node, Incarnation(last.0 + 1));
    let temporary = path.join("identity.new");
    File::create(&temporary)
        .and_then(|mut out| {
            out.write_all(identity_text(identity).as_bytes())?;
            out.sync_all()
        })
        .and_then(|()| std::fs::rename(&temporary, &file))
        .map_err(|e| io("writing the identity", e))?;
    sync_directory(path)?;
    Ok(identity)
}

/// One line: version, node id, incarnation, crc32 of what stands before it.
fn identity_text(identity: (NodeId, Incarnation)) -> String {
    let (node, Incarnation(incarnation)) = identity;
    let line = format!("1 {node} {incarnation}");
    format!("{line} {:08x}\n", crc32fast::hash(line.as_bytes()))
}

fn parse_identity(text: &str) -> Option<(NodeId, Incarnation)> {
    let (line, crc) = text.trim_end().rsplit_once(' ')?;
    if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(line.as_bytes()) {
        return None;
    }
    let mut words = line.split(' ');
    let version = words.next()?;
    let node = NodeId::parse(words.next()?)?;
    let incarnation = words.next()?.parse().ok()?;
    (version == "1").then_some((node, Incarnation(incarnation)))
}
