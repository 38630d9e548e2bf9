//! Memory for what is on its way to the disk, as budgets in bytes over all sessions and protocols:
//! who wants to read more than is left stands in a line, and his peer's bytes stay in the kernel.
//!
//! A holder asks before he reads ([`Credit::take`]), says afterwards what it came to
//! ([`Credit::hold`]), and gives back what the disk has taken. He never asks for the rest of
//! something that he has begun: so nobody waits for somebody who waits, and a budget is exceeded by
//! what one read a thread came to beyond its estimate, not by more.

mod line;
#[cfg(test)]
mod tests;

use crate::observability::BudgetMeter;
use line::{Line, Number};
use parking_lot::{Mutex, MutexGuard};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Up to this many bytes are had without a place in the books while they are there: a thread reads,
/// and says with `hold` what it came to, before it does anything else.
const SMALL: usize = 256 << 10;

/// Cheap to clone; every clone is the same budget.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    line: Mutex<Line<Waker>>,
    /// Somebody waits, or there is not even a `SMALL` left. Cheaper to look at than the line.
    tight: AtomicBool,
    meter: BudgetMeter,
}

impl Budget {
    /// `limit` in bytes.
    pub fn new(limit: usize, meter: BudgetMeter) -> Self {
        let line = Line::new(limit);
        Self(Arc::new(Inner {
            tight: AtomicBool::new(!line.has(SMALL)),
            line: Mutex::new(line),
            meter,
        }))
    }

    /// Credit of nothing yet.
    pub fn credit(&self) -> Credit {
        Credit {
            budget: self.clone(),
            held: 0,
            place: None,
        }
    }

    /// After every change: calls those who can be granted theirs, and notes what is left.
    fn settle(&self, mut line: MutexGuard<'_, Line<Waker>>) {
        let mut calls = Vec::new();
        while let Some(call) = line.grant() {
            calls.push(call);
        }
        self.0.tight.store(!line.has(SMALL), Ordering::Relaxed);
        self.0.meter.set(line.used(), line.length());
        drop(line);
        calls.into_iter().for_each(Waker::wake);
    }
}

/// What one session, connection or request has of a budget; given back when dropped.
pub struct Credit {
    budget: Budget,
    held: usize,
    /// Where he stands, and for how much. Boxed: there are many, and few ever stand.
    place: Option<Box<(Number, usize)>>,
}

impl Credit {
    /// Ready: `wanted` bytes (about) may be taken now, and `hold` is to tell at once what it was.
    /// Pending: he stands in line, until that is ready or `give_up`.
    pub fn poll_take(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<()> {
        let inner = &self.budget.0;
        if self.place.is_none() && wanted <= SMALL && !inner.tight.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        let mut line = inner.line.lock();
        if let Some((number, granted)) = self.place.as_deref().copied() {
            if !line.is_granted(number) {
                line.recall(number, cx.waker().clone());
                return Poll::Pending;
            }
            self.held = self.held.saturating_add(granted);
            self.place = None;
            return Poll::Ready(());
        }
        if line.has(wanted) {
            line.change(0, wanted);
            self.held = self.held.saturating_add(wanted);
            self.budget.settle(line);
            return Poll::Ready(());
        }
        let number = line.wait(wanted, cx.waker().clone());
        self.place = Some(Box::new((number, wanted)));
        inner.meter.waits();
        self.budget.settle(line);
        Poll::Pending
    }

    /// As `poll_take`. Dropped while it waits, the credit still stands in line.
    pub async fn take(&mut self, wanted: usize) {
        poll_fn(|cx| self.poll_take(wanted, cx)).await;
    }

    /// From now on he holds `bytes`, whether or not they are there.
    pub fn hold(&mut self, bytes: usize) {
        if bytes != self.held {
            let mut line = self.budget.0.line.lock();
            line.change(self.held, bytes);
            self.held = bytes;
            self.budget.settle(line);
        }
    }

    /// The same, past the line, only if what is more is there. False: nothing has changed.
    #[must_use]
    pub fn try_hold(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.held);
        let mut line = self.budget.0.line.lock();
        if more > 0 && !line.fits(more) {
            return false;
        }
        line.change(self.held, bytes);
        self.held = bytes;
        self.budget.settle(line);
        true
    }

    /// He stands in line and has not been granted anything yet, as far as he knows.
    pub fn waits(&self) -> bool {
        self.place.is_some()
    }

    /// Leaves the line; what he was granted and has not taken goes back.
    pub fn give_up(&mut self) {
        if let Some((number, granted)) = self.place.take().map(|place| *place) {
            let mut line = self.budget.0.line.lock();
            if !line.leave(number) {
                line.change(granted, 0);
            }
            self.budget.settle(line);
        }
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.give_up();
        self.hold(0);
    }
}
