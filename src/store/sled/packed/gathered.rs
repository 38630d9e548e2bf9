//! Changes of small records that are in the journal and not in sled yet, and how much memory they
//! take. What is frozen is on its way to sled, and read until it is there; newer changes lie over it.

use crate::store::traits::LogSequence;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Whole values by key; `None` = removed.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a record takes beside its bytes: its share of a node of the map, and the heap's rounding.
const BESIDE: usize = 100;

#[derive(Default)]
pub struct Gathered {
    open: Changes,
    weight: usize,
    frozen: Option<Arc<Frozen>>,
}

/// Changes that are to reach sled together.
pub struct Frozen {
    pub changes: Changes,
    /// With them in sled, all changes up to here are.
    pub applied: LogSequence,
    weight: usize,
}

impl Gathered {
    pub fn take(&mut self, changes: Changes) {
        for (key, value) in changes {
            let comes = weight(&key, value.as_deref());
            let length = key.len();
            self.weight += match self.open.insert(key, value) {
                None => comes,
                // The key was counted before.
                Some(old) => {
                    let goes = length + old.map_or(0, |old| old.len()) + BESIDE;
                    self.weight = self.weight.saturating_sub(goes);
                    comes
                }
            };
        }
    }

    /// `None` when nothing is known here; `Some(None)` when it is removed.
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        let frozen = || self.frozen.as_ref()?.changes.get(key);
        let change = self.open.get(key).or_else(frozen)?;
        Some(change.as_deref())
    }

    /// Lays the changes of a range over `rows`.
    pub fn lay_over<T>(
        &self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        rows: &mut BTreeMap<Vec<u8>, T>,
        row: impl Fn(&[u8]) -> T,
    ) {
        let frozen = self.frozen.iter().map(|frozen| &frozen.changes);
        for layer in frozen.chain([&self.open]) {
            for (key, value) in layer.range::<[u8], _>(range) {
                match value {
                    Some(value) => rows.insert(key.clone(), row(value)),
                    None => rows.remove(key),
                };
            }
        }
    }

    /// Bytes, about.
    pub fn weight(&self) -> usize {
        self.weight + self.frozen.as_ref().map_or(0, |frozen| frozen.weight)
    }

    /// Those that no drain has in hand.
    pub fn open_weight(&self) -> usize {
        self.weight
    }

    /// What is to reach sled next: what was frozen before, or all that is open now, which is all up
    /// to `applied`. `None` when there is nothing.
    pub fn freeze(&mut self, applied: LogSequence) -> Option<Arc<Frozen>> {
        if self.frozen.is_none() && !self.open.is_empty() {
            self.frozen = Some(Arc::new(Frozen {
                changes: std::mem::take(&mut self.open),
                applied,
                weight: std::mem::take(&mut self.weight),
            }));
        }
        self.frozen.clone()
    }

    pub fn being_drained(&self) -> Option<Arc<Frozen>> {
        self.frozen.clone()
    }

    /// What was frozen is in sled.
    pub fn thaw(&mut self) -> Option<Arc<Frozen>> {
        self.frozen.take()
    }

    /// As a start finds it that comes after a kill in the midst of a drain.
    pub fn frozen(changes: Changes, applied: LogSequence) -> Self {
        let weights = changes.iter().map(|(k, v)| weight(k, v.as_deref()));
        let weight = weights.sum();
        let frozen = Frozen {
            changes,
            applied,
            weight,
        };
        Self {
            frozen: Some(Arc::new(frozen)),
            ..Self::default()
        }
    }
}

fn weight(key: &[u8], value: Option<&[u8]>) -> usize {
    key.len() + value.map_or(0, <[u8]>::len) + BESIDE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(list: &[(&str, Option<&str>)]) -> Changes {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let one = |(key, value): &(&str, Option<&str>)| (bytes(key), value.map(bytes));
        list.iter().map(one).collect()
    }

    fn seen(gathered: &Gathered) -> Vec<String> {
        let mut rows = BTreeMap::from([(b"a".to_vec(), "below".to_owned())]);
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        gathered.lay_over((Bound::Unbounded, Bound::Unbounded), &mut rows, text);
        rows.into_values().collect()
    }

    #[test]
    fn newer_changes_lie_over_frozen_ones_and_those_over_what_is_below() {
        let mut gathered = Gathered::default();
        gathered.take(changes(&[("a", Some("1")), ("b", Some("1")), ("c", None)]));
        assert_eq!(gathered.freeze(5).map(|frozen| frozen.applied), Some(5));
        gathered.take(changes(&[("b", None), ("d", Some("2"))]));
        assert_eq!(seen(&gathered), ["1", "2"]);
        assert_eq!(gathered.get(b"a"), Some(Some(&b"1"[..])));
        assert_eq!(gathered.get(b"b"), Some(None));
        assert_eq!(gathered.get(b"c"), Some(None));
        assert_eq!(gathered.get(b"e"), None);
        // The same again until it is in sled.
        assert_eq!(gathered.freeze(9).map(|frozen| frozen.applied), Some(5));
        gathered.thaw();
        assert_eq!(seen(&gathered), ["below", "2"]);
        assert_eq!(gathered.freeze(9).map(|frozen| frozen.applied), Some(9));
        gathered.thaw();
        assert!(gathered.freeze(9).is_none());
    }

    #[test]
    fn the_weight_is_that_of_what_is_held() {
        let mut gathered = Gathered::default();
        for round in 0..5 {
            let value = "x".repeat(round * 100);
            gathered.take(changes(&[("a", Some(&value)), ("b", None)]));
            let expected = 1 + value.len() + BESIDE + 1 + BESIDE;
            assert_eq!(gathered.weight(), expected, "round {round}");
        }
        let before = gathered.weight();
        gathered.freeze(1);
        assert_eq!((gathered.weight(), gathered.open_weight()), (before, 0));
        gathered.thaw();
        assert_eq!(gathered.weight(), 0);
    }
}
