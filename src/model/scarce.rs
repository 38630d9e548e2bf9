//! A list that is nearly always empty: a pointer while it is, where a `Vec` takes three words. What
//! there is a hundred thousand of consists of such lists, for the one among them that has something.

use std::ops::{Deref, DerefMut};

#[derive(Clone, Debug)]
// The box is the point: an empty list is one null pointer.
#[allow(clippy::box_collection)]
pub struct Scarce<T>(Option<Box<Vec<T>>>);

impl<T> Default for Scarce<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Scarce<T> {
    pub const NONE: Self = Self(None);

    pub fn push(&mut self, item: T) {
        let list = self.0.get_or_insert_default();
        if list.is_empty() {
            list.reserve_exact(1);
        }
        list.push(item);
    }

    /// `None`: there is nothing at `at`.
    pub fn remove(&mut self, at: usize) -> Option<T> {
        let list = self.0.as_mut().filter(|list| at < list.len())?;
        let item = list.remove(at);
        self.release();
        Some(item)
    }

    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        if let Some(list) = &mut self.0 {
            list.retain(keep);
            self.release();
        }
    }

    /// Empties it.
    pub fn take(&mut self) -> Vec<T> {
        self.0.take().map_or_else(Vec::new, |list| *list)
    }

    fn release(&mut self) {
        self.0.take_if(|list| list.is_empty());
    }
}

impl<T> Deref for Scarce<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T> DerefMut for Scarce<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_deref_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}

impl<T> FromIterator<T> for Scarce<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let list: Vec<T> = items.into_iter().collect();
        Self((!list.is_empty()).then(|| Box::new(list)))
    }
}

impl<T> From<Vec<T>> for Scarce<T> {
    fn from(list: Vec<T>) -> Self {
        Self((!list.is_empty()).then(|| Box::new(list)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_that_is_one_pointer_while_it_is_empty() {
        assert_eq!(size_of::<Scarce<String>>(), size_of::<usize>());
        let mut list: Scarce<u8> = Scarce::default();
        assert!(list.is_empty() && list.remove(0).is_none());
        (1..=4).for_each(|item| list.push(item));
        assert_eq!((list.remove(1), list.remove(9)), (Some(2), None));
        list.retain(|item| *item != 3);
        list.iter_mut().for_each(|item| *item *= 2);
        assert_eq!(*list, [2, 8]);
        list.remove(0);
        list.remove(0);
        assert!(list.0.is_none());
        list = [5, 6].into_iter().collect();
        assert_eq!((list.take(), list.len()), (vec![5, 6], 0));
        assert!(Scarce::from(Vec::<u8>::new()).0.is_none());
    }
}
