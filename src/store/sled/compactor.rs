//! The thread that makes sled's file anew when it has become much larger than it need be: while
//! commits go on, all records are copied into a second sled (see `twin`), which then takes the
//! place of the first (see `live`).
//!
//! A kill at any moment leaves one of the two whole: the first until the pointer is renamed, the
//! second from then on. What either lacks of the last commits is in the journal, since only
//! checkpoints drop segments, and none runs during the exchange.

use super::checkpoint::Parts;
use super::compact::{new_file, Rule};
use super::count::{count, Count};
use super::engine::Bell;
use super::room::Room;
use super::table::{failed, Table};
use super::twin::Copied;
use super::worker::{Stop, Worker};
use crate::store::error::StoreError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the file is looked at when little is written, and after a failure.
const LATER: Duration = Duration::from_secs(60);
/// Bytes written after which it is looked at.
const RING: u64 = if cfg!(test) { 16 << 10 } else { 2 << 20 };
/// Bytes of the copy after which it is flushed, so that little of it is in memory.
const FLUSH: u64 = 16 << 20;

/// What has been written to the table. Wakes the thread.
#[derive(Default)]
pub struct Written {
    bytes: AtomicU64,
    records: AtomicU64,
    pub bell: Bell,
}

impl Written {
    pub fn add(&self, records: usize, bytes: usize) {
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        let before = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if before / RING != (before + bytes as u64) / RING {
            self.bell.ring();
        }
    }
}

/// What all records take, as they were counted last, and [`Written::records`] then.
type Counted = (Count, u64);

/// The moments at which tests look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Begun,
    Slice,
    Synced,
    Pointed,
    Exchanged,
    Done,
}

#[cfg(test)]
pub type Watcher = Arc<dyn Fn(Moment) + Send + Sync>;

/// `cache`: as sled is told, in bytes. When stopped, a copy under way is given up.
pub fn start(parts: Arc<Parts>, rule: Rule, cache: u64) -> Result<Worker, StoreError> {
    let written = parts.engine.table.written.clone();
    let wake = move || written.bell.ring();
    Worker::start("compact", wake, move |stop| {
        let stop = stop.clone();
        let work = Work {
            parts,
            rule,
            cache,
            stop,
        };
        work.run();
    })
}

struct Work {
    parts: Arc<Parts>,
    rule: Rule,
    /// As sled is told, in bytes.
    cache: u64,
    stop: Stop,
}

