//! Attributes and what changed in them.

use super::super::apply::{ScopeState, StoredAttribute};
use super::super::{keys, record, SledStore};
use crate::model::attributes::{Attribute, AttributeChanges, Revision, Scope};
use crate::model::ids::DeviceId;
use crate::model::value::Key;
use crate::store::error::StoreError;
use crate::store::traits::AttributeStore;
use async_trait::async_trait;
use std::collections::BTreeSet;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl AttributeStore for SledStore {
    async fn attributes(
        &self,
        device: DeviceId,
        scope: Scope,
        keys: Option<&[Key]>,
    ) -> Result<Vec<Attribute>> {
        let Some(names) = keys else {
            return self.all_attributes(device, scope);
        };
        let names: BTreeSet<&Key> = names.iter().collect();
        let mut found = Vec::new();
        for name in names {
            let stored = self.read("attribute", &keys::attribute(device, scope, name))?;
            found.extend(stored.map(|stored| attribute(name.clone(), stored)));
        }
        Ok(found)
    }

    async fn devices_with(&self, scope: Scope, key: &str) -> Result<Vec<DeviceId>> {
        let key = key.to_owned();
        self.aside(move |engine| {
            let mut devices = Vec::new();
            for prefix in keys::all_attributes() {
                for found in engine.table.rows_with(&prefix).keys() {
                    let found = found?;
                    let parts = keys::attribute_parts(&found);
                    let parts =
                        parts.filter(|(_, of, name)| *of == scope as u8 && *name == key.as_bytes());
                    devices.extend(parts.map(|(device, _, _)| device));
                }
            }
            Ok(devices)
        })
        .await
    }

    async fn revision(&self, device: DeviceId, scope: Scope) -> Result<Revision> {
        Ok(self.scope_state(device, scope)?.revision)
    }

    async fn changes_since(
        &self,
        device: DeviceId,
        scope: Scope,
        since: Revision,
    ) -> Result<AttributeChanges> {
        // The state comes first: what is committed while we read is told again, never missed.
        let state = self.scope_state(device, scope)?;
        if state.revision <= since {
            return Ok(AttributeChanges {
                revision: state.revision,
                truncated: since < state.forgotten,
                ..AttributeChanges::default()
            });
        }
        let mut changed = self.all_attributes(device, scope)?;
        let deleted = self.deleted_since(device, scope, since)?;
        // In both: deleted while we were reading.
        changed.retain(|one| one.revision > since && deleted.binary_search(&one.key).is_err());
        Ok(AttributeChanges {
            revision: state.revision,
            updated: changed
                .into_iter()
                .map(|one| (one.key, one.value))
                .collect(),
            deleted,
            truncated: since < state.forgotten,
        })
    }
}

impl SledStore {
    fn scope_state(&self, device: DeviceId, scope: Scope) -> Result<ScopeState> {
        let state = self.read("scope", &keys::scope_state(device, scope))?;
        Ok(state.unwrap_or_default())
    }

    fn all_attributes(&self, device: DeviceId, scope: Scope) -> Result<Vec<Attribute>> {
        let prefix = keys::scope(b'a', device, scope);
        let mut found = Vec::new();
        for row in self.engine().table.scan(&prefix) {
            let (key, value) = row?;
            let stored = record::decode("attribute", &value)?;
            found.extend(name_of(&key).map(|name| attribute(name, stored)));
        }
        Ok(found)
    }

    fn deleted_since(&self, device: DeviceId, scope: Scope, since: Revision) -> Result<Vec<Key>> {
        let prefix = keys::scope(b't', device, scope);
        let mut found = Vec::new();
        for row in self.engine().table.scan(&prefix) {
            let (key, value) = row?;
            if record::decode::<Revision>("deletion", &value)? > since {
                found.extend(name_of(&key));
            }
        }
        Ok(found)
    }
}

fn attribute(key: Key, stored: StoredAttribute) -> Attribute {
    Attribute {
        key,
        value: stored.value,
        last_update: stored.last_update,
        revision: stored.revision,
    }
}

fn name_of(key: &[u8]) -> Option<Key> {
    let name = key.get(keys::SCOPE_PREFIX..)?;
    std::str::from_utf8(name).ok().map(Key::from)
}
