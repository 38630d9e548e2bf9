//! Latencies in constant memory: buckets of at most 3 % width, from a microsecond to an hour.

use std::time::Duration;

/// Buckets that each power of two is cut into.
const FINE: u32 = 32;

#[derive(Clone, Debug)]
pub struct Latencies {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies {
            buckets: vec![0; (FINE * 33) as usize],
            count: 0,
            longest: Duration::ZERO,
        }
    }
}

/// Values below FINE stand for themselves; above, five bits after the highest one count.
fn bucket(micros: u64) -> usize {
    let micros = micros.clamp(1, u64::from(u32::MAX)) as u32;
    let exponent = micros.ilog2();
    if exponent < 5 {
        return micros as usize;
    }
    let fine = (micros >> (exponent - 5)) & (FINE - 1);
    ((exponent - 4) * FINE + fine) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let (high, fine) = (bucket as u64 / 32, bucket as u64 % 32);
    match high {
        0 => fine,
        high => ((32 + fine + 1) << (high - 1)) - 1,
    }
}

impl Latencies {
    pub fn add(&mut self, latency: Duration, times: u64) {
        self.buckets[bucket(latency.as_micros() as u64)] += times;
        self.count += times;
        self.longest = self.longest.max(latency);
    }

    /// At or below this are `share` (0.5, 0.99) of all; zero when there are none.
    pub fn at(&self, share: f64) -> Duration {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return Duration::from_micros(upper_end(index)).min(self.longest);
            }
        }
        self.longest
    }

    pub fn longest(&self) -> Duration {
        self.longest
    }
}

/// Milliseconds for the table.
pub fn ms(latency: Duration) -> f64 {
    latency.as_secs_f64() * 1e3
}
