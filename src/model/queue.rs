//! A queue that is empty or holds one item nearly always: the first has its place in the queue itself,
//! where a `VecDeque` that was used once keeps room for four.

use std::collections::VecDeque;

#[derive(Debug)]
// The box is the point: without a second item the rest is one null pointer.
#[allow(clippy::box_collection)]
pub struct Queue<T> {
    first: Option<T>,
    /// Behind it. Keeps its memory until `release`, for those who send many at once do it again.
    rest: Option<Box<VecDeque<T>>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            first: None,
            rest: None,
        }
    }
}

impl<T> Queue<T> {
    pub fn push_back(&mut self, item: T) {
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.rest.get_or_insert_default().push_back(item);
        }
    }

    pub fn pop_front(&mut self) -> Option<T> {
        let next = self.rest.as_mut().and_then(|rest| rest.pop_front());
        std::mem::replace(&mut self.first, next)
    }

    pub fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.first.as_mut()
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub fn len(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.len());
        usize::from(self.first.is_some()) + rest
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let rest = self.rest.iter().flat_map(|rest| rest.iter());
        self.first.iter().chain(rest)
    }

    /// Gives back what it does not need now.
    pub fn release(&mut self) {
        self.rest.take_if(|rest| rest.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_queue_that_needs_no_memory_for_one_item() {
        let mut queue = Queue::default();
        for round in 0..3 {
            queue.push_back(round);
            assert!(queue.rest.is_none());
            assert_eq!(queue.front_mut().copied(), Some(round));
            assert_eq!((queue.pop_front(), queue.pop_front()), (Some(round), None));
        }
        (1..=4).for_each(|item| queue.push_back(item));
        assert_eq!((queue.iter().sum::<i32>(), queue.len()), (10, 4));
        assert_eq!(queue.pop_front(), Some(1));
        queue.push_back(5);
        queue.release();
        let all: Vec<i32> = std::iter::from_fn(|| queue.pop_front()).collect();
        assert_eq!(all, [2, 3, 4, 5]);
        assert!(queue.is_empty() && queue.front().is_none() && queue.rest.is_some());
        queue.release();
        assert!(queue.rest.is_none());
    }
}
