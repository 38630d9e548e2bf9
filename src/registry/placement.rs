//! Which arbiter a device lives on: by its stable hash. A device's connections may ask, to be
//! served on the same thread.

use crate::model::ids::DeviceId;
use actix::{Arbiter, ArbiterHandle};

/// The threads that device actors live on.
pub struct Arbiters {
    arbiters: Vec<Arbiter>,
}

impl Arbiters {
    /// `count` 0: one a core. Must run inside an actix `System`.
    pub fn start(count: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if count == 0 { cores } else { count };
        Self {
            arbiters: (0..count).map(|_| Arbiter::new()).collect(),
        }
    }

    pub fn count(&self) -> usize {
        self.arbiters.len()
    }

    /// The index of a device's arbiter; the same for as long as their number is.
    pub fn of(&self, device: DeviceId) -> usize {
        place(device, self.arbiters.len())
    }

    pub fn handle(&self, at: usize) -> Option<ArbiterHandle> {
        self.arbiters.get(at).map(Arbiter::handle)
    }

    pub fn stop(&self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

/// The high bits: the low ones choose the partition.
fn place(device: DeviceId, arbiters: usize) -> usize {
    (device.stable_hash() >> 16) as usize % arbiters.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_spread_over_the_arbiters_and_stay_where_they_are() {
        let mut counts = [0usize; 4];
        for _ in 0..4_000 {
            let device = DeviceId::new();
            assert_eq!(place(device, 4), place(device, 4));
            counts[place(device, 4)] += 1;
        }
        assert!(counts.iter().all(|count| *count > 700), "{counts:?}");
    }
}
