//! Heads within their share of `store.memory`: the gate at which commits wait while they take more.

use super::engine::Engine;
use crate::store::error::StoreError;
use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// Encoded bytes at which a head is frozen when there is memory: thousands of points, a few blocks.
pub const FULL_HEAD: usize = 64 << 10;
/// Bytes of entity changes that a replay gathers before they reach sled.
pub const REPLAYED: usize = 1 << 20;
/// How often who waits looks again by himself.
const LOOK: Duration = Duration::from_millis(100);

/// Where commits wait for heads to be sealed.
pub struct Gate {
    /// Bytes that heads may take.
    limit: usize,
    state: Mutex<Stuck>,
    eased: Condvar,
}

/// Why heads cannot be sealed at the moment.
type Stuck = Option<StoreError>;

impl Gate {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::new(None),
            eased: Condvar::new(),
        }
    }

    /// Time to seal heads that are not full.
    pub fn is_tight(&self, weight: usize) -> bool {
        weight > self.limit / 4 * 3
    }

    /// What open heads may take once some have been sealed for want of memory.
    pub fn relaxed(&self) -> usize {
        self.limit / 2
    }

    /// Heads were sealed, or could not be. Returns whether that is news.
    pub fn tell(&self, stuck: Stuck) -> bool {
        let mut state = self.state.lock();
        let news = *state != stuck;
        *state = stuck;
        self.eased.notify_all();
        news
    }
}

impl Engine {
    /// Returns when heads take what they may. Errors: why they cannot be sealed.
    pub fn wait_for_memory(&self) -> Result<(), StoreError> {
        let gate = &self.gate;
        if self.heads.weight() <= gate.limit {
            return Ok(());
        }
        let mut state = gate.state.lock();
        while self.heads.weight() > gate.limit {
            if let Some(why) = &*state {
                return Err(why.clone());
            }
            self.chime.ring();
            gate.eased.wait_for(&mut state, LOOK);
        }
        Ok(())
    }
}
