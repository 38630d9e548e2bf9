//! Heads and gathered changes within their share of `store.memory`: the gate at which commits wait
//! while they take more.

use super::engine::Engine;
use crate::store::error::StoreError;
use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// Encoded bytes at which a head is frozen when there is memory: thousands of points, a few blocks.
pub const FULL_HEAD: usize = 64 << 10;
/// Bytes of entity changes that a replay takes before they are gathered.
pub const REPLAYED: usize = 1 << 20;
/// How often who waits looks again by himself.
const LOOK: Duration = Duration::from_millis(100);

/// Where commits wait for heads to be sealed and changes to reach sled.
pub struct Gate {
    /// Bytes that heads may take.
    limit: usize,
    /// Bytes that changes may take that are not in sled.
    changes: usize,
    state: Mutex<Stuck>,
    eased: Condvar,
}

/// Why nothing can reach sled at the moment.
type Stuck = Option<StoreError>;

impl Gate {
    pub fn new(limit: usize, changes: usize) -> Self {
        Self {
            limit,
            changes,
            state: Mutex::new(None),
            eased: Condvar::new(),
        }
    }

    /// Time to seal heads that are not full.
    pub fn is_tight(&self, weight: usize) -> bool {
        weight > self.limit / 4 * 3
    }

    /// Time to bring changes into sled.
    pub fn is_much(&self, changes: usize) -> bool {
        changes > self.changes / 2
    }

    /// What open heads may take once some have been sealed for want of memory.
    pub fn relaxed(&self) -> usize {
        self.limit / 2
    }

    /// Something has reached sled, or could not. Returns whether that is news.
    pub fn tell(&self, stuck: Stuck) -> bool {
        let mut state = self.state.lock();
        let news = *state != stuck;
        *state = stuck;
        self.eased.notify_all();
        news
    }
}

impl Engine {
    fn is_over(&self) -> bool {
        let gathered = || self.table.gathered.read().weight();
        self.heads.weight() > self.gate.limit || gathered() > self.gate.changes
    }

    /// Returns when heads and changes take what they may. Errors: why they cannot reach sled.
    pub fn wait_for_memory(&self) -> Result<(), StoreError> {
        let gate = &self.gate;
        if !self.is_over() {
            return Ok(());
        }
        let mut state = gate.state.lock();
        while self.is_over() {
            if let Some(why) = &*state {
                return Err(why.clone());
            }
            self.chime.ring();
            gate.eased.wait_for(&mut state, LOOK);
        }
        Ok(())
    }
}
