//! The keys of some rows, each with its number.

use crate::model::packed::same;
use crate::model::value::Key;
use ahash::AHashMap;
use std::hash::{Hash, Hasher};

#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    keys: Vec<Key>,
    /// Only when there are many: a message may name thousands of keys.
    numbers: Option<Box<AHashMap<Key, u32>>>,
    /// Bytes of keys that are too long to stand in place.
    long: usize,
}

impl Dictionary {
    /// Up to here a look at each is faster than a hash.
    const FEW: usize = 24;

    /// The number of a key, which is added if it is new.
    pub fn number(&mut self, key: &Key) -> u32 {
        match self.find(key) {
            Some(number) => number,
            None => self.add(key),
        }
    }

    /// The same, with a guess: messages of one device name the same keys in the same order.
    pub fn number_at(&mut self, guess: u32, key: &Key) -> u32 {
        match self.find_at(guess, key) {
            Some(number) => number,
            None => self.add(key),
        }
    }

    /// Whether the guess is right.
    #[inline(always)]
    pub fn is_at(&self, guess: u32, key: &[u8]) -> bool {
        let held = self.keys.get(guess as usize);
        held.is_some_and(|held| same(held.as_bytes(), key))
    }

    pub fn find_at(&self, guess: u32, key: &Key) -> Option<u32> {
        match self.keys.get(guess as usize) {
            Some(held) if held == key => Some(guess),
            _ => self.find(key),
        }
    }

    fn add(&mut self, key: &Key) -> u32 {
        let number = self.keys.len() as u32;
        self.keys.push(key.clone());
        if key.is_heap_allocated() {
            self.long += key.len();
        }
        if let Some(numbers) = &mut self.numbers {
            numbers.insert(key.clone(), number);
        } else if self.keys.len() > Self::FEW {
            let all = self.keys.iter().cloned().zip(0..);
            self.numbers = Some(Box::new(all.collect()));
        }
        number
    }

    /// Bytes of memory behind it.
    pub fn weight(&self) -> usize {
        let keys = self.keys.capacity() * std::mem::size_of::<Key>() + self.long;
        let slot = std::mem::size_of::<(Key, u32)>() + 1;
        let numbers = self.numbers.as_ref();
        keys + numbers.map_or(0, |numbers| numbers.capacity() * 8 / 7 * slot + self.long)
    }

    pub fn find(&self, key: &str) -> Option<u32> {
        match &self.numbers {
            Some(numbers) => numbers.get(key).copied(),
            None => {
                let at = self.keys.iter().position(|held| held == key)?;
                Some(at as u32)
            }
        }
    }

    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

/// By the keys and their order.
impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl Eq for Dictionary {}

impl Hash for Dictionary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.keys.hash(state);
    }
}

impl FromIterator<Key> for Dictionary {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let mut dictionary = Self::default();
        for key in keys {
            dictionary.number(&key);
        }
        dictionary
    }
}
