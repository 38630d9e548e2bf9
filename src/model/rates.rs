//! Rates as operators write them, `"100:1s,3000:1m"`, and the buckets that hold to them.
//!
//! A bucket of `count:period` holds `count` tokens and is refilled evenly, all of them in `period`:
//! a burst of `count` at once, and `count` a period in the long run. Its whole state is the moment
//! when it will be full again (the generic cell rate algorithm). Pure: the caller brings the time.

use super::Millis;
use serde::{de, Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// More buckets than this have no use.
const MOST: usize = 4;
/// Longest period: a day.
const LONGEST: u64 = 24 * 3600 * 1000;
const NANOS: u64 = 1_000_000;

/// One bucket: so many, in so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub count: u64,
    pub millis: u64,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = Duration::from_millis(self.millis);
        let period = humantime::format_duration(period).to_string();
        write!(f, "{}:{}", self.count, period.replace(' ', ""))
    }
}

/// Buckets that all must have room; none of them = no limit. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates(Arc<[Rate]>);

impl Default for Rates {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Rates {
    pub fn is_unlimited(&self) -> bool {
        self.0.is_empty()
    }

    /// A period without a unit is in seconds, as ThingsBoard writes it (`"100:1"`).
    /// Error: what is wrong, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let rates: Vec<Rate> = text.split(',').map(rate).collect::<Result<_, _>>()?;
        match rates.len() {
            0..=MOST => Ok(Self(rates.into())),
            _ => Err(format!("`{text}`: at most {MOST} buckets")),
        }
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    let wrong =
        || format!("`{text}` is not a rate; write it like \"100:1s\" or \"100:1s,3000:1m\"");
    let (count, period) = text.trim().split_once(':').ok_or_else(wrong)?;
    let count: u64 = count.trim().parse().map_err(|_| wrong())?;
    let period = period.trim();
    let millis = match period.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => {
            let period = humantime::parse_duration(period).map_err(|_| wrong())?;
            u64::try_from(period.as_millis()).unwrap_or(u64::MAX)
        }
    };
    if count == 0 || count > u64::from(u32::MAX) {
        return Err(format!(
            "`{text}`: the count must be from 1 to {}",
            u32::MAX
        ));
    }
    if millis == 0 || millis > LONGEST {
        return Err(format!("`{text}`: the period must be from 1ms to 1d"));
    }
    Ok(Rate { count, millis })
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, rate) in self.0.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            write!(f, "{comma}{rate}")?;
        }
        Ok(())
    }
}

impl Serialize for Rates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Rates::parse(&text).map_err(de::Error::custom)
    }
}

/// The bucket that had no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    pub rate: Rate,
    /// How long until it has; `None`: it never holds so many.
    pub wait: Option<Millis>,
}

/// When `rate`'s bucket, full again at `full` (ns), will be so after `cost` more; an error when
/// that is too late.
fn after(rate: Rate, full: u64, cost: u64, now: u64) -> Result<u64, NoRoom> {
    if cost > rate.count {
        return Err(NoRoom { rate, wait: None });
    }
    let period = rate.millis.saturating_mul(NANOS);
    let added = u128::from(cost) * u128::from(period) / u128::from(rate.count);
    let added = u64::try_from(added).unwrap_or(period);
    // A clock that was set back must not lock anybody out for longer than a period.
    let latest = now.saturating_add(period);
    let then = full.clamp(now, latest).saturating_add(added);
    if then <= latest {
        return Ok(then);
    }
    let wait = (then - latest).div_ceil(NANOS);
    let wait = Some(Millis::try_from(wait).unwrap_or(Millis::MAX));
    Err(NoRoom { rate, wait })
}

fn nanos(now: Millis) -> u64 {
    u64::try_from(now).unwrap_or(0).saturating_mul(NANOS)
}

/// The buckets of one subject: 8 bytes each and what they have in common.
#[derive(Clone, Debug)]
pub struct Buckets {
    rates: Rates,
    /// Of each: when it will be full again, in ns since the epoch.
    full: SmallVec<[u64; 2]>,
}

