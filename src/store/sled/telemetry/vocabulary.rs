//! Key dictionaries that heads share: devices of a kind name the same keys in the same order, and
//! the keys of a small head take more than its points.
//!
//! A dictionary goes with the last head that has it. Very long ones are not shared: looking them
//! up would cost their length with each new key.

use super::dictionary::Dictionary;
use ahash::AHashSet;
use std::mem::size_of;
use std::sync::Arc;

/// Keys of the longest dictionary that is shared.
const MOST: usize = 1024;

/// What a dictionary takes beside its keys: itself behind its counters, and a slot of the set.
const EACH: usize = size_of::<Dictionary>() + 3 * size_of::<usize>() + 1;

/// The heads' own hold on a dictionary that only one of them has, besides the one here.
const LAST: usize = 2;

#[derive(Default)]
pub struct Vocabulary {
    known: AHashSet<Arc<Dictionary>>,
    weight: usize,
}

pub fn is_shareable(keys: &Dictionary) -> bool {
    keys.len() <= MOST
}

/// Whether only one head has them. (Whoever seals or reads holds the head, not its keys.)
fn is_last(keys: &Arc<Dictionary>) -> bool {
    is_shareable(keys) && Arc::strong_count(keys) <= LAST
}

/// Bytes of memory that go with a head's keys.
pub fn freed_with(keys: &Arc<Dictionary>) -> usize {
    match is_last(keys) {
        true => keys.weight() + EACH,
        false => 0,
    }
}

impl Vocabulary {
    /// Bytes of memory of all that is shared.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// What a head is to have in place of these equal ones.
    pub fn share(&mut self, keys: Arc<Dictionary>) -> Arc<Dictionary> {
        if !is_shareable(&keys) {
            return keys;
        }
        if let Some(known) = self.known.get(&keys) {
            return known.clone();
        }
        self.weight += keys.weight() + EACH;
        self.known.insert(keys.clone());
        keys
    }

    /// A head is about to let go of its keys: forgets them if it is the last.
    pub fn let_go(&mut self, keys: &Arc<Dictionary>) {
        if !is_last(keys) {
            return;
        }
        let is_known = self.known.get(keys);
        if is_known.is_some_and(|known| Arc::ptr_eq(known, keys)) {
            self.known.remove(keys);
            self.weight = self.weight.saturating_sub(keys.weight() + EACH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::Key;

    fn keys(count: usize) -> Arc<Dictionary> {
        let names = (0..count).map(|n| Key::from(format!("key {n}").as_str()));
        Arc::new(names.collect())
    }

    #[test]
    fn equal_keys_are_held_once_and_go_with_the_last_head() {
        let mut vocabulary = Vocabulary::default();
        let first = vocabulary.share(keys(3));
        let weight = vocabulary.weight();
        let second = vocabulary.share(keys(3));
        let other = vocabulary.share(keys(4));
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &other));
        vocabulary.let_go(&other);
        assert_eq!(vocabulary.weight(), weight);
        vocabulary.let_go(&first);
        drop(first);
        assert_eq!(vocabulary.weight(), weight, "another head has them");
        vocabulary.let_go(&second);
        assert_eq!(vocabulary.weight(), 0);
        let anew = vocabulary.share(keys(3));
        assert!(!Arc::ptr_eq(&second, &anew), "they were forgotten");
    }

    #[test]
    fn very_many_keys_are_not_shared() {
        let mut vocabulary = Vocabulary::default();
        let shared = vocabulary.share(keys(MOST + 1));
        assert!(!Arc::ptr_eq(&shared, &vocabulary.share(keys(MOST + 1))));
        assert_eq!(vocabulary.weight(), 0);
    }
}
