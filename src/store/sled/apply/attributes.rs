//! Attributes, their revisions, and the bounded memory of deletions (design.md 7.9).

use super::super::keys::{self, SCOPE_PREFIX};
use super::super::tx::Tx;
use crate::model::attributes::{Revision, Scope};
use crate::model::ids::DeviceId;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::error::StoreError;
use serde::{Deserialize, Serialize};

/// How many deleted keys a scope remembers.
const DELETIONS: u32 = 1_000;

/// Beside the attributes of a scope.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ScopeState {
    pub revision: Revision,
    /// Deleted keys that are remembered.
    pub deletions: u32,
    /// Highest revision among deletions no longer remembered.
    pub forgotten: Revision,
}

/// An attribute's record; its key is in the record's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredAttribute {
    pub value: Value,
    pub last_update: Millis,
    pub revision: Revision,
}

pub fn put(
    tx: &mut Tx<'_>,
    device: DeviceId,
    scope: Scope,
    at: Millis,
    entries: &[(Key, Value)],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut state = state(tx, device, scope)?;
    state.revision += 1;
    for (key, value) in entries {
        if state.deletions > 0 {
            forget(tx, device, scope, key, &mut state)?;
        }
        let stored = StoredAttribute {
            value: value.clone(),
            last_update: at,
            revision: state.revision,
        };
        tx.put_record(keys::attribute(device, scope, key), &stored)?;
    }
    tx.put_record(keys::scope_state(device, scope), &state)
}

pub fn delete(
    tx: &mut Tx<'_>,
    device: DeviceId,
    scope: Scope,
    names: &[Key],
) -> Result<(), StoreError> {
    let mut state = state(tx, device, scope)?;
    let revision = state.revision + 1;
    let mut any = false;
    for name in names {
        let key = keys::attribute(device, scope, name);
        if tx.get(&key)?.is_none() {
            continue;
        }
        any = true;
        tx.remove(key);
        tx.put_record(keys::deletion(device, scope, name), &revision)?;
        let by_age = keys::deletion_by_age(device, scope, revision, name);
        tx.put(by_age, Vec::new());
        state.deletions += 1;
    }
    if !any {
        return Ok(());
    }
    state.revision = revision;
    forget_oldest(tx, device, scope, &mut state)?;
    tx.put_record(keys::scope_state(device, scope), &state)
}

fn state(tx: &Tx<'_>, device: DeviceId, scope: Scope) -> Result<ScopeState, StoreError> {
    let state = tx.record("scope", &keys::scope_state(device, scope))?;
    Ok(state.unwrap_or_default())
}

/// A key that is set again is no deletion any more.
fn forget(
    tx: &mut Tx<'_>,
    device: DeviceId,
    scope: Scope,
    name: &str,
    state: &mut ScopeState,
) -> Result<(), StoreError> {
    let key = keys::deletion(device, scope, name);
    if let Some(revision) = tx.record("deletion", &key)? {
        tx.remove(keys::deletion_by_age(device, scope, revision, name));
        tx.remove(key);
        state.deletions = state.deletions.saturating_sub(1);
    }
    Ok(())
}

/// Lowest revision first, of one revision the lowest key: the order of table `u`.
fn forget_oldest(
    tx: &mut Tx<'_>,
    device: DeviceId,
    scope: Scope,
    state: &mut ScopeState,
) -> Result<(), StoreError> {
    let surplus = state.deletions.saturating_sub(DELETIONS);
    if surplus == 0 {
        return Ok(());
    }
    let oldest = tx.keys(&keys::scope(b'u', device, scope))?;
    for by_age in oldest.into_iter().take(surplus as usize) {
        if let Some((revision, name)) = age_and_name(&by_age) {
            state.forgotten = state.forgotten.max(revision);
            tx.remove([&keys::scope(b't', device, scope), name].concat());
        }
        tx.remove(by_age);
        state.deletions -= 1;
    }
    Ok(())
}

fn age_and_name(by_age: &[u8]) -> Option<(Revision, &[u8])> {
    let (revision, name) = by_age.get(SCOPE_PREFIX..)?.split_first_chunk::<8>()?;
    Some((Revision::from_be_bytes(*revision), name))
}
