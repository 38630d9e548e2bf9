//! Changes that become visible together: a buffer over the tables that reads see through. Those of
//! small records are gathered (see `packed`), all others reach sled at once, in one batch.

use super::table::{failed, Bytes, Table};
use super::telemetry::by_time;
use super::{keys, long, record};
use crate::store::error::StoreError;
use serde::de::DeserializeOwned;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

pub struct Tx<'a> {
    table: &'a Table,
    /// Logical values; `None` = removed.
    pending: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl<'a> Tx<'a> {
    pub fn new(table: &'a Table) -> Self {
        Self {
            table,
            pending: BTreeMap::new(),
            bytes: 0,
        }
    }

    pub fn table(&self) -> &Table {
        self.table
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.pending.get(key) {
            Some(value) => Ok(value.as_deref().map(Bytes::from)),
            None => self.table.get(key),
        }
    }

    /// A record that cannot be read counts as absent here: the log has to go on (it is reported).
    pub fn record<T: DeserializeOwned>(
        &self,
        table: &str,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.get(key)? else {
            return Ok(None);
        };
        Ok(record::decode(table, &bytes).ok())
    }

    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.pending.insert(key, Some(value));
    }

    /// Bytes put since the last commit.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn put_record<T: Serialize>(&mut self, key: Vec<u8>, value: &T) -> Result<(), StoreError> {
        let value = record::encode(value)?;
        self.put(key, value);
        Ok(())
    }

    pub fn remove(&mut self, key: Vec<u8>) {
        self.pending.insert(key, None);
    }

    /// Keys with this prefix as this transaction sees them, in order.
    pub fn keys(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut found: BTreeSet<Vec<u8>> = match keys::is_in_leaves(prefix) {
            true => self
                .table
                .rows_with(prefix)
                .keys()
                .collect::<Result<_, _>>()?,
            false => {
                let keys = self.table.tree().scan_prefix(prefix).keys();
                let keys = keys.map(|key| key.map(|key| key.to_vec()).map_err(failed));
                keys.collect::<Result<_, _>>()?
            }
        };
        let own = self.pending.range(prefix.to_vec()..);
        for (key, value) in own.take_while(|(key, _)| key.starts_with(prefix)) {
            match value {
                Some(_) => found.insert(key.clone()),
                None => found.remove(key),
            };
        }
        Ok(found.into_iter().collect())
    }

    pub fn remove_all(&mut self, prefix: &[u8]) -> Result<(), StoreError> {
        for key in self.keys(prefix)? {
            self.remove(key);
        }
        Ok(())
    }

    /// Makes the changes visible: first those that reach sled at once, then, all at once, the
    /// small ones. A kill in between, or later, leaves the small ones to the journal.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        let small = self.take_small();
        self.take_changes()?.commit(self.table)?;
        if !small.is_empty() {
            self.table.gathered.write().take(small);
        }
        Ok(())
    }

    fn take_small(&mut self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        let pending = std::mem::take(&mut self.pending);
        if pending.keys().all(|key| keys::is_small(key)) {
            return pending;
        }
        let (small, others) = pending
            .into_iter()
            .partition(|(key, _)| keys::is_small(key));
        self.pending = others;
        small
    }

    /// What is to change in the tree, worked out ahead of the commit; no small records are among
    /// it. Stands as long as nobody else changes these keys.
    pub fn take_changes(&mut self) -> Result<Changes, StoreError> {
        let mut changes = Changes::default();
        self.bytes = 0;
        for (key, value) in std::mem::take(&mut self.pending) {
            debug_assert!(!keys::is_small(&key), "small records are gathered");
            if keys::is_block_range(&key) {
                let old = self.table.get(&key)?;
                let moved = by_time::follow(&key, old.as_deref(), value.as_deref());
                changes.0.extend(moved);
                changes.0.push((key, value));
                continue;
            }
            let old = self.table.tree().get(&key).map_err(failed)?;
            let cut = value.map(|value| long::cut(&key, value, &mut changes.0));
            let kept = cut.as_ref().map_or(0, |(_, chunks)| *chunks);
            long::remove_chunks(&key, old.as_deref(), kept, &mut changes.0);
            changes.0.push((key, cut.map(|(value, _)| value)));
        }
        Ok(changes)
    }
}

/// Records to write (`None` = to remove), as they will stand in the tree or in its leaves.
#[derive(Default)]
pub struct Changes(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Changes {
    pub fn append(&mut self, mut other: Changes) {
        self.0.append(&mut other.0);
    }

    /// Makes them visible, all at once.
    pub fn commit(self, table: &Table) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        table.write(self.0)
    }
}
