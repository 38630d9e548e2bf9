//! Where every connection of the door sits: there it is told that the door stops, and woken when a
//! time has come. A waker and a number each, where a timer and a future that waits for the end would
//! take two hundred bytes of every idle connection.

use parking_lot::Mutex;
use slab::Slab;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A time of the door, in twentieths of a second since it opened: the first of them at or behind what
/// was asked for. They last for six years; a later one is then.
pub(super) type Beat = u32;

/// No time is set.
pub(super) const NEVER: Beat = Beat::MAX;
const BEAT: Duration = Duration::from_millis(50);
const BEATS_A_SECOND: u64 = 20;

/// Where a connection sits, if it does.
pub(super) type Seat = Option<NonZeroU32>;

#[derive(Default)]
pub(super) struct Seats {
    rung: AtomicBool,
    /// All that was due up to here has been woken.
    passed: AtomicU32,
    room: Mutex<Room>,
    sooner: Notify,
}

#[derive(Default)]
struct Room {
    taken: Slab<Sitter>,
    due: BTreeSet<(Beat, NonZeroU32)>,
}

struct Sitter {
    waker: Waker,
    due: Beat,
}

/// When what is due at `at` (since the door opened) is told.
pub(super) fn beat(at: Duration) -> Beat {
    let begun = u64::from(at.subsec_nanos()).div_ceil(BEAT.as_nanos() as u64);
    let beats = at.as_secs().saturating_mul(BEATS_A_SECOND);
    let beats = beats.saturating_add(begun);
    Beat::try_from(beats).unwrap_or(NEVER).min(NEVER - 1)
}

impl Seats {
    pub fn has_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// True: the bell has rung. Otherwise this task is woken when it does.
    pub fn listen(&self, seat: &mut Seat, cx: &Context<'_>) -> bool {
        self.room.lock().sit(seat, cx);
        // Behind the waker: who rings between the two finds it.
        self.has_rung()
    }

    /// What was set to `at` is due. A look at a number.
    pub fn has_passed(&self, at: Beat) -> bool {
        at <= self.passed.load(Ordering::Acquire)
    }

    /// True: that is now. Otherwise this task is woken then, and at no time that was set before.
    pub fn wake_at(&self, at: Beat, seat: &mut Seat, cx: &Context<'_>) -> bool {
        let mut room = self.room.lock();
        let Some(number) = room.sit(seat, cx) else {
            return true;
        };
        // Under the lock: what `strike` has not passed it will still see.
        if self.has_passed(at) {
            return true;
        }
        let first = room.next();
        room.set(number, at);
        drop(room);
        if first.is_none_or(|first| at < first) {
            self.sooner.notify_one();
        }
        false
    }

    pub fn leave(&self, seat: &mut Seat) {
        let Some(number) = seat.take() else { return };
        let mut room = self.room.lock();
        room.set(number, NEVER);
        room.taken.try_remove(index(number));
    }

    pub fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        let room = self.room.lock();
        let wakers: Vec<Waker> = room.taken.iter().map(|(_, s)| s.waker.clone()).collect();
        drop(room);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Wakes whoever is due, for as long as the door's thread runs. `opened`: beat 0.
    pub async fn run(&self, opened: Instant) {
        loop {
            let next = self.strike(opened.elapsed());
            let sooner = self.sooner.notified();
            match next {
                None => sooner.await,
                Some(next) => {
                    let at = tokio::time::Instant::from_std(opened + BEAT * next);
                    // What was set meanwhile has its permit.
                    let _ = tokio::time::timeout_at(at, sooner).await;
                }
            }
        }
    }

    /// Returns when it is to be done again.
    fn strike(&self, now: Duration) -> Option<Beat> {
        let passed = now.as_millis() / BEAT.as_millis();
        let passed = Beat::try_from(passed).unwrap_or(NEVER).min(NEVER - 1);
        let mut room = self.room.lock();
        self.passed.store(passed, Ordering::Release);
        let mut wakers = Vec::new();
        while room.next().is_some_and(|next| next <= passed) {
            let first = room.due.pop_first();
            let sitter = first.and_then(|(_, number)| room.taken.get_mut(index(number)));
            if let Some(sitter) = sitter {
                sitter.due = NEVER;
                wakers.push(sitter.waker.clone());
            }
        }
        let next = room.next();
        drop(room);
        wakers.into_iter().for_each(Waker::wake);
        next
    }
}

impl Room {
    /// This task is the one that sits there. `None`: never (there are no 4 thousand million seats).
    fn sit(&mut self, seat: &mut Seat, cx: &Context<'_>) -> Option<NonZeroU32> {
        let taken = seat.and_then(|seat| self.taken.get_mut(index(seat)));
        match taken {
            Some(sitter) => sitter.waker.clone_from(cx.waker()),
            None => {
                let at = self.taken.insert(Sitter {
                    waker: cx.waker().clone(),
                    due: NEVER,
                });
                *seat = u32::try_from(at + 1).ok().and_then(NonZeroU32::new);
            }
        }
        *seat
    }

