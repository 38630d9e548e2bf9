//! Smart meters: a counter, a boolean, a slowly changing percentage and a temperature with two
//! decimals, once a minute. The same data for the disk figure and for SQLite.

use super::payload::{decimal, noise, number, text};

pub const KEYS: [&str; 4] = ["energy", "relay", "battery", "temperature"];
pub const MINUTE: u64 = 60_000;
/// Rows of a batch: an hour.
pub const BATCH: u64 = 60;

/// One device's state, minute by minute.
pub struct Meter {
    seed: u64,
    minute: u64,
    energy: u64,
    relay: bool,
    battery: u64,
    /// Hundredths of a degree of weather, besides the time of day.
    drift: i64,
}

/// What one minute reads.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Minutes since the beginning.
    pub minute: u64,
    pub energy: u64,
    pub relay: bool,
    pub battery: u64,
    /// Hundredths of a degree, never below zero.
    pub temperature: u64,
}

impl Meter {
    pub fn new(device: u64) -> Self {
        let seed = noise(device ^ 0x6d65_7465_7273);
        Meter {
            seed,
            minute: 0,
            energy: seed % 10_000_000,
            relay: true,
            battery: 60 + seed % 40,
            drift: 0,
        }
    }

    /// The device's own second of the minute, as milliseconds.
    pub fn phase(&self) -> u64 {
        self.seed % 60 * 1000
    }

    pub fn next(&mut self) -> Reading {
        let draw = noise(self.seed.wrapping_add(self.minute));
        let hour = (self.minute / 60 % 24) as f64;
        // Wh of a minute: a base load, more by day, and now and then an appliance.
        let appliance = if draw % 97 < 9 {
            20 + draw / 97 % 15
        } else {
            0
        };
        self.energy += 3 + draw % 4 + (7.0..23.0).contains(&hour) as u64 * 5 + appliance;
        if (draw / 1_000).is_multiple_of(500) {
            self.relay = !self.relay;
        }
        if (draw / 1_000_000).is_multiple_of(40) {
            self.battery = match draw / 100_000_000 % 2 {
                0 => (self.battery + 1).min(100),
                _ => self.battery.saturating_sub(1).max(5),
            };
        }
        self.drift = (self.drift + (draw >> 40) as i64 % 9 - 4).clamp(-400, 400);
        let minutes = self.minute as f64 % 1440.0;
        let day = (minutes / 1440.0 * std::f64::consts::TAU).sin() * 400.0;
        let reading = Reading {
            minute: self.minute,
            energy: self.energy,
            relay: self.relay,
            battery: self.battery,
            temperature: (2_000 + self.drift + day as i64).max(0) as u64,
        };
        self.minute += 1;
        reading
    }

    /// Appends the next hour as one telemetry array.
    pub fn hour(&mut self, out: &mut Vec<u8>, start: u64) {
        out.push(b'[');
        for row in 0..BATCH {
            if row > 0 {
                out.push(b',');
            }
            let reading = self.next();
            text(out, "{\"ts\":");
            number(out, start + self.phase() + reading.minute * MINUTE);
            text(out, ",\"values\":{\"energy\":");
            number(out, reading.energy);
            text(out, ",\"relay\":");
            text(out, if reading.relay { "true" } else { "false" });
            text(out, ",\"battery\":");
            number(out, reading.battery);
            text(out, ",\"temperature\":");
            decimal(out, reading.temperature, 2);
            text(out, "}}");
        }
        out.push(b']');
    }
}
