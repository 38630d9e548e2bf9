//! What an actor asks of the house it lives in (the registry), and the counter of epochs.

use crate::model::event::DeviceEvent;
use crate::model::ids::{DeviceId, Epoch, Incarnation};
use crate::model::Millis;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// The registry, as an actor sees it.
pub trait Host: Send + Sync {
    /// A row for the device's stream.
    fn publish(&self, event: DeviceEvent);

    /// The actor of this life has nothing to do. `true`: it has been taken off the list and must
    /// stop; `false`: mail is under way, stay. `inactive_at`: when the device will count as
    /// inactive unless it speaks.
    fn retire(&self, device: DeviceId, life: Epoch, inactive_at: Option<Millis>) -> bool;

    /// The actor of this life panicked.
    fn died(&self, device: DeviceId, life: Epoch);
}

/// Hands out epochs: they only grow, over restarts too (design.md 7.4).
#[derive(Clone, Debug)]
pub struct Epochs(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    incarnation: Incarnation,
    last: AtomicU32,
}

impl Epochs {
    pub fn new(incarnation: Incarnation) -> Self {
        Self(Arc::new(Counter {
            incarnation,
            last: AtomicU32::new(0),
        }))
    }

    /// The next one. Four thousand million of them last for one start of the node.
    pub fn take(&self) -> Epoch {
        let n = self.0.last.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        Epoch::new(self.0.incarnation, n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_grow_within_a_start_and_over_restarts() {
        let first = Epochs::new(Incarnation(1));
        let (a, b) = (first.take(), first.clone().take());
        let c = Epochs::new(Incarnation(2)).take();
        assert!(a < b && b < c, "{a:?} {b:?} {c:?}");
    }
}