    fn set(&mut self, seat: NonZeroU32, at: Beat) {
        let Some(sitter) = self.taken.get_mut(index(seat)) else {
            return;
        };
        let before = std::mem::replace(&mut sitter.due, at);
        if before != NEVER {
            self.due.remove(&(before, seat));
        }
        if at != NEVER {
            self.due.insert((at, seat));
        }
    }

    fn next(&self) -> Option<Beat> {
        self.due.first().map(|(next, _)| *next)
    }
}

fn index(seat: NonZeroU32) -> usize {
    seat.get() as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::Arc;
    use std::task::Wake;

    #[derive(Default)]
    struct Ear(AtomicUsize);

    impl Wake for Ear {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn ears(count: usize) -> (Vec<Arc<Ear>>, Vec<Seat>) {
        let ears = (0..count).map(|_| Arc::default()).collect();
        (ears, vec![None; count])
    }

    fn heard(ears: &[Arc<Ear>]) -> Vec<usize> {
        ears.iter()
            .map(|ear| ear.0.load(Ordering::SeqCst))
            .collect()
    }

    fn wakes_at(seats: &Seats, at: Beat, seat: &mut Seat, ear: &Arc<Ear>) -> bool {
        let waker = Waker::from(ear.clone());
        seats.wake_at(at, seat, &Context::from_waker(&waker))
    }

    #[test]
    fn whoever_listens_is_woken_once_and_whoever_comes_later_hears_at_once() {
        let bell = Seats::default();
        let (ears, mut seats) = ears(3);
        for (ear, seat) in ears.iter().zip(&mut seats) {
            let waker = Waker::from(ear.clone());
            assert!(!bell.listen(seat, &Context::from_waker(&waker)));
        }
        // The second goes; the third is another task now, in the same seat.
        bell.leave(&mut seats[1]);
        let moved = Arc::new(Ear::default());
        let waker = Waker::from(moved.clone());
        let mut seat = seats[2];
        assert!(!bell.listen(&mut seat, &Context::from_waker(&waker)));
        assert_eq!((seat, bell.room.lock().taken.len()), (seats[2], 2));
        bell.ring();
        assert_eq!((heard(&ears), heard(&[moved])), (vec![1, 0, 0], vec![1]));
        let mut late = None;
        assert!(bell.listen(&mut late, &Context::from_waker(&waker)));
    }

    #[test]
    fn whoever_set_a_time_is_woken_then_and_only_at_the_last_one_that_he_set() {
        let clock = Seats::default();
        let (ears, mut seats) = ears(4);
        for (at, (ear, seat)) in (10..).zip(ears.iter().zip(&mut seats)) {
            assert!(!wakes_at(&clock, at, seat, ear));
        }
        // The first wants to be woken later, the second goes.
        assert!(!wakes_at(&clock, 13, &mut seats[0], &ears[0]));
        clock.leave(&mut seats[1]);
        assert_eq!(clock.strike(BEAT * 12), Some(13));
        assert_eq!(heard(&ears), [0, 0, 1, 0]);
        assert!(clock.has_passed(12) && !clock.has_passed(13));
        // What has passed is due at once, and wakes nobody again.
        assert!(wakes_at(&clock, 12, &mut seats[2], &ears[2]));
        assert_eq!(clock.strike(BEAT * 14), None);
        assert_eq!(heard(&ears), [1, 0, 1, 1]);
        assert!(clock.room.lock().due.is_empty());
    }

    #[test]
    fn a_time_is_told_at_the_beat_behind_it_and_never_before() {
        for (millis, wanted) in [(0, 0), (1, 1), (50, 1), (51, 2), (999, 20), (1_001, 21)] {
            let at = Duration::from_millis(millis);
            assert_eq!(beat(at), wanted, "{millis} ms");
            let clock = Seats::default();
            clock.strike(at);
            assert_eq!(clock.has_passed(beat(at)), at == BEAT * wanted, "{millis}");
        }
        assert_eq!(beat(Duration::MAX), NEVER - 1);
    }

    #[actix::test]
    async fn an_earlier_time_that_is_set_while_it_waits_is_kept() {
        let clock = Arc::new(Seats::default());
        let opened = Instant::now();
        let (ears, mut seats) = ears(2);
        assert!(!wakes_at(
            &clock,
            beat(Duration::from_secs(900)),
            &mut seats[0],
            &ears[0]
        ));
        let runs = clock.clone();
        actix::spawn(async move { runs.run(opened).await });
        tokio::task::yield_now().await;
        assert!(!wakes_at(
            &clock,
            beat(opened.elapsed()),
            &mut seats[1],
            &ears[1]
        ));
        while heard(&ears)[1] == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(heard(&ears), [0, 1]);
    }
}
