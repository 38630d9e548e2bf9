//! The one thread that writes the log, and the door to it.
//!
//! Round by round: take what arrived during the last commit, check the disk's room, write all its
//! frames at once, `fdatasync`, let the engine apply them, and answer the waiters in order.

use super::bound::Bound;
use super::bundle::Bundle;
use super::queue::{Answer, Queue, Waiting};
use super::replay::{Closed, Replayed};
use super::segment::{self, Segment};
use super::space::Space;
use super::{frame, io, Apply, DedupId};
use crate::model::ids::{Incarnation, NodeId};
use crate::observability::Metrics;
use crate::store::batch::Batch;
use crate::store::error::StoreError;
#[cfg(test)]
use crate::store::moments;
use crate::store::pulse::Pulse;
use crate::store::traits::LogSequence;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Encoded bytes of one group commit; more wait for the next.
const GROUP_BYTES: usize = 4 << 20;

/// What the writer needs to know.
pub struct Settings {
    pub directory: PathBuf,
    pub node: NodeId,
    pub incarnation: Incarnation,
    /// Sequence of the next batch.
    pub next: LogSequence,
    /// A segment is closed at this size.
    pub segment_bytes: u64,
    /// Bytes of closed segments above which commits wait for a checkpoint.
    pub most_bytes: u64,
    pub queue_bytes: usize,
    /// Free space below which nothing is accepted.
    pub reserve: u64,
    #[cfg(test)]
    pub faults: Arc<super::tests::Faults>,
}

/// The log's door. Dropping it ends the thread without a checkpoint.
pub struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Queue,
    space: Space,
    bound: Bound,
    directory: PathBuf,
    /// Segments that are not written any more, oldest first.
    closed: Mutex<Vec<Closed>>,
    /// Set when the tables stopped following the log; nothing is taken from then on.
    failed: Mutex<Option<StoreError>>,
    /// Of the writer.
    pulse: Pulse,
}

impl Journal {
    /// Starts the writer behind what `replayed` found.
    pub fn start(
        settings: Settings,
        replayed: Replayed,
        engine: Arc<dyn Apply>,
        metrics: Metrics,
    ) -> Result<Self, StoreError> {
        let mut closed = replayed.segments;
        // A file of this name holds no frame that counts: it is begun anew.
        closed.retain(|segment| segment.first != settings.next);
        let segment = create(&settings, settings.next)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(settings.queue_bytes),
            space: Space::new(&settings.directory, settings.reserve),
            bound: Bound::new(settings.most_bytes),
            directory: settings.directory.clone(),
            closed: Mutex::new(closed),
            failed: Mutex::new(None),
            pulse: Pulse::default(),
        });
        let mut writer = Writer {
            shared: shared.clone(),
            engine,
            metrics,
            next: settings.next,
            settings,
            segment: Some(segment),
            buffer: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run())
            .map_err(|e| io("starting the journal's thread", e))?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Returns once the batch is synced and applied.
    pub async fn commit(&self, batch: Batch) -> Result<LogSequence, StoreError> {
        let mut results = self.commit_all(vec![batch]).await;
        results.pop().unwrap_or(Err(StoreError::Closed))
    }

    /// The same for several at once, in this order; one result each.
    pub async fn commit_all(&self, batches: Vec<Batch>) -> Vec<Result<LogSequence, StoreError>> {
        let count = batches.len();
        let mut parts = Vec::new();
        let mut bundle = Bundle::default();
        bundle.make_room(&batches);
        for batch in batches {
            let pushed = bundle.push(batch);
            if bundle.is_full() || pushed.is_err() {
                self.hand_in(&mut bundle, &mut parts).await;
            }
            if let Err(error) = pushed {
                parts.push(Part::Refused(error));
            }
        }
        self.hand_in(&mut bundle, &mut parts).await;
        let mut results = Vec::with_capacity(count);
        for part in parts {
            part.finish(&mut results).await;
        }
        results
    }

    async fn hand_in(&self, bundle: &mut Bundle, parts: &mut Vec<Part>) {
        let count = bundle.len();
        if count > 0 {
            let answer = self.shared.queue.push(std::mem::take(bundle)).await.ok();
            parts.push(Part::Sent(count, answer));
        }
    }

    /// Errors: what a commit would be refused with right now.
    pub fn health(&self) -> Result<(), StoreError> {
        if let Some(error) = self.shared.failed.lock().clone() {
            return Err(error);
        }
        if self.shared.queue.is_closed() {
            return Err(StoreError::Closed);
        }
        self.shared.space.check(0)
    }

    /// How long the writer has been at one commit, should that be longer than this.
    pub fn stands(&self, longest: Duration) -> Option<Duration> {
        self.shared.pulse.stands(longest, Instant::now())
    }

    /// Segments that are not written any more, oldest first.
    pub fn closed_segments(&self) -> Vec<Closed> {
        self.shared.closed.lock().clone()
    }

    /// How often the writer has looked, and waited on, for room in the journal.
    #[cfg(test)]
    pub fn looks_for_room(&self) -> u64 {
        self.shared.bound.looks()
    }

    /// The segments stay: nobody waits for them to go.
    pub fn checkpoint_failed(&self) {
        self.shared.bound.tell(true);
    }

    /// Removes segments, oldest first, as long as all they hold is at or below `watermark`.
    /// Returns how many.
    pub fn drop_up_to(&self, watermark: LogSequence) -> Result<usize, StoreError> {
        let mut closed = self.shared.closed.lock();
        let count = closed
            .iter()
            .take_while(|segment| segment.last <= watermark)
            .count();
        for segment in closed.iter().take(count) {
            match std::fs::remove_file(&segment.path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io("removing a journal segment", e));
                }
                _ => {}
            }
            #[cfg(test)]
            moments::pass("trim: a segment gone", || {});
        }
        closed.drain(..count);
        drop(closed);
        #[cfg(test)]
        moments::pass("trim: unsynced", || {});
        if count > 0 {
            segment::sync_directory(&self.shared.directory)?;
        }
        self.shared.bound.tell(false);
        Ok(count)
    }

    /// Refuses further commits, writes what waits, ends the thread; all segments are closed then.
    pub fn stop(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            if thread.join().is_err() {
                tracing::error!("the journal's thread panicked");
            }
        }
    }
}