impl Work {
    fn run(&self) {
        let bell = &self.table().written.bell;
        let (mut counted, mut not_before) = (None, Instant::now());
        while !self.is_stopped() {
            if Instant::now() >= not_before {
                if let Err(error) = self.look(&mut counted) {
                    tracing::error!(%error, "sled's file could not be made smaller; it stays as it is");
                    not_before = Instant::now() + LATER;
                }
            }
            bell.wait(LATER);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_asked()
    }

    fn table(&self) -> &Table {
        &self.parts.engine.table
    }

    fn look(&self, counted: &mut Option<Counted>) -> Result<(), StoreError> {
        let file = self.parts.directory.sled_file()?;
        if !self.rule.wants_to_know(file) {
            return Ok(());
        }
        let written = self.table().written.records.load(Ordering::Relaxed);
        let is_stale = |(count, then): &Counted| written - then > count.records / 4;
        if counted.as_ref().is_none_or(is_stale) {
            let count = count(self.table(), || self.is_stopped())?;
            *counted = count.map(|count| (count, written));
        }
        let new = match counted {
            Some((count, _)) => new_file(count.records, count.bytes),
            None => return Ok(()),
        };
        if !self.rule.is_due(file, new) {
            return Ok(());
        }
        if self.parts.directory.free()? < self.parts.reserve.saturating_add(new / 4 * 5) {
            return Err(StoreError::Full);
        }
        self.compact(file, new)
    }

    /// Makes the file anew, unless stopped.
    fn compact(&self, before: u64, new: u64) -> Result<(), StoreError> {
        let began = Instant::now();
        let directory = &self.parts.directory;
        // The pointer of the copy before, should that have failed to reach the disk.
        directory.sync_sled()?;
        directory.remove_spare()?;
        let old = directory.sled();
        let done = self.copy(new).and_then(|copied| match copied {
            true => self.exchange(),
            false => Ok(None),
        });
        if !matches!(done, Ok(Some(_))) {
            self.table().give_up_copy();
        }
        if let (Err(error), true) = (&done, directory.sled() != old) {
            // The pointer may not be on the disk, and then the old file is the one that a start
            // finds: it stays until the next start, or the next copy, removes it.
            return Err(error.clone());
        }
        // Of the two, the one that is not live: readers that are still in it have its file open.
        let removed = directory.remove_spare();
        let waited = match done? {
            Some(waited) => waited,
            None => return Ok(()),
        };
        self.at(Moment::Done);
        let after = directory.sled_file()?;
        self.table().metrics.compacted(before.saturating_sub(after));
        tracing::info!(
            before,
            after,
            seconds = began.elapsed().as_secs_f64(),
            commits_waited_ms = waited.as_secs_f64() * 1e3,
            "sled's file was made anew"
        );
        removed
    }

    /// Whether the copy is complete: it is not when told to stop, or when a write to it failed.
    fn copy(&self, new: u64) -> Result<bool, StoreError> {
        let (directory, table) = (&self.parts.directory, self.table());
        let db = directory.open_copy(&directory.spare(), self.cache)?;
        table.begin_copy(db.clone());
        self.at(Moment::Begun);
        let mut unflushed = 0;
        loop {
            let began = Instant::now();
            match table.copy_slice()? {
                Copied::Slice(bytes) => unflushed += bytes as u64,
                Copied::All => break,
                Copied::GivenUp => return Err(StoreError::Io("writing a copy".into())),
            }
            self.at(Moment::Slice);
            if unflushed > FLUSH {
                unflushed = 0;
                db.flush().map_err(failed)?;
                if directory.free()? < self.parts.reserve.saturating_add(FLUSH) {
                    return Err(StoreError::Full);
                }
            }
            if self.is_stopped() {
                return Ok(false);
            }
            // Half of the time belongs to others, who may wait for the lock or the processor. But
            // what they write meanwhile must fit below the cap too.
            if !self.rule.is_pressing(directory.sled_file()?, new) {
                std::thread::sleep(began.elapsed());
            }
        }
        // Most of it now, so that little is left to do while commits wait.
        db.flush().map_err(failed)?;
        directory.sync_spare()?;
        Ok(true)
    }

    /// Gives how long commits waited.
    fn exchange(&self) -> Result<Option<Duration>, StoreError> {
        let (directory, engine) = (&self.parts.directory, &self.parts.engine);
        let _no_checkpoint = self.parts.running.lock();
        let room = Room::open(&directory.spare())?;
        let began = Instant::now();
        let taken = engine.table.take_copy(|copy| {
            copy.flush().map_err(failed)?;
            directory.sync_spare()?;
            self.at(Moment::Synced);
            directory.exchange()?;
            self.at(Moment::Pointed);
            engine.move_room(room);
            Ok(())
        })?;
        let waited = began.elapsed();
        self.at(Moment::Exchanged);
        if !taken {
            return Ok(None);
        }
        // Until the pointer is on the disk the other one is needed.
        directory.sync_sled()?;
        Ok(Some(waited))
    }

    #[cfg(test)]
    fn at(&self, moment: Moment) {
        crate::store::moments::pass(&format!("compaction: {moment:?}"), || {});
        let watcher = self.parts.watcher.lock().clone();
        if let Some(watcher) = watcher {
            watcher(moment);
        }
    }

    #[cfg(not(test))]
    fn at(&self, _moment: Moment) {}
}
