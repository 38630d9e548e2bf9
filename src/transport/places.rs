//! Places that are counted: so many in all, and so many of one address. An IPv6 network of 64 bits
//! counts as one address, as whoever has one has all of them.

use crate::model::address::network;
use ahash::AHashMap;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;

/// Cheap to clone; every clone counts the same.
#[derive(Clone)]
pub struct Places {
    taken: Arc<Mutex<Taken>>,
    most: usize,
    most_per_address: usize,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_address: AHashMap<IpAddr, usize>,
}

/// One of them; dropping it gives it back.
pub struct Place {
    places: Places,
    peer: IpAddr,
}

/// Which limit is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    InAll,
    OfAddress,
}

impl Places {
    pub fn new(most: usize, most_per_address: usize) -> Self {
        Self {
            taken: Arc::default(),
            most,
            most_per_address,
        }
    }

    pub fn take(&self, peer: IpAddr) -> Result<Place, Full> {
        let peer = network(peer);
        let mut taken = self.taken.lock();
        if taken.total >= self.most {
            return Err(Full::InAll);
        }
        let of_peer = taken.by_address.get(&peer).copied().unwrap_or(0);
        if of_peer >= self.most_per_address {
            return Err(Full::OfAddress);
        }
        taken.by_address.insert(peer, of_peer + 1);
        taken.total += 1;
        drop(taken);
        Ok(Place {
            places: self.clone(),
            peer,
        })
    }

    /// How many are taken, and by how many addresses.
    pub fn taken(&self) -> (usize, usize) {
        let taken = self.taken.lock();
        (taken.total, taken.by_address.len())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.total = taken.total.saturating_sub(1);
        if let Some(count) = taken.by_address.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by_address.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_per_address_and_come_back() {
        let places = Places::new(3, 2);
        let take = |peer: &str| places.take(peer.parse().expect("an address"));
        let one = take("10.0.0.1").expect("a place");
        let two = take("::ffff:10.0.0.1").expect("a place");
        assert_eq!(take("10.0.0.1").err(), Some(Full::OfAddress));
        let three = take("10.0.0.2").expect("a place");
        assert_eq!(take("10.0.0.3").err(), Some(Full::InAll));
        assert_eq!(places.taken(), (3, 2));
        drop((one, two));
        let again = take("10.0.0.1").expect("a place");
        drop((three, again));
        assert_eq!(places.taken(), (0, 0));
    }

    #[test]
    fn who_has_a_network_of_ipv6_has_the_places_of_one_address() {
        let places = Places::new(100, 2);
        let take = |peer: &str| places.take(peer.parse().expect("an address"));
        let held = [take("2001:db8:0:1::1"), take("2001:db8:0:1:ffff::2")];
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(take("2001:db8:0:1::3").err(), Some(Full::OfAddress));
        assert!(take("2001:db8:0:2::1").is_ok());
    }
}
