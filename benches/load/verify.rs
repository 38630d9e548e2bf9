//! Is what was acknowledged really there? Counted by the server's own aggregates, key by key.

use super::outcome::{Outcome, Sent};
use super::payload::Shape;
use super::rest::{Device, Rest};

/// Messages of each device over several runs.
pub struct Tally {
    shape: Shape,
    devices: Vec<Sent>,
}

impl Tally {
    pub fn new(shape: Shape, devices: usize) -> Self {
        Tally {
            shape,
            devices: vec![Sent::default(); devices],
        }
    }

    /// Acknowledged ones.
    pub fn points(&self) -> u64 {
        let points = |(n, sent): (usize, &Sent)| sent.acknowledged * self.shape.points(n as u64);
        self.devices.iter().enumerate().map(points).sum()
    }

    pub fn add(&mut self, outcome: &Outcome) {
        for (sum, sent) in self.devices.iter_mut().zip(&outcome.devices) {
            sum.sent += sent.sent;
            sum.acknowledged += sent.acknowledged;
        }
    }
}

/// Points that were found. Panics when a device has fewer than it was told, or more than it sent.
pub fn every_acknowledged_point(rest: &Rest, devices: &[Device], tally: &Tally) -> u64 {
    let of_device = |n: usize| {
        let kind = tally.shape.kind(n as u64).expect("rows with times");
        let (rows, sent) = (tally.shape.rows(n as u64), tally.devices[n]);
        let keys = kind.keys();
        let counts = rest.count(&devices[n], &keys);
        for (key, count) in keys.iter().zip(&counts) {
            let (low, high) = (sent.acknowledged * rows, sent.sent * rows);
            assert!(
                (low..=high).contains(count),
                "LOST OR INVENTED: {} has {count} points of {key}, acknowledged {low}, sent {high}",
                devices[n].token
            );
        }
        counts.iter().sum::<u64>()
    };
    let found = rest.in_parallel(tally.devices.len(), of_device);
    found.iter().sum()
}
