//! Points: open in memory per device (`head`), sealed into blocks in sled (`block`, `seal`), read
//! as one (`walk`). The journal holds what is not sealed yet.
//!
//! Each device's series state says up to which sequence its points are sealed, in the same sled
//! batch as the blocks. So a replay knows exactly which changes of a device it has to take again.

pub mod block;
pub mod codec;
pub mod delete;
pub mod head;
pub mod seal;
pub mod series;
pub mod walk;

use crate::model::ids::Origin;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use ahash::AHashMap;

/// The keys of some rows, each with its number.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    keys: Vec<Key>,
    /// Only when there are many: a message may name thousands of keys.
    numbers: Option<Box<AHashMap<Key, u32>>>,
}

impl Dictionary {
    /// Up to here a look at each is faster than a hash.
    const FEW: usize = 24;

    /// The number of a key, which is added if it is new.
    pub fn number(&mut self, key: &Key) -> u32 {
        if let Some(number) = self.find(key) {
            return number;
        }
        let number = self.keys.len() as u32;
        self.keys.push(key.clone());
        if let Some(numbers) = &mut self.numbers {
            numbers.insert(key.clone(), number);
        } else if self.keys.len() > Self::FEW {
            let all = self.keys.iter().cloned().zip(0..);
            self.numbers = Some(Box::new(all.collect()));
        }
        number
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

/// Rows of one device with their keys written once.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub keys: Dictionary,
    pub rows: Vec<StoredRow>,
}

/// Values of one timestamp that came together.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    pub ts: Millis,
    pub origin: Origin,
    /// Number in [`Rows::keys`] and value.
    pub values: Vec<(u32, Value)>,
}

impl Rows {
    /// Adds a row that arrived after all the others.
    pub fn push(&mut self, ts: Millis, origin: Origin, values: &[(Key, Value)]) {
        let numbered = values
            .iter()
            .map(|(key, value)| (self.keys.number(key), value.clone()));
        let values = numbered.collect();
        self.rows.push(StoredRow { ts, origin, values });
    }

    /// Adds rows that arrived after all of these.
    pub fn append(&mut self, later: Rows) {
        let theirs = later.keys.keys().iter();
        let numbers: Vec<u32> = theirs.map(|key| self.keys.number(key)).collect();
        for mut row in later.rows {
            row.values.retain_mut(|(key, _)| {
                let number = numbers.get(*key as usize).copied();
                *key = number.unwrap_or(*key);
                number.is_some()
            });
            self.rows.push(row);
        }
    }

    /// Sorts by time and origin and keeps one value for each (time, key): that of the highest
    /// origin, among equals the last to arrive. Keys without a value are left out.
    pub fn normalise(&mut self) {
        self.rows.sort_by_key(|row| (row.ts, row.origin));
        // For each key the number of the last group of equal times that has it.
        let mut seen = vec![0u32; self.keys.keys().len()];
        let mut group = 0u32;
        let mut last = None;
        for row in self.rows.iter_mut().rev() {
            if last != Some(row.ts) {
                last = Some(row.ts);
                group += 1;
            }
            // What stands behind wins.
            row.values.reverse();
            row.values.retain(|(key, _)| {
                let Some(seen) = seen.get_mut(*key as usize) else {
                    return false;
                };
                std::mem::replace(seen, group) != group
            });
            row.values.reverse();
        }
        self.rows.retain(|row| !row.values.is_empty());
        if seen.contains(&0) {
            self.drop_unused_keys();
        }
    }

    /// Cuts in two halves by rows.
    pub fn split(mut self) -> (Rows, Rows) {
        let rows = self.rows.split_off(self.rows.len() / 2);
        let keys = self.keys.clone();
        let mut later = Rows { keys, rows };
        self.drop_unused_keys();
        later.drop_unused_keys();
        (self, later)
    }

    fn drop_unused_keys(&mut self) {
        let old = std::mem::take(&mut self.keys);
        let mut numbers: Vec<Option<u32>> = vec![None; old.keys().len()];
        for (number, _) in self.rows.iter_mut().flat_map(|row| &mut row.values) {
            let (Some(new), Some(key)) = (
                numbers.get_mut(*number as usize),
                old.keys().get(*number as usize),
            ) else {
                continue;
            };
            *number = *new.get_or_insert_with(|| self.keys.number(key));
        }
    }
}
