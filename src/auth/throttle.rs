//! Counts failures per address and per name, and says when the next attempt is welcome.
//!
//! Pure: (input, now) in, answer out. Memory is bounded: a fixed number of subjects, 40 bytes each;
//! the oldest are forgotten first. Serves operators' logins, later devices' too.

use crate::model::address::network;
use crate::model::Millis;
use ahash::RandomState;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Who is counted.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Subject<'a> {
    /// IPv6 counts by its /64, which is what one customer gets; mapped IPv4 counts as IPv4.
    Address(IpAddr),
    /// Compared as given: fold the case first.
    Name(&'a str),
    /// A name from one address.
    Pair(&'a str, IpAddr),
}

/// A window starts with a subject's first failure; at `limit` failures the subject is refused
/// until the window ends.
pub struct Throttle {
    limit: u32,
    window: Millis,
    capacity: usize,
    counts: HashMap<u64, Count>,
    /// Windows in the order they began, for forgetting; at most `capacity`.
    order: VecDeque<(Millis, u64)>,
    /// Subjects are kept as keyed hashes: a name of any length costs the same.
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Count {
    began: Millis,
    failures: u32,
}

impl Throttle {
    /// `limit` failures within `window` (ms) are let through, of at most `capacity` subjects.
    /// A limit of 0 refuses nothing.
    pub fn new(limit: u32, window: Millis, capacity: usize) -> Self {
        Self {
            limit,
            window: window.max(1),
            capacity: capacity.max(1),
            counts: HashMap::new(),
            order: VecDeque::new(),
            hasher: RandomState::new(),
        }
    }

    /// Counts an attempt as failed in advance, so that many at once are no way around the limit;
    /// take it back with [`Throttle::forgive`] when it succeeds.
    /// Error: the ms to wait, at least 1; nothing was counted then.
    pub fn admit(&mut self, subjects: &[Subject], now: Millis) -> Result<(), Millis> {
        let wait = subjects.iter().filter_map(|who| self.wait(*who, now)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        subjects.iter().for_each(|who| self.count(*who, now));
        Ok(())
    }

    /// The ms a subject still has to wait; `None` when it is welcome.
    pub fn wait(&self, subject: Subject, now: Millis) -> Option<Millis> {
        let count = self.counts.get(&self.key(subject))?;
        let over = self.limit > 0 && count.failures >= self.limit;
        (over && self.is_open(count, now)).then(|| (count.began + self.window - now).max(1))
    }

    /// Counts one failure.
    pub fn count(&mut self, subject: Subject, now: Millis) {
        let key = self.key(subject);
        let open = self.counts.get(&key).copied();
        if let Some(count) = open.filter(|count| self.is_open(count, now)) {
            let failures = count.failures.saturating_add(1);
            self.counts.insert(key, Count { failures, ..count });
            return;
        }
        let first = Count {
            began: now,
            failures: 1,
        };
        self.counts.insert(key, first);
        self.order.push_back((now, key));
        self.forget_oldest(now);
    }

    /// Takes one failure back.
    pub fn forgive(&mut self, subjects: &[Subject]) {
        for who in subjects {
            let key = self.key(*who);
            if let Some(count) = self.counts.get_mut(&key) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }

    /// Subjects remembered now.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// A clock set back ends the window too: nobody waits longer than one window.
    fn is_open(&self, count: &Count, now: Millis) -> bool {
        now >= count.began && now - count.began < self.window
    }

    fn forget_oldest(&mut self, now: Millis) {
        while let Some((began, key)) = self.order.front().copied() {
            let count = Count { began, failures: 0 };
            if self.order.len() <= self.capacity && self.is_open(&count, now) {
                return;
            }
            self.order.pop_front();
            // A subject with a newer window has a newer place in the order.
            if self
                .counts
                .get(&key)
                .is_some_and(|count| count.began == began)
            {
                self.counts.remove(&key);
            }
        }
    }

    fn key(&self, subject: Subject) -> u64 {
        self.hasher.hash_one(match subject {
            Subject::Address(address) => Subject::Address(network(address)),
            Subject::Pair(name, address) => Subject::Pair(name, network(address)),
            name => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Subject<'static> {
        Subject::Address(text.parse().unwrap())
    }

    #[test]
    fn the_limit_is_let_through_and_the_next_waits_for_the_end_of_the_window() {
        let mut throttle = Throttle::new(3, 60_000, 100);
        let who = [address("10.0.0.1"), Subject::Name("ann")];
        for at in [1_000, 2_000, 3_000] {
            assert_eq!(throttle.admit(&who, at), Ok(()));
        }
        assert_eq!(throttle.admit(&who, 11_000), Err(50_000));
        assert_eq!(throttle.admit(&who, 60_999), Err(1));
        assert_eq!(throttle.admit(&who, 61_000), Ok(()), "a new window");
    }

    #[test]
    fn a_name_is_counted_over_all_addresses_and_an_address_over_all_names() {
        let mut throttle = Throttle::new(2, 1_000, 100);
        assert_eq!(
            throttle.admit(&[address("1.1.1.1"), Subject::Name("a")], 0),
            Ok(())
        );
        assert_eq!(
            throttle.admit(&[address("2.2.2.2"), Subject::Name("a")], 0),
            Ok(())
        );
        assert!(throttle
            .admit(&[address("3.3.3.3"), Subject::Name("a")], 0)
            .is_err());
        assert_eq!(
            throttle.admit(&[address("1.1.1.1"), Subject::Name("b")], 0),
            Ok(())
        );
        assert!(throttle
            .admit(&[address("1.1.1.1"), Subject::Name("c")], 0)
            .is_err());
        assert_eq!(
            throttle.wait(Subject::Name("c"), 0),
            None,
            "a refusal counts for nobody"
        );
    }

    #[test]
    fn successes_do_not_use_the_limit_up() {
        let mut throttle = Throttle::new(2, 1_000, 100);
        let who = [address("1.1.1.1"), Subject::Name("a")];
        for _ in 0..50 {
            assert_eq!(throttle.admit(&who, 5), Ok(()));
            throttle.forgive(&who);
        }
    }

    #[test]
    fn attempts_under_way_count_before_they_have_failed() {
        let mut throttle = Throttle::new(2, 1_000, 100);
        let who = [Subject::Name("a")];
        assert_eq!(throttle.admit(&who, 0), Ok(()));
        assert_eq!(throttle.admit(&who, 0), Ok(()));
        assert!(
            throttle.admit(&who, 0).is_err(),
            "two are still being checked"
        );
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_as_one_and_mapped_ipv4_as_ipv4() {
        let mut throttle = Throttle::new(1, 1_000, 100);
        throttle.count(address("2001:db8:1:2::1"), 0);
        assert!(throttle.wait(address("2001:db8:1:2:ffff::9"), 0).is_some());
        assert_eq!(throttle.wait(address("2001:db8:1:3::1"), 0), None);
        throttle.count(address("::ffff:10.0.0.1"), 0);
        assert!(throttle.wait(address("10.0.0.1"), 0).is_some());
    }

    #[test]
    fn a_limit_of_zero_refuses_nothing() {
        let mut throttle = Throttle::new(0, 1_000, 100);
        for _ in 0..100 {
            assert_eq!(throttle.admit(&[Subject::Name("a")], 0), Ok(()));
        }
    }

    #[test]
    fn a_clock_set_back_does_not_lock_anybody_out() {
        let mut throttle = Throttle::new(1, 1_000, 100);
        throttle.count(Subject::Name("a"), 1_000_000);
        assert_eq!(throttle.admit(&[Subject::Name("a")], 5), Ok(()));
    }

    proptest! {
        #[test]
        fn memory_stays_bounded_and_a_wait_never_exceeds_the_window(
            steps in proptest::collection::vec((0u8..40, -50i64..200), 0..400)
        ) {
            let mut throttle = Throttle::new(2, 300, 8);
            let mut now = 1_000;
            for (who, pass) in steps {
                now += pass;
                let name = who.to_string();
                if let Err(wait) = throttle.admit(&[Subject::Name(&name)], now) {
                    prop_assert!((1..=300).contains(&wait));
                }
                prop_assert!(throttle.len() <= 8 && throttle.order.len() <= 8);
            }
        }
    }
}
