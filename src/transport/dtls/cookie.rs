//! Cookies (RFC 6347, section 4.2.1): whoever repeats one receives at its address. Nothing is
//! remembered of whom they were given to.

use super::effects::Address;
use sha3::{Digest, Sha3_256};
use std::net::IpAddr;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a cookie is good for, at least; at most twice as long.
const PERIOD: u64 = 60;
/// Bytes. A client repeats them, and small ones leave its hello in one datagram.
pub(super) const LENGTH: usize = 16;

/// Random. The key of each period is made of it and of the period's number.
pub(super) struct Secret(pub [u8; 32]);

impl Secret {
    pub fn cookie(&self, peer: &Address, now: Duration) -> [u8; LENGTH] {
        self.of_period(peer, now.as_secs() / PERIOD)
    }

    pub fn knows(&self, peer: &Address, cookie: &[u8], now: Duration) -> bool {
        let period = now.as_secs() / PERIOD;
        let good = |period| bool::from(self.of_period(peer, period).ct_eq(cookie));
        good(period) || period.checked_sub(1).is_some_and(good)
    }

    /// SHA3-256 of key and message: unlike SHA-2 it needs no HMAC around it (FIPS 202, A.2).
    fn of_period(&self, peer: &Address, period: u64) -> [u8; LENGTH] {
        let key = Sha3_256::new()
            .chain_update(self.0)
            .chain_update(period.to_be_bytes())
            .finalize();
        let mut hash = Sha3_256::new().chain_update(key);
        match peer.remote.ip() {
            IpAddr::V4(ip) => hash.update(ip.octets()),
            IpAddr::V6(ip) => hash.update(ip.octets()),
        }
        hash.update(peer.remote.port().to_be_bytes());
        let mut cookie = [0; LENGTH];
        for (to, from) in cookie.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        cookie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address {
            remote: ([10, 0, 0, 1], port).into(),
            local: None,
        }
    }

    #[test]
    fn a_cookie_is_good_for_its_address_for_a_minute_or_two() {
        let (secret, other) = (Secret([7; 32]), Secret([8; 32]));
        let second = Duration::from_secs;
        let cookie = secret.cookie(&at(5000), second(59));
        assert!(secret.knows(&at(5000), &cookie, second(59)));
        assert!(secret.knows(&at(5000), &cookie, second(119)));
        assert!(!secret.knows(&at(5000), &cookie, second(120)));
        assert!(!secret.knows(&at(5001), &cookie, second(59)));
        assert!(!other.knows(&at(5000), &cookie, second(59)));
        assert!(!secret.knows(&at(5000), &cookie[1..], second(59)));
        assert!(!secret.knows(&at(5000), b"", second(0)));
    }
}
