//! Bundles on their way to the disk, bounded in bytes: senders wait for room (back-pressure).

use super::bundle::Bundle;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{oneshot, OwnedSemaphorePermit, Semaphore};

/// What became of a bundle: the sequence of its first batch (the others follow), and the bundle
/// itself.
pub type Answer = (Result<LogSequence, StoreError>, Bundle);

/// One bundle, the one who waits for it, and its share of the budget.
pub struct Waiting {
    pub bundle: Bundle,
    pub done: oneshot::Sender<Answer>,
    pub(super) room: OwnedSemaphorePermit,
}

pub struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    budget: Arc<Semaphore>,
    total: u32,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    closed: bool,
}

impl Queue {
    /// `bytes`: memory that queued bundles may take.
    pub fn new(bytes: usize) -> Self {
        let total = u32::try_from(bytes.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self {
            state: Mutex::default(),
            arrived: Condvar::new(),
            budget: Arc::new(Semaphore::new(total as usize)),
            total,
        }
    }

    /// Waits for room, in the order of calls. Errors: `Closed`.
    pub async fn push(&self, bundle: Bundle) -> Result<oneshot::Receiver<Answer>, StoreError> {
        // A bundle beyond the whole budget still passes, alone.
        let share = u32::try_from(bundle.weight()).unwrap_or(u32::MAX);
        let share = share.min(self.total);
        let room = self.budget.clone().acquire_many_owned(share).await;
        let room = room.map_err(|_| StoreError::Closed)?;
        let (done, answer) = oneshot::channel();
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        state.waiting.push_back(Waiting { bundle, done, room });
        drop(state);
        self.arrived.notify_one();
        Ok(answer)
    }

    /// Blocks until something waits; takes at most about `bytes` of it, at least one bundle.
    /// `None` once closed and empty.
    pub fn take(&self, bytes: usize) -> Option<Vec<Waiting>> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            self.arrived.wait(&mut state);
        }
        let mut sum = 0;
        let mut count = 0;
        for waiting in &state.waiting {
            sum += waiting.bundle.bytes();
            if count > 0 && sum > bytes {
                break;
            }
            count += 1;
        }
        Some(state.waiting.drain(..count).collect())
    }

    /// Refuses what comes from now on; what waits is still written.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.budget.close();
        self.arrived.notify_all();
    }

    /// Forgets what waits; whoever waits for it hears that the store is closed.
    pub fn clear(&self) {
        self.state.lock().waiting.clear();
    }

    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }
}
