//! Echo values (RFC 9175 section 2): whoever repeats one receives at its address.

use super::peers::Peer;
use sha3::{Digest, Sha3_256};
use std::net::IpAddr;
use std::time::Duration;

/// How long a value is good for, at least; at most twice as long.
const PERIOD: u64 = 64;

pub(super) struct Secret(pub [u8; 32]);

impl Secret {
    pub fn echo(&self, peer: &Peer, now: Duration) -> [u8; 8] {
        self.of_period(peer, now.as_secs() / PERIOD)
    }

    pub fn knows(&self, peer: &Peer, value: &[u8], now: Duration) -> bool {
        let period = now.as_secs() / PERIOD;
        let good = |period| self.of_period(peer, period) == *value;
        good(period) || period.checked_sub(1).is_some_and(good)
    }

    fn of_period(&self, peer: &Peer, period: u64) -> [u8; 8] {
        let mut hash = Sha3_256::new();
        hash.update(self.0);
        match peer.address.ip() {
            IpAddr::V4(ip) => hash.update(ip.octets()),
            IpAddr::V6(ip) => hash.update(ip.octets()),
        }
        hash.update(peer.address.port().to_be_bytes());
        hash.update(period.to_be_bytes());
        let mut value = [0; 8];
        for (to, from) in value.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        value
    }
}
