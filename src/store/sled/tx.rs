//! Changes that reach sled together: a buffer over the tree that reads see through, committed as
//! one sled batch with the applied sequence in it (design.md 7.6).

use super::table::{failed, long_header, Bytes, Table, LONG, LONGEST};
use super::telemetry::by_time;
use super::{keys, record};
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use serde::de::DeserializeOwned;
use serde::Serialize;
use std::collections::BTreeMap;

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
        let mut found = std::collections::BTreeSet::new();
        for key in self.table.tree().scan_prefix(prefix).keys() {
            found.insert(key.map_err(failed)?.to_vec());
        }
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

    /// Makes the changes visible, all at once, with `applied` as the last applied sequence.
    pub fn commit(&mut self, applied: LogSequence) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut changes = self.take_changes()?;
        changes.put(keys::APPLIED.to_vec(), record::encode(&applied)?);
        changes.commit(self.table)
    }

    /// What is to change in the tree, worked out ahead of the commit. Stands as long as nobody
    /// else changes these keys.
    pub fn take_changes(&mut self) -> Result<Changes, StoreError> {
        let mut changes = Changes::default();
        self.bytes = 0;
        for (key, value) in std::mem::take(&mut self.pending) {
            let old = self.table.tree().get(&key).map_err(failed)?;
            if keys::is_block_range(&key) {
                let moved = by_time::follow(&key, old.as_deref(), value.as_deref());
                changes.0.extend(moved);
            }
            let old_chunks = old.as_deref().and_then(long_header).map_or(0, |(n, _)| n);
            let new_chunks = match value {
                Some(value) => changes.put(key.clone(), value),
                None => {
                    changes.0.push((key.clone(), None));
                    0
                }
            };
            for number in new_chunks..old_chunks {
                changes.0.push((keys::chunk(&key, number), None));
            }
        }
        Ok(changes)
    }
}

/// Records to write (`None` = to remove), as they will stand in the tree.
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

    /// Returns how many chunks the value took.
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> u32 {
        let long = value.len() > LONGEST || value.first().is_some_and(|first| *first == LONG);
        if !long {
            self.0.push((key, Some(value)));
            return 0;
        }
        let mut chunks = 0;
        for part in value.chunks(LONGEST) {
            self.0
                .push((keys::chunk(&key, chunks), Some(part.to_vec())));
            chunks += 1;
        }
        let mut header = vec![LONG];
        header.extend_from_slice(&chunks.to_le_bytes());
        header.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
        self.0.push((key, Some(header)));
        chunks
    }
}