impl Buckets {
    /// All full.
    pub fn new(rates: Rates) -> Self {
        let full = SmallVec::from_elem(0, rates.0.len());
        Self { rates, full }
    }

    /// Other rates from now on. The same ones go on with what is in the buckets.
    pub fn set(&mut self, rates: &Rates) {
        if self.rates != *rates {
            *self = Self::new(rates.clone());
        }
    }

    pub fn is_unlimited(&self) -> bool {
        self.full.is_empty()
    }

    /// Takes `cost` tokens out of each, or none of any.
    pub fn take(&mut self, cost: u64, now: Millis) -> Result<(), NoRoom> {
        let now = nanos(now);
        for (rate, full) in self.rates.0.iter().zip(&self.full) {
            after(*rate, *full, cost, now)?;
        }
        for (rate, full) in self.rates.0.iter().zip(&mut self.full) {
            *full = after(*rate, *full, cost, now)?;
        }
        Ok(())
    }

    /// What was taken and not used after all.
    pub fn give_back(&mut self, cost: u64) {
        for (rate, full) in self.rates.0.iter().zip(&mut self.full) {
            *full = full.saturating_sub(worth(*rate, cost));
        }
    }

    /// When all of them are full again: from then on a new one is the same.
    pub fn full_at(&self) -> Millis {
        let last = self.full.iter().max().copied().unwrap_or(0);
        Millis::try_from(last.div_ceil(NANOS)).unwrap_or(Millis::MAX)
    }
}

fn worth(rate: Rate, cost: u64) -> u64 {
    let period = rate.millis.saturating_mul(NANOS);
    let worth = u128::from(cost) * u128::from(period) / u128::from(rate.count.max(1));
    u64::try_from(worth).unwrap_or(u64::MAX)
}

/// Buckets that threads share, without a lock.
#[derive(Debug)]
pub struct SharedBuckets {
    rates: Rates,
    full: Vec<AtomicU64>,
}

impl SharedBuckets {
    pub fn new(rates: Rates) -> Self {
        let full = rates.0.iter().map(|_| AtomicU64::new(0)).collect();
        Self { rates, full }
    }

    pub fn is_unlimited(&self) -> bool {
        self.full.is_empty()
    }

