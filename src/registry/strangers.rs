//! Addresses and what they may try before they are known: a rate of attempts, and what becomes of
//! those that fail again and again. They are slowed first, and refused for a time then.
//!
//! Attempts that succeed cost nothing in the end. Bounded: so many addresses, the oldest are
//! forgotten first; while none is remembered, nothing is locked or looked up.

use super::Config;
use crate::model::address::network;
use crate::model::rates::Buckets;
use crate::model::reject::{Reason, Rejection};
use crate::model::Millis;
use ahash::AHashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

pub struct Strangers {
    config: Config,
    table: Mutex<Table>,
    remembered: AtomicUsize,
    held_back: Semaphore,
}

#[derive(Default)]
struct Table {
    addresses: AHashMap<IpAddr, Address>,
    order: VecDeque<IpAddr>,
}

struct Address {
    attempts: Buckets,
    began: Millis,
    failures: u32,
    refused_until: Millis,
}

impl Strangers {
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            table: Mutex::default(),
            remembered: AtomicUsize::new(0),
            held_back: Semaphore::new(config.held_back.min(Semaphore::MAX_PERMITS)),
        }
    }

    /// Error: `RateLimited`, with the bucket or the time.
    pub fn admit(&self, peer: IpAddr, now: Millis) -> Result<(), Rejection> {
        let rated = !self.config.address_rate.is_unlimited();
        if !rated && self.remembered.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let peer = network(peer);
        let mut table = self.table.lock();
        let address = match rated {
            true => self.entry(&mut table, peer, now),
            false => match table.addresses.get_mut(&peer) {
                Some(address) => address,
                None => return Ok(()),
            },
        };
        if now < address.refused_until {
            // A clock set back refuses for no longer than the setting says.
            let wait = (address.refused_until - now).min(self.config.refuse_for.millis());
            let detail = format!(
                "this address failed to authenticate {} times (registry.refuse_after): refused for {wait} ms",
                self.config.refuse_after
            );
            return Err(Rejection::new(Reason::RateLimited, detail).retry_after(wait));
        }
        address.attempts.take(1, now).map_err(|no| {
            let wait = no.wait.unwrap_or(1_000);
            let detail = format!(
                "more attempts of this address than {}: room again in {wait} ms",
                no.rate
            );
            Rejection::new(Reason::RateLimited, detail).retry_after(wait)
        })
    }

    /// The attempt succeeded: it counts against nobody.
    pub fn known(&self, peer: IpAddr) {
        if self.config.address_rate.is_unlimited() {
            return;
        }
        let mut table = self.table.lock();
        if let Some(address) = table.addresses.get_mut(&network(peer)) {
            address.attempts.give_back(1);
        }
    }

    /// The attempt failed. True: its answer is to be held back.
    pub fn failed(&self, peer: IpAddr, reason: Reason, now: Millis) -> bool {
        let (slow, refuse) = (self.config.slow_after, self.config.refuse_after);
        if !is_a_guess(reason) || (slow == 0 && refuse == 0) {
            return false;
        }
        let mut table = self.table.lock();
        let address = self.entry(&mut table, network(peer), now);
        let window = self.config.failure_window.millis();
        if !(0..window).contains(&now.saturating_sub(address.began)) {
            address.began = now;
            address.failures = 0;
        }
        address.failures = address.failures.saturating_add(1);
        let failures = address.failures;
        if refuse > 0 && failures >= refuse {
            address.refused_until = now.saturating_add(self.config.refuse_for.millis());
            address.failures = 0;
            tracing::warn!(%peer, failures, "an address is refused for a time: it fails to authenticate");
        }
        slow > 0 && failures > slow
    }

    /// Waits as long as a refusal is to be held back.
    pub async fn hold_back(&self) {
        if let Ok(_place) = self.held_back.try_acquire() {
            tokio::time::sleep(self.delay()).await;
        }
    }

    fn delay(&self) -> Duration {
        self.config.slow_by.0
    }

    fn entry<'a>(&self, table: &'a mut Table, peer: IpAddr, now: Millis) -> &'a mut Address {
        if !table.addresses.contains_key(&peer) {
            if table.order.len() >= self.config.addresses.max(1) {
                if let Some(oldest) = table.order.pop_front() {
                    table.addresses.remove(&oldest);
                }
            }
            table.order.push_back(peer);
        }
        let count = table.order.len();
        self.remembered.store(count, Ordering::Relaxed);
        table.addresses.entry(peer).or_insert_with(|| Address {
            attempts: Buckets::new(self.config.address_rate.clone()),
            began: now,
            failures: 0,
            refused_until: Millis::MIN,
        })
    }
}

