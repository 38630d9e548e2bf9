//! One scope of one device's attributes: values, revision, and the memory of deletions.

use crate::model::attributes::{Attribute, AttributeChanges, Revision};
use crate::model::value::{Key, Value};
use crate::model::Millis;
use std::collections::BTreeMap;

/// How many deleted keys a scope remembers.
pub const TOMBSTONES: usize = 1_000;

#[derive(Clone, Debug, Default)]
pub struct ScopeState {
    pub values: BTreeMap<Key, Attribute>,
    pub revision: Revision,
    /// Deleted keys that were not set again, with the revision of their deletion.
    deleted: BTreeMap<Key, Revision>,
    /// Highest revision among deletions no longer remembered.
    forgotten: Revision,
}

impl ScopeState {
    pub fn put(&mut self, at: Millis, entries: &[(Key, Value)]) {
        if entries.is_empty() {
            return;
        }
        self.revision += 1;
        for (key, value) in entries {
            self.deleted.remove(key);
            let attribute = Attribute {
                key: key.clone(),
                value: value.clone(),
                last_update: at,
                revision: self.revision,
            };
            self.values.insert(key.clone(), attribute);
        }
    }

    pub fn delete(&mut self, keys: &[Key]) {
        if !keys.iter().any(|key| self.values.contains_key(key)) {
            return;
        }
        self.revision += 1;
        for key in keys {
            if self.values.remove(key).is_some() {
                self.deleted.insert(key.clone(), self.revision);
            }
        }
        self.forget_oldest();
    }

    /// Lowest revision first, of one revision the lowest key.
    fn forget_oldest(&mut self) {
        while self.deleted.len() > TOMBSTONES {
            let oldest = self
                .deleted
                .iter()
                .map(|(key, at)| (*at, key.clone()))
                .min();
            if let Some((revision, key)) = oldest {
                self.forgotten = self.forgotten.max(revision);
                self.deleted.remove(&key);
            }
        }
    }

    pub fn changes_since(&self, since: Revision) -> AttributeChanges {
        let updated = self.values.values().filter(|value| value.revision > since);
        let deleted = self.deleted.iter().filter(|(_, at)| **at > since);
        AttributeChanges {
            revision: self.revision,
            updated: updated
                .map(|attribute| (attribute.key.clone(), attribute.value.clone()))
                .collect(),
            deleted: deleted.map(|(key, _)| key.clone()).collect(),
            truncated: since < self.forgotten,
        }
    }
}
