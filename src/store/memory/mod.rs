//! The memory engine: the oracle that the others are measured against, and the store of other
//! rooms' tests. Ordered maps behind one lock, and no cleverness. Nothing survives the process.
//!
//! For tests it can fail commits and reads, hold commits back, and count them.

mod attributes;
mod pages;
mod reads;
mod retention;
mod series;
mod tables;
#[cfg(test)]
mod tests;

use self::tables::Tables;
use super::batch::Batch;
use super::error::StoreError;
use super::traits::{Log, LogSequence};
use crate::model::ids::{Incarnation, NodeId};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use tokio::sync::watch;

/// Largest batch in its encoded form, as the journal has it.
const MAX_BATCH: usize = 1 << 20;

/// A handle; clones share the same data.
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

struct Inner {
    node: NodeId,
    incarnation: Incarnation,
    state: Mutex<State>,
    /// Fair, and held while a commit waits at the gate: commits keep the order of their calls.
    writer: tokio::sync::Mutex<()>,
    held: watch::Sender<bool>,
    waiting: AtomicUsize,
    open_streams: AtomicUsize,
    chunks: AtomicUsize,
}

#[derive(Default)]
struct State {
    tables: Tables,
    sequence: LogSequence,
    closed: bool,
    commit_failure: Option<StoreError>,
    /// Commits that still succeed before `commit_failure` counts.
    spared: usize,
    /// The next commit panics.
    #[cfg(test)]
    panics: bool,
    read_failure: Option<StoreError>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::with(NodeId::new(), Incarnation(1), State::default())
    }

    fn with(node: NodeId, incarnation: Incarnation, state: State) -> Self {
        Self {
            inner: Arc::new(Inner {
                node,
                incarnation,
                state: Mutex::new(state),
                writer: tokio::sync::Mutex::new(()),
                held: watch::Sender::new(false),
                waiting: AtomicUsize::new(0),
                open_streams: AtomicUsize::new(0),
                chunks: AtomicUsize::new(0),
            }),
        }
    }

    /// What a restart would find: the same data, the next incarnation, no injected failures.
    pub fn reopened(&self) -> Self {
        let state = self.inner.state.lock();
        let kept = State {
            tables: state.tables.clone(),
            sequence: state.sequence,
            ..State::default()
        };
        let incarnation = Incarnation(self.inner.incarnation.0 + 1);
        Self::with(self.inner.node, incarnation, kept)
    }

    /// From now on every commit fails with this error (and `health` with it), until `None`.
    pub fn fail_commits(&self, error: Option<StoreError>) {
        self.fail_commits_after(0, error);
    }

    /// The same, when so many have succeeded.
    pub fn fail_commits_after(&self, spared: usize, error: Option<StoreError>) {
        let mut state = self.inner.state.lock();
        state.spared = spared;
        state.commit_failure = error;
    }

    /// The next commit panics, and whoever waits for it is answered by nobody.
    #[cfg(test)]
    pub fn panic_at_a_commit(&self) {
        self.inner.state.lock().panics = true;
    }

    /// From now on every read fails with this error, until `None`.
    pub fn fail_reads(&self, error: Option<StoreError>) {
        self.inner.state.lock().read_failure = error;
    }

    /// Batches committed so far.
    pub fn commits(&self) -> u64 {
        self.inner.state.lock().sequence
    }

    fn directory(&self) -> u64 {
        self.inner.state.lock().tables.directory
    }

    /// Holds every commit back, before it is applied, until the gate is dropped.
    pub fn gate(&self) -> Gate {
        self.inner.held.send_replace(true);
        Gate {
            inner: self.inner.clone(),
        }
    }

    /// Commits that were called and have not returned.
    pub fn waiting_commits(&self) -> usize {
        self.inner.waiting.load(Ordering::SeqCst)
    }

    /// Streams of points that are being read.
    pub fn open_streams(&self) -> usize {
        self.inner.open_streams.load(Ordering::SeqCst)
    }

    /// Chunks of points that streams have given.
    pub fn chunks_streamed(&self) -> usize {
        self.inner.chunks.load(Ordering::SeqCst)
    }

    fn read<T>(&self, answer: impl FnOnce(&Tables) -> T) -> Result<T, StoreError> {
        let state = self.inner.state.lock();
        match &state.read_failure {
            Some(error) => Err(error.clone()),
            None => Ok(answer(&state.tables)),
        }
    }

    async fn pass_gate(&self) {
        let mut held = self.inner.held.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = held.wait_for(|held| !held).await;
    }
}

/// Commits wait while this exists.
#[must_use]
pub struct Gate {
    inner: Arc<Inner>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.inner.held.send_replace(false);
    }
}

/// Counts a commit as waiting, also when its future is dropped half-way.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Log for MemoryStore {
    async fn commit(&self, batch: Batch) -> Result<LogSequence, StoreError> {
        let encoded = postcard::to_stdvec(&batch);
        let bytes = encoded.map_err(|e| StoreError::Io(e.to_string()))?.len();
        if bytes > MAX_BATCH {
            return Err(StoreError::BatchTooLarge { bytes });
        }
        let _waiting = Waiting::enter(&self.inner.waiting);
        let _turn = self.inner.writer.lock().await;
        self.pass_gate().await;
        let mut state = self.inner.state.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        #[cfg(test)]
        assert!(!std::mem::take(&mut state.panics), "asked to");
        if let Some(error) = state.commit_failure.clone() {
            let spared = state.spared.checked_sub(1);
            state.spared = spared.ok_or(error)?;
        }
        for change in &batch.changes {
            state.tables.apply(change);
        }
        state.sequence += 1;
        Ok(state.sequence)
    }

    fn identity(&self) -> (NodeId, Incarnation) {
        (self.inner.node, self.inner.incarnation)
    }

    fn health(&self) -> Result<(), StoreError> {
        let state = self.inner.state.lock();
        state.commit_failure.clone().map_or(Ok(()), Err)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.state.lock().closed = true;
        Ok(())
    }
}
