//! A budget in bytes, and the line of those who wait for some of it. Pure: who is woken, and how,
//! is the caller's.
//!
//! Strictly in the order of coming: while somebody waits no other is granted anything, so that small
//! wants cannot starve a large one. A want beyond the whole budget is granted once nothing is held.

use std::collections::VecDeque;
use std::num::NonZeroU64;

/// A place in the line. Numbers only grow, so the line is sorted by them.
pub(super) type Number = NonZeroU64;

/// `W`: how somebody is told that he has what he waited for.
pub(super) struct Line<W> {
    limit: usize,
    used: usize,
    waiting: VecDeque<Waiting<W>>,
    last: u64,
}

struct Waiting<W> {
    number: Number,
    wanted: usize,
    call: W,
}

impl<W> Line<W> {
    /// `limit` in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            waiting: VecDeque::new(),
            last: 0,
        }
    }

    /// Bytes that are held. More than the limit only by what holders grew (`change`) or by one
    /// want that is larger than the limit.
    pub fn used(&self) -> usize {
        self.used
    }

    /// How many wait.
    pub fn length(&self) -> usize {
        self.waiting.len()
    }

    /// `wanted` bytes are there for whoever comes now.
    pub fn has(&self, wanted: usize) -> bool {
        self.waiting.is_empty() && self.fits(wanted)
    }

    /// They are there, though others may wait for them.
    pub fn fits(&self, wanted: usize) -> bool {
        self.used == 0 || self.used.saturating_add(wanted) <= self.limit
    }

    /// A holder has `to` bytes instead of `from`, whether or not they are there.
    pub fn change(&mut self, from: usize, to: usize) {
        self.used = self.used.saturating_sub(from).saturating_add(to);
    }

    /// Stands in line, at its end.
    pub fn wait(&mut self, wanted: usize, call: W) -> Number {
        let number = Number::MIN.saturating_add(self.last);
        self.last = number.get();
        self.waiting.push_back(Waiting {
            number,
            wanted,
            call,
        });
        number
    }

    /// Whoever got this number, and has not left, has what he wanted.
    pub fn is_granted(&self, number: Number) -> bool {
        let first = self.waiting.front();
        first.is_none_or(|first| number < first.number)
    }

    /// He is to be called in another way.
    pub fn recall(&mut self, number: Number, call: W) {
        let place = self.place(number);
        if let Some(waiting) = place.and_then(|place| self.waiting.get_mut(place)) {
            waiting.call = call;
        }
    }

    /// Leaves the line. False: he did not stand there any more, and has what he wanted.
    pub fn leave(&mut self, number: Number) -> bool {
        let place = self.place(number);
        place.and_then(|place| self.waiting.remove(place)).is_some()
    }

    /// Grants the first in line his want, if it is there. To be called, until it gives nothing,
    /// after every `change` and `leave`.
    pub fn grant(&mut self) -> Option<W> {
        let wanted = self.waiting.front()?.wanted;
        if !self.fits(wanted) {
            return None;
        }
        self.used = self.used.saturating_add(wanted);
        self.waiting.pop_front().map(|first| first.call)
    }

    fn place(&self, number: Number) -> Option<usize> {
        let found = self.waiting.binary_search_by_key(&number, |w| w.number);
        found.ok()
    }
}
