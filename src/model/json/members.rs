//! The streaming visitors: members of an object straight into typed entries.

use super::read::Stopped;
use super::rules::shown;
use super::value::{typed, Conversion};
use crate::model::reject::{Reason, Rejection};
use crate::model::value::{Key, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

/// Where in a message the parse is; details begin with it.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// Index in the outermost array.
    pub element: Option<usize>,
    /// Inside `values`.
    pub values: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.element {
            write!(f, "[{index}]")?;
        }
        match (self.element, self.values) {
            (Some(_), true) => f.write_str(".values"),
            (None, true) => f.write_str("values"),
            _ => Ok(()),
        }
    }
}

/// What every seed of one message shares.
pub(super) struct Reader<'r> {
    pub how: Conversion<'r>,
    pub stopped: Cell<Stopped>,
    pub place: Cell<Place>,
    points: Cell<usize>,
}

impl<'r> Reader<'r> {
    pub fn new(how: Conversion<'r>) -> Self {
        Self {
            how,
            stopped: Cell::new(None),
            place: Cell::default(),
            points: Cell::new(0),
        }
    }

    /// Ends the parse for a reason of ours.
    pub fn stop<E: Error>(&self, rejection: Rejection) -> E {
        self.stopped.set(Some(rejection));
        E::custom("refused")
    }

    /// An object or array begins at `depth`.
    pub fn enter(&self, depth: usize) -> Result<(), Rejection> {
        if depth > self.how.rules.max_depth {
            return Err(self.how.rules.too_deep());
        }
        Ok(())
    }

    /// One member as a typed entry. `depth`: how deep its object is.
    pub fn entry(&self, key: Key, raw: &str, depth: usize) -> Result<Entry, Rejection> {
        let max = self.how.rules.max_points;
        self.points.set(self.points.get() + 1);
        if self.points.get() > max {
            let detail = format!("more than {max} values in one message");
            return Err(Rejection::new(Reason::TooLarge, detail));
        }
        self.how
            .rules
            .check_key(&key)
            .map_err(|rejection| self.located(None, rejection))?;
        let value =
            typed(raw, depth, self.how).map_err(|rejection| self.located(Some(&key), rejection))?;
        Ok((key, value))
    }

    /// Puts the place before the detail: `[3].values.temp: ...`.
    pub fn located(&self, key: Option<&str>, rejection: Rejection) -> Rejection {
        let mut path = self.place.get().to_string();
        if let Some(key) = key {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&shown(key));
        }
        if path.is_empty() {
            return rejection;
        }
        Rejection::new(rejection.reason, format!("{path}: {}", rejection.detail))
    }
}

/// A typed member; `None` for `null`.
pub(super) type Entry = (Key, Option<Value>);

/// Members in their order: the last one of a key counts, `null`s are skipped and counted.
pub(super) fn settle(mut entries: Vec<Entry>) -> (Vec<(Key, Value)>, u32) {
    /// Up to here comparing each with each is faster than hashing.
    const FEW: usize = 16;
    let repeated = if entries.len() <= FEW {
        entries
            .iter()
            .enumerate()
            .any(|(at, (key, _))| entries.iter().skip(at + 1).any(|(later, _)| later == key))
    } else {
        let mut seen = HashSet::with_capacity_and_hasher(entries.len(), ahash::RandomState::new());
        !entries.iter().all(|(key, _)| seen.insert(key.as_str()))
    };
    if repeated {
        keep_last(&mut entries);
    }
    let nulls = entries.iter().filter(|(_, value)| value.is_none()).count();
    let values = entries
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| (key, value)))
        .collect();
    (values, u32::try_from(nulls).unwrap_or(u32::MAX))
}

fn keep_last(entries: &mut Vec<Entry>) {
    let mut seen = HashSet::with_capacity_and_hasher(entries.len(), ahash::RandomState::new());
    entries.reverse();
    entries.retain(|(key, _)| seen.insert(key.clone()));
    entries.reverse();
}

/// A member's name.
pub(super) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        Ok(Key::new(key))
    }
}

/// An object whose members are all entries.
pub(super) struct EntriesSeed<'a, 'r> {
    pub reader: &'a Reader<'r>,
    /// How deep this object is, the outermost being 1.
    pub depth: usize,
}

impl<'de> DeserializeSeed<'de> for EntriesSeed<'_, '_> {
    type Value = Vec<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Entry>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed<'_, '_> {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Entry>, A::Error> {
        let reader = self.reader;
        reader.enter(self.depth).map_err(|no| reader.stop(no))?;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let raw: &RawValue = map.next_value()?;
            let entry = reader.entry(key, raw.get(), self.depth);
            entries.push(entry.map_err(|no| reader.stop(no))?);
        }
        Ok(entries)
    }
}

/// An object whose members are wanted by name, as raw text; the others are skipped.
/// A name that stands twice: the last one counts.
pub(super) struct NamedSeed<const N: usize>(pub [&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for NamedSeed<N> {
    type Value = [Option<&'de str>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for NamedSeed<N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let raw: &RawValue = map.next_value()?;
            let slots = self.0.iter().zip(found.iter_mut());
            for (_, slot) in slots.filter(|(name, _)| **name == key) {
                *slot = Some(raw.get());
            }
        }
        Ok(found)
    }
}
