//! Tells every connection that the door stops: a waker each, where a future that waits for it would
//! take a hundred bytes of every idle one.

use parking_lot::Mutex;
use slab::Slab;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

#[derive(Default)]
pub(super) struct Bell {
    rung: AtomicBool,
    seats: Mutex<Slab<Waker>>,
}

/// Where a listener sits, if it does.
pub(super) type Seat = Option<NonZeroU32>;

impl Bell {
    pub fn has_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// True: it has rung. Otherwise this task is woken when it does.
    pub fn listen(&self, seat: &mut Seat, cx: &Context<'_>) -> bool {
        let mut seats = self.seats.lock();
        let taken = seat.and_then(|seat| seats.get_mut(index(seat)));
        match taken {
            Some(waker) => waker.clone_from(cx.waker()),
            None => {
                let at = seats.insert(cx.waker().clone());
                *seat = u32::try_from(at + 1).ok().and_then(NonZeroU32::new);
            }
        }
        // Behind the waker: who rings between the two finds it.
        self.has_rung()
    }

    pub fn leave(&self, seat: &mut Seat) {
        if let Some(seat) = seat.take() {
            self.seats.lock().try_remove(index(seat));
        }
    }

    pub fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        let seats = self.seats.lock();
        let wakers: Vec<Waker> = seats.iter().map(|(_, waker)| waker.clone()).collect();
        drop(seats);
        wakers.into_iter().for_each(Waker::wake);
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

    #[test]
    fn whoever_listens_is_woken_once_and_whoever_comes_later_hears_at_once() {
        let bell = Bell::default();
        let ears: Vec<Arc<Ear>> = (0..3).map(|_| Arc::default()).collect();
        let mut seats: Vec<Seat> = vec![None; 3];
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
        assert_eq!((seat, bell.seats.lock().len()), (seats[2], 2));
        bell.ring();
        let heard = |ear: &Ear| ear.0.load(Ordering::SeqCst);
        let all: Vec<usize> = ears.iter().map(|ear| heard(ear)).collect();
        assert_eq!((all, heard(&moved)), (vec![1, 0, 0], 1));
        let mut late = None;
        assert!(bell.listen(&mut late, &Context::from_waker(&waker)));
    }
}
