//! Keepalive: nothing heard for 1.5 times the interval ends the connection (MQTT-3.1.2-24 of
//! 3.1.1, MQTT-3.1.2-22 of 5). Any packet counts, not PINGREQ alone.

use super::Now;
use std::time::Duration;

pub(super) struct Keepalive {
    /// In milliseconds.
    allowed: u32,
    heard: Duration,
    overridden: Option<u16>,
}

impl Keepalive {
    /// `asked` and `most` in seconds; 0 asked = none, which is measured by `most` like all that
    /// is larger.
    pub fn new(asked: u16, most: u16, now: Now) -> Self {
        let kept = if asked == 0 || asked > most {
            most
        } else {
            asked
        };
        Self {
            allowed: u32::from(kept) * 1500,
            heard: now.mono,
            overridden: (kept != asked).then_some(kept),
        }
    }

    /// The Server Keep Alive to announce, in seconds, if it is not the client's own.
    pub fn overridden(&self) -> Option<u16> {
        self.overridden
    }

    pub fn heard(&mut self, now: Now) {
        self.heard = now.mono;
    }

    pub fn deadline(&self) -> Duration {
        self.heard + Duration::from_millis(u64::from(self.allowed))
    }

    pub fn is_over(&self, now: Now) -> bool {
        now.mono >= self.deadline()
    }
}
