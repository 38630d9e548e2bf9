//! How many handshakes may be half done: in all and of one address. A handshake costs a signature
//! and tens of kilobytes before anybody is known.

use super::config::Config;
use ahash::AHashMap;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;

/// Cheap to clone; every clone counts the same.
#[derive(Clone)]
pub struct Handshakes {
    open: Arc<Mutex<Open>>,
    most: usize,
    most_per_address: usize,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_address: AHashMap<IpAddr, usize>,
}

/// One of them; dropping it frees its place.
pub struct Handshake {
    handshakes: Handshakes,
    peer: IpAddr,
}

impl Handshakes {
    pub fn new(config: &Config) -> Self {
        Self {
            open: Arc::default(),
            most: config.max_handshakes,
            most_per_address: config.max_handshakes_per_address,
        }
    }

    /// As many of one address as in all: behind a balancer there is only one.
    pub fn in_all(config: &Config) -> Self {
        Self {
            most_per_address: config.max_handshakes,
            ..Self::new(config)
        }
    }

    /// `Err`: which limit is reached.
    pub fn begin(&self, peer: IpAddr) -> Result<Handshake, &'static str> {
        let mut open = self.open.lock();
        if open.total >= self.most {
            return Err("more TLS handshakes at once than tls.max_handshakes");
        }
        let of_peer = open.by_address.entry(peer).or_default();
        if *of_peer >= self.most_per_address {
            return Err("more TLS handshakes at once than tls.max_handshakes_per_address");
        }
        *of_peer += 1;
        open.total += 1;
        Ok(Handshake {
            handshakes: self.clone(),
            peer,
        })
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut open = self.handshakes.open.lock();
        open.total = open.total.saturating_sub(1);
        if let Some(count) = open.by_address.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.by_address.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_done_handshakes_are_bounded_in_all_and_per_address_and_give_their_places_back() {
        let handshakes = Handshakes {
            open: Arc::default(),
            most: 3,
            most_per_address: 2,
        };
        let peer = |last: u8| IpAddr::from([10, 0, 0, last]);
        let one = handshakes.begin(peer(1)).ok().unwrap();
        let two = handshakes.begin(peer(1)).ok().unwrap();
        assert!(handshakes.begin(peer(1)).is_err(), "two of one address");
        let three = handshakes.begin(peer(2)).ok().unwrap();
        assert!(handshakes.begin(peer(3)).is_err(), "three in all");
        drop((one, two));
        assert!(handshakes.begin(peer(1)).is_ok());
        drop(three);
        let open = handshakes.open.lock();
        assert!(open.by_address.is_empty() && open.total == 0);
    }
}
