//! The durable engine: the journal in front, sled behind (design.md 4 "Store" and 7).
//!
//! A commit is durable when the journal has it; then it is applied: entity changes are gathered in
//! memory, points go to open heads; a thread beside brings both into sled. The tables are a pure
//! function of the log, so a start replays what the journal still holds.
//!
//! `sled` is named in this folder only.

mod apply;
mod checkpoint;
mod compact;
mod compactor;
mod count;
mod directory;
mod engine;
mod heads;
mod keys;
mod live;
mod long;
mod memory;
mod merging;
mod packed;
mod read;
mod record;
mod room;
mod sealing;
mod steps;
mod table;
mod telemetry;
mod twin;
mod tx;
mod upkeep;
mod worker;

#[cfg(test)]
mod tests;

use self::checkpoint::Parts;
use self::compact::Rule;
use self::directory::DataDirectory;
use self::engine::Engine;
use self::read::aside::Asides;
use self::steps::Replay;
use self::table::Table;
use self::worker::Worker;
use super::batch::Batch;
use super::config::Config;
use super::error::StoreError;
use super::journal::{io, replay, Journal, Settings};
#[cfg(test)]
use super::moments;
use super::traits::{Log, LogSequence};
use crate::model::ids::{Incarnation, NodeId};
use crate::model::units::ByteSize;
use crate::observability::Metrics;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// An open data directory. Dropping it without [`Log::close`] is as safe as a kill.
pub struct SledStore {
    // Stopped before the parts go.
    compactor: Arc<Worker>,
    checkpointer: Arc<Worker>,
    parts: Arc<Parts>,
    /// Where reads that take long are done.
    asides: Arc<Asides>,
    /// See `config.toml`.
    stuck_after: Duration,
    /// Set by tests: `close` only copies the directory here, as a kill would leave it.
    #[cfg(test)]
    killed_into: Option<std::path::PathBuf>,
}

impl SledStore {
    /// Opens or makes the data directory and brings its tables up to the journal's end. Blocks.
    /// Errors: `Locked` when another process holds it, `Damaged`, `Io`, `Full`.
    pub fn open(config: &Config, metrics: Metrics) -> Result<SledStore, StoreError> {
        let directory = DataDirectory::take(&config.path)?;
        #[cfg(test)]
        moments::pass("start: identity raised", || {});
        let (node, incarnation) = directory.identity;
        let shares = config.shares();
        directory.tidy()?;
        let db = directory.open_sled(shares.cache)?;
        #[cfg(test)]
        moments::pass("start: sled open", || {});
        let table = Table::new(db, metrics.clone());
        packed::complete(&table)?;
        telemetry::by_time::complete(&table)?;
        table.finish_drain()?;
        let (heads, changes) = (ByteSize(shares.heads), ByteSize(shares.changes));
        let engine = Engine::new(table, heads.bytes(), changes.bytes())?;
        let engine = Arc::new(engine.with_room(directory.room()?));
        let upkeep = upkeep::start(engine.clone())?;
        let mut progress = Replay::new(&engine);
        let replayed = replay::replay(&directory.journal(), node, |frame| {
            #[cfg(test)]
            moments::pass("start: replaying", || {});
            progress.take(frame.id.sequence, &frame.batch)
        })?;
        progress.finish()?;
        #[cfg(test)]
        engine.pass("start: replayed");
        if replayed.frames > 0 {
            tracing::info!(
                batches = replayed.frames,
                damaged = replayed.damaged,
                "journal replayed"
            );
        }
        let settings = Settings {
            directory: directory.journal(),
            node,
            incarnation,
            next: engine.applied().max(replayed.last) + 1,
            segment_bytes: config.journal_segment.0,
            most_bytes: config.most_journal(),
            queue_bytes: ByteSize(shares.queue).bytes(),
            reserve: config.reserve.0,
            #[cfg(test)]
            faults: Default::default(),
        };
        let journal = Journal::start(settings, replayed, engine.clone(), metrics)?;
        #[cfg(test)]
        moments::pass("start: journal begun", || {});
        let parts = Arc::new(Parts {
            engine,
            journal,
            directory,
            journal_size: config.journal_size.0,
            reserve: config.reserve.0,
            running: Default::default(),
            upkeep,
            #[cfg(test)]
            watcher: Default::default(),
        });
        let checkpointer = Arc::new(checkpoint::start(parts.clone())?);
        let rule = Rule {
            limit: config.max_size.0,
            journal: config.journal_size.0,
            above: config.compact_above.0,
        };
        let compactor = compactor::start(parts.clone(), rule, shares.cache)?;
        Ok(Self {
            compactor: Arc::new(compactor),
            checkpointer,
            parts,
            asides: Arc::new(Asides::start()?),
            stuck_after: config.stuck_after.0,
            #[cfg(test)]
            killed_into: None,
        })
    }

    fn engine(&self) -> &Engine {
        &self.parts.engine
    }

    /// Errors: what stands still.
    fn moves(&self) -> Result<(), StoreError> {
        let (longest, now) = (self.stuck_after, Instant::now());
        let of_tables = self.engine().pulse.stands(longest, now);
        let tables = of_tables.map(|taken| ("what is accepted does not reach the tables", taken));
        let of_journal = self.parts.journal.stands(longest);
        let journal = of_journal.map(|taken| ("a commit does not end", taken));
        match journal.or(tables) {
            None => Ok(()),
            Some((what, taken)) => Err(StoreError::Io(format!(
                "{what}, for {} s now",
                taken.as_secs()
            ))),
        }
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.compactor.stop();
        self.checkpointer.stop();
        self.parts.journal.stop();
        // Last: commits wait for it.
        self.parts.upkeep.stop();
    }
}

#[async_trait]
impl Log for SledStore {
    async fn commit(&self, batch: Batch) -> Result<LogSequence, StoreError> {
        self.parts.journal.commit(batch).await
    }

    async fn commit_all(&self, batches: Vec<Batch>) -> Vec<Result<LogSequence, StoreError>> {
        self.parts.journal.commit_all(batches).await
    }

    fn identity(&self) -> (NodeId, Incarnation) {
        self.parts.directory.identity
    }

    fn health(&self) -> Result<(), StoreError> {
        self.parts.journal.health()?;
        self.moves()?;
        self.engine().ensure_room()
    }

    async fn close(&self) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(image) = &self.killed_into {
            self.compactor.stop();
            return tests::copy_as_a_kill_leaves_it(&self.parts, image);
        }
        let parts = self.parts.clone();
        let (compactor, checkpointer) = (self.compactor.clone(), self.checkpointer.clone());
        let (done, answer) = oneshot::channel();
        let close = move || {
            compactor.stop();
            checkpointer.stop();
            parts.journal.stop();
            parts.upkeep.stop();
            let closed = parts.checkpoint(true);
            drop(parts);
            let _ = done.send(closed);
        };
        std::thread::Builder::new()
            .name("close".into())
            .spawn(close)
            .map_err(|e| io("starting a thread", e))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}