/// What became of some of the batches of one call.
enum Part {
    Refused(StoreError),
    /// So many; `None`: the queue was closed.
    Sent(usize, Option<oneshot::Receiver<Answer>>),
}

impl Part {
    async fn finish(self, results: &mut Vec<Result<LogSequence, StoreError>>) {
        let (count, answer) = match self {
            Part::Refused(error) => return results.push(Err(error)),
            Part::Sent(count, answer) => (count as u64, answer),
        };
        // The writer answers everyone before it ends, unless it panicked.
        let outcome = match answer {
            Some(answer) => answer.await.map(|(outcome, _spent)| outcome),
            None => Ok(Err(StoreError::Closed)),
        };
        let outcome = outcome.unwrap_or(Err(StoreError::Closed));
        results.extend((0..count).map(|n| outcome.clone().map(|first| first + n)));
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Writer {
    shared: Arc<Shared>,
    engine: Arc<dyn Apply>,
    metrics: Metrics,
    settings: Settings,
    next: LogSequence,
    /// `None` after a failure that left the last one in doubt.
    segment: Option<Segment>,
    buffer: Vec<u8>,
}

impl Writer {
    fn run(&mut self) {
        while let Some(group) = self.shared.queue.take(GROUP_BYTES) {
            let shared = self.shared.clone();
            shared.pulse.during(|| self.take(group));
        }
        if let Some(mut segment) = self.segment.take() {
            if segment.length() == 0 {
                // Nothing depends on it; the next start would begin one of the same name.
                let _ = std::fs::remove_file(segment.path());
            }
            self.leave(&mut segment);
        }
    }

    fn take(&mut self, group: Vec<Waiting>) {
        let first = self.next;
        match self.commit(&group) {
            Ok(()) => self.apply(first, group),
            Err(StoreError::Full) => {
                // Below the reserve what makes room goes on alone.
                let (freeing, others): (Vec<_>, Vec<_>) = group
                    .into_iter()
                    .partition(|waiting| waiting.bundle.frees());
                let all = others.is_empty();
                refuse(others, &StoreError::Full);
                if all || freeing.is_empty() {
                    return refuse(freeing, &StoreError::Full);
                }
                match self.commit(&freeing) {
                    Ok(()) => self.apply(first, freeing),
                    Err(error) => refuse(freeing, &error),
                }
            }
            Err(error) => refuse(group, &error),
        }
    }

    /// Puts the group on disk, or nothing of it.
    fn commit(&mut self, group: &[Waiting]) -> Result<(), StoreError> {
        if let Some(error) = self.shared.failed.lock().clone() {
            return Err(error);
        }
        self.encode(group);
        let bytes = self.buffer.len() as u64;
        match group.iter().all(|waiting| waiting.bundle.frees()) {
            true => self.shared.space.check_to_free(bytes)?,
            false => self.shared.space.check(bytes)?,
        }
        self.engine.ready()?;
        let mut segment = self.writable()?;
        match segment.commit(&self.buffer) {
            Ok(()) => self.segment = Some(segment),
            Err((error, whole)) => {
                tracing::error!(%error, "a commit failed and was refused");
                if whole {
                    self.segment = Some(segment);
                } else {
                    self.leave(&mut segment);
                }
                return Err(error);
            }
        }
        let batches: usize = group.iter().map(|waiting| waiting.bundle.len()).sum();
        self.next += batches as u64;
        self.metrics.committed(bytes);
        Ok(())
    }

    fn encode(&mut self, group: &[Waiting]) {
        self.buffer.clear();
        let payloads = group.iter().flat_map(|waiting| waiting.bundle.payloads());
        for (sequence, payload) in (self.next..).zip(payloads) {
            let id = DedupId {
                node: self.settings.node,
                incarnation: self.settings.incarnation,
                sequence,
            };
            frame::append(&mut self.buffer, id, payload);
        }
    }

    /// The segment to write into: the present one, or a new one when that is full or in doubt.
    fn writable(&mut self) -> Result<Segment, StoreError> {
        if let Some(mut segment) = self.segment.take() {
            if segment.length() < self.settings.segment_bytes {
                return Ok(segment);
            }
            self.wait_for_checkpoint();
            match create(&self.settings, self.next) {
                Ok(new) => {
                    #[cfg(test)]
                    moments::pass("roll: another segment", || {});
                    self.leave(&mut segment);
                    self.engine.segment_rolled();
                    return Ok(new);
                }
                Err(error) => {
                    self.segment = Some(segment);
                    return Err(error);
                }
            }
        }
        create(&self.settings, self.next)
    }

    fn wait_for_checkpoint(&self) {
        let shared = &self.shared;
        let held = || shared.closed.lock().iter().map(|closed| closed.bytes).sum();
        shared.bound.wait(held, || {
            self.engine.segment_rolled();
            !shared.queue.is_closed()
        });
    }

    /// An empty one is not remembered: the next segment has its name and takes its file.
    fn leave(&self, segment: &mut Segment) {
        segment.close();
        if segment.length() == 0 {
            return;
        }
        self.shared.closed.lock().push(Closed {
            path: segment.path().to_owned(),
            first: segment.first(),
            last: self.next - 1,
            bytes: segment.length(),
        });
    }

    fn apply(&mut self, first: LogSequence, group: Vec<Waiting>) {
        let batches = group.iter().flat_map(|waiting| waiting.bundle.batches());
        let batches: Vec<(LogSequence, &Batch)> = (first..).zip(batches).collect();
        let applied = self.engine.apply(&batches);
        if let Err(error) = &applied {
            tracing::error!(%error, "the tables no longer follow the log; nothing is accepted until a restart");
            *self.shared.failed.lock() = Some(error.clone());
        }
        let mut first = first;
        for waiting in group {
            let outcome = applied.clone().map(|()| first);
            first += waiting.bundle.len() as u64;
            // A waiter that went away changes nothing: its batches stand.
            let _ = waiting.done.send((outcome, waiting.bundle));
            drop(waiting.room);
        }
    }
}

fn create(settings: &Settings, first: LogSequence) -> Result<Segment, StoreError> {
    #[allow(unused_mut)]
    let mut segment = Segment::create(&settings.directory, first, settings.segment_bytes)?;
    #[cfg(test)]
    {
        segment.faults = settings.faults.clone();
    }
    Ok(segment)
}

impl Drop for Writer {
    /// Also after a panic: nobody may wait for a thread that is gone.
    fn drop(&mut self) {
        self.shared.queue.close();
        self.shared.queue.clear();
    }
}

fn refuse(group: Vec<Waiting>, error: &StoreError) {
    for waiting in group {
        let _ = waiting.done.send((Err(error.clone()), waiting.bundle));
    }
}
