//! Whether work that should take moments stands still: below a disk that does not answer, or in a
//! lock of sled's that nobody gives back (seen once, in its shared pool of threads).

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Of one thread.
#[derive(Default)]
pub struct Pulse(Mutex<Option<Instant>>);

impl Pulse {
    /// Does a piece of work that is to be watched.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Done<'a>(&'a Pulse);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                *self.0 .0.lock() = None;
            }
        }
        *self.0.lock() = Some(Instant::now());
        let _done = Done(self);
        work()
    }

    /// How long the present piece of work has taken, should that be too long.
    pub fn stands(&self, longest: Duration, now: Instant) -> Option<Duration> {
        let began = *self.0.lock();
        let taken = now.saturating_duration_since(began?);
        (taken > longest).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(60);

    #[test]
    fn work_stands_once_it_takes_too_long_and_no_longer_when_it_is_done() {
        let (pulse, now) = (Pulse::default(), Instant::now());
        let later = now + LONGEST * 2;
        assert_eq!(pulse.stands(LONGEST, later), None, "nothing is at work");
        pulse.during(|| {
            assert_eq!(pulse.stands(LONGEST, now + LONGEST), None);
            let stands = pulse.stands(LONGEST, later);
            assert!(stands.is_some_and(|taken| taken > LONGEST), "{stands:?}");
        });
        assert_eq!(pulse.stands(LONGEST, later), None);
    }

    #[test]
    fn work_that_panics_is_done() {
        let pulse = Pulse::default();
        let work = std::panic::AssertUnwindSafe(|| pulse.during(|| panic!("on purpose")));
        assert!(std::panic::catch_unwind(work).is_err());
        assert_eq!(pulse.stands(LONGEST, Instant::now() + LONGEST * 2), None);
    }
}