    /// Takes `cost` tokens out of each, or none of any.
    pub fn take(&self, cost: u64, now: Millis) -> Result<(), NoRoom> {
        let now = nanos(now);
        for (n, (rate, full)) in self.rates.0.iter().zip(&self.full).enumerate() {
            let taken = full.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full| {
                after(*rate, full, cost, now).ok()
            });
            if let Err(full) = taken {
                self.give_back_first(n, cost);
                return Err(after(*rate, full, cost, now).err().unwrap_or(NoRoom {
                    rate: *rate,
                    wait: Some(1),
                }));
            }
        }
        Ok(())
    }

    /// What was taken and not used after all.
    pub fn give_back(&self, cost: u64) {
        self.give_back_first(self.full.len(), cost);
    }

    fn give_back_first(&self, buckets: usize, cost: u64) {
        for (rate, full) in self.rates.0.iter().zip(&self.full).take(buckets) {
            let worth = worth(*rate, cost);
            let _ = full.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full| {
                Some(full.saturating_sub(worth))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T: Millis = 1_700_000_000_000;

    fn buckets(text: &str) -> Buckets {
        Buckets::new(Rates::parse(text).unwrap())
    }

    #[test]
    fn rates_are_read_as_they_are_written_and_in_plain_seconds_too() {
        for (text, shown) in [
            ("100:1s,3000:1m", "100:1s,3000:1m"),
            (" 5 : 250ms ", "5:250ms"),
            ("100:1,2000:60", "100:1s,2000:1m"),
            ("10:1h30m", "10:1h30m"),
            ("", ""),
            ("  ", ""),
        ] {
            assert_eq!(Rates::parse(text).unwrap().to_string(), shown, "{text:?}");
        }
        for text in [
            "100",
            "x:1s",
            "0:1s",
            "1:0s",
            "-1:1s",
            "1:2d",
            "1:1s,",
            "1:1s;",
            "9999999999:1s",
        ] {
            assert!(Rates::parse(text).is_err(), "{text:?}");
        }
        assert!(Rates::parse("1:1s,2:2s,3:3s,4:4s,5:5s").is_err());
    }

    #[test]
    fn a_bucket_lets_its_burst_through_and_refills_evenly() {
        let mut bucket = buckets("10:1s");
        for _ in 0..10 {
            assert_eq!(bucket.take(1, T), Ok(()));
        }
        let refused = bucket.take(1, T).unwrap_err();
        assert_eq!(refused.wait, Some(100), "a tenth of a second a token");
        assert_eq!(bucket.take(1, T + 99).unwrap_err().wait, Some(1));
        assert_eq!(bucket.take(1, T + 100), Ok(()), "as the refusal said");
        assert_eq!(bucket.full_at(), T + 1_100);
        assert_eq!(bucket.take(10, T + 1_100), Ok(()));
    }

    #[test]
    fn all_buckets_must_have_room_and_a_refusal_takes_nothing() {
        let mut both = buckets("5:1s,6:1m");
        assert_eq!(both.take(5, T), Ok(()));
        assert_eq!(both.take(1, T).unwrap_err().rate.to_string(), "5:1s");
        assert_eq!(both.take(1, T + 1_000), Ok(()));
        let refused = both.take(1, T + 1_000).unwrap_err();
        assert_eq!(refused.rate.to_string(), "6:1m");
        assert_eq!(
            refused.wait,
            Some(9_000),
            "a token each ten seconds, one of them gone by"
        );
    }

    #[test]
    fn more_than_a_bucket_holds_is_refused_for_ever_and_named_so() {
        let mut bucket = buckets("10:1s");
        assert_eq!(bucket.take(11, T).unwrap_err().wait, None);
        assert_eq!(bucket.take(10, T), Ok(()), "nothing was taken");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut bucket = buckets("3:1s");
        assert_eq!(bucket.take(3, T), Ok(()));
        bucket.give_back(1);
        assert_eq!(bucket.take(1, T), Ok(()));
        assert!(bucket.take(1, T).is_err());
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_longer_than_a_period() {
        let mut bucket = buckets("1:1m");
        assert_eq!(bucket.take(1, T + 3_600_000), Ok(()));
        assert_eq!(bucket.take(1, T).unwrap_err().wait, Some(60_000));
        assert_eq!(bucket.take(1, T + 120_000 + 3_600_000), Ok(()));
    }

    #[test]
    fn threads_together_get_no_more_than_one() {
        let shared = Arc::new(SharedBuckets::new(Rates::parse("1000:1m,5000:1h").unwrap()));
        let taken = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        if shared.take(1, T).is_ok() {
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(taken.into_inner(), 1_000);
        shared.give_back(2);
        assert_eq!(shared.take(2, T), Ok(()));
        assert!(shared.take(1, T).is_err());
    }

    proptest! {
        #[test]
        fn in_the_long_run_no_more_than_the_rate_and_a_burst_gets_through(
            count in 1u64..50, millis in 1u64..5_000,
            steps in proptest::collection::vec((0i64..500, 1u64..5), 1..300)
        ) {
            let rate = format!("{count}:{millis}ms");
            let (mut one, shared) = (buckets(&rate), SharedBuckets::new(Rates::parse(&rate).unwrap()));
            let (mut now, mut got) = (T, 0u64);
            for (pass, cost) in steps {
                now += pass;
                let taken = one.take(cost, now);
                prop_assert_eq!(taken, shared.take(cost, now));
                match taken {
                    Ok(()) => got += cost,
                    Err(NoRoom { wait: Some(wait), .. }) => {
                        prop_assert!(wait >= 1 && wait as u64 <= millis);
                        let mut later = one.clone();
                        prop_assert_eq!(later.take(cost, now + wait), Ok(()));
                    }
                    Err(_) => prop_assert!(cost > count),
                }
                let passed = (now - T) as u64;
                prop_assert!(got <= count + passed * count / millis + 1, "{got} in {passed} ms");
            }
        }
    }
}