/// A disabled device or an expired certificate is known: it guesses nothing.
fn is_a_guess(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CredentialsMissing
            | Reason::CredentialsUnknown
            | Reason::ClientIdUnknown
            | Reason::PasswordWrong
            | Reason::CertificateUnknown
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rates::Rates;
    use crate::model::units::Period;

    const T: Millis = 1_700_000_000_000;
    const WRONG: Reason = Reason::CredentialsUnknown;

    fn strangers(rate: &str) -> Strangers {
        #[derive(serde::Deserialize)]
        struct Settings {
            registry: Config,
        }
        let text = include_str!("../../config.toml");
        let settings: Settings = toml_edit::de::from_str(text).unwrap();
        let seconds = |n| Period(Duration::from_secs(n));
        Strangers::new(&Config {
            address_rate: Rates::parse(rate).unwrap(),
            slow_after: 2,
            refuse_after: 4,
            failure_window: seconds(60),
            refuse_for: seconds(30),
            addresses: 3,
            ..settings.registry
        })
    }

    fn address(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    #[test]
    fn who_fails_again_and_again_is_slowed_then_refused_for_a_time_and_let_in_again() {
        let door = strangers("");
        let mut slowed = Vec::new();
        for _ in 0..4 {
            assert_eq!(door.admit(address(1), T), Ok(()));
            slowed.push(door.failed(address(1), WRONG, T));
        }
        assert_eq!(slowed, [false, false, true, true]);
        let refused = door.admit(address(1), T + 10_000).unwrap_err();
        assert_eq!(
            (refused.reason, refused.retry_ms),
            (Reason::RateLimited, 20_000)
        );
        assert_eq!(door.admit(address(2), T), Ok(()), "its neighbours are not");
        assert_eq!(door.admit(address(1), T + 30_000), Ok(()));
        assert!(
            !door.failed(address(1), WRONG, T + 30_000),
            "it begins anew"
        );
    }

    #[test]
    fn failures_far_apart_and_those_of_known_devices_do_not_add_up() {
        let door = strangers("");
        for n in 0..20 {
            assert!(!door.failed(address(1), WRONG, T + n * 60_000));
            assert!(!door.failed(address(2), Reason::DeviceDisabled, T));
        }
        assert_eq!(door.admit(address(2), T), Ok(()));
    }

    #[test]
    fn attempts_have_a_rate_and_those_that_succeed_cost_nothing() {
        let door = strangers("3:1m");
        for _ in 0..50 {
            assert_eq!(door.admit(address(1), T), Ok(()));
            door.known(address(1));
        }
        for _ in 0..3 {
            assert_eq!(door.admit(address(1), T), Ok(()));
        }
        let refused = door.admit(address(1), T).unwrap_err();
        assert!(refused.detail.contains("3:1m"), "{}", refused.detail);
        assert_eq!(refused.retry_ms, 20_000);
        assert_eq!(door.admit(address(1), T + 20_000), Ok(()));
    }

    #[test]
    fn only_so_many_addresses_are_remembered_and_none_costs_nothing() {
        let door = strangers("");
        assert_eq!(door.remembered.load(Ordering::Relaxed), 0);
        for n in 0..200 {
            door.failed(address(n), WRONG, T);
        }
        let table = door.table.lock();
        assert_eq!((table.addresses.len(), table.order.len()), (3, 3));
        assert!(table.addresses.contains_key(&address(199)));
    }
}
