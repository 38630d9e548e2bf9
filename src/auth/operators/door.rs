//! Who may try a password now. Pure: the time is an argument.
//!
//! Failures are counted by address, and refused over the limit. An address from which a user has
//! logged in before counts for itself, so that neighbours behind it lock nobody out. Failures of
//! one user name from addresses that nobody knows only slow the answers to strangers down: who
//! types wrong passwords into somebody's name does not shut that somebody out.

use crate::auth::throttle::{Subject, Throttle};
use crate::model::Millis;
use ahash::RandomState;
use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;

pub struct Door {
    throttle: Throttle,
    known: Known,
}

/// An attempt that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    known: bool,
    /// The answer is to be held back for a while.
    pub slow: bool,
}

impl Door {
    /// `known`: how many pairs of user and address are remembered.
    pub fn new(throttle: Throttle, known: usize) -> Self {
        Self {
            throttle,
            known: Known::new(known),
        }
    }

    /// Counts an attempt as failed in advance. `name` in lower case.
    /// Error: the ms to wait; nothing was counted then.
    pub fn admit(&mut self, name: &str, peer: IpAddr, now: Millis) -> Result<Admitted, Millis> {
        if self.known.contains(name, peer) {
            self.throttle.admit(&[Subject::Pair(name, peer)], now)?;
            return Ok(Admitted {
                known: true,
                slow: false,
            });
        }
        self.throttle.admit(&[Subject::Address(peer)], now)?;
        let slow = self.throttle.wait(Subject::Name(name), now).is_some();
        self.throttle.count(Subject::Name(name), now);
        Ok(Admitted { known: false, slow })
    }

    /// The attempt could not be decided.
    pub fn take_back(&mut self, name: &str, peer: IpAddr, attempt: Admitted) {
        match attempt.known {
            true => self.throttle.forgive(&[Subject::Pair(name, peer)]),
            false => {
                let who = [Subject::Address(peer), Subject::Name(name)];
                self.throttle.forgive(&who);
            }
        }
    }

    /// The password was right.
    pub fn succeeded(&mut self, name: &str, peer: IpAddr, attempt: Admitted) {
        self.take_back(name, peer, attempt);
        self.known.remember(name, peer);
    }
}

/// Pairs of user and address that have succeeded: 16 bytes each; the oldest are forgotten first.
struct Known {
    capacity: usize,
    pairs: HashSet<u64>,
    order: VecDeque<u64>,
    hasher: RandomState,
}

impl Known {
    fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            pairs: HashSet::new(),
            order: VecDeque::new(),
            hasher: RandomState::new(),
        }
    }

    fn key(&self, name: &str, peer: IpAddr) -> u64 {
        self.hasher.hash_one((name, peer.to_canonical()))
    }

    fn contains(&self, name: &str, peer: IpAddr) -> bool {
        self.pairs.contains(&self.key(name, peer))
    }

    fn remember(&mut self, name: &str, peer: IpAddr) {
        let key = self.key(name, peer);
        if !self.pairs.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.pairs.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::new(Throttle::new(3, 60_000, 100), 2)
    }

    fn address(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    #[test]
    fn a_stranger_who_fails_in_somebodys_name_slows_strangers_and_shuts_out_nobody() {
        let mut door = door();
        let home = address(1);
        let first = door.admit("ann", home, 0).unwrap();
        door.succeeded("ann", home, first);
        for host in 10..30 {
            let _ = door.admit("ann", address(host), 1).unwrap();
        }
        let stranger = door.admit("ann", address(99), 2).unwrap();
        assert!(stranger.slow, "20 addresses have failed");
        let ann = door.admit("ann", home, 2).unwrap();
        assert!(!ann.slow);
        assert!(!door.admit("bob", address(98), 2).unwrap().slow);
    }

    #[test]
    fn neighbours_behind_one_address_lock_out_strangers_and_not_who_is_known_there() {
        let mut door = door();
        let office = address(1);
        let first = door.admit("ann", office, 0).unwrap();
        door.succeeded("ann", office, first);
        for _ in 0..3 {
            let _ = door.admit("bob", office, 1).unwrap();
        }
        assert!(door.admit("bob", office, 2).is_err());
        assert!(door.admit("carl", office, 2).is_err());
        let ann = door.admit("ann", office, 2).unwrap();
        door.succeeded("ann", office, ann);
    }

    #[test]
    fn who_is_known_is_throttled_too() {
        let mut door = door();
        let first = door.admit("ann", address(1), 0).unwrap();
        door.succeeded("ann", address(1), first);
        for _ in 0..3 {
            let _ = door.admit("ann", address(1), 1).unwrap();
        }
        assert_eq!(door.admit("ann", address(1), 2), Err(59_999));
    }

    #[test]
    fn pairs_are_forgotten_oldest_first() {
        let mut door = door();
        for host in 1..=3 {
            let attempt = door.admit("ann", address(host), 0).unwrap();
            door.succeeded("ann", address(host), attempt);
        }
        assert!(!door.known.contains("ann", address(1)));
        assert!(door.known.contains("ann", address(2)) && door.known.contains("ann", address(3)));
        assert!(door.known.order.len() <= 2);
    }
}
