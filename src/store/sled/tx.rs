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
}

impl<'a> Tx<'a> {
    pub fn new(table: &'a Table) -> Self {
        Self {
            table,
            pending: BTreeMap::new(),
        }
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
        self.pending.insert(key, Some(value));
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
        for key in self.table.tree.scan_prefix(prefix).keys() {
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
        let mut batch = sled::Batch::default();
        let mut moves = Vec::new();
        for (key, value) in std::mem::take(&mut self.pending) {
            let old = self.table.tree.get(&key).map_err(failed)?;
            if keys::is_block_range(&key) {
                by_time::follow(&mut batch, &key, old.as_deref(), value.as_deref());
                moves.extend(key.first().copied());
            }
            let old_chunks = old.as_deref().and_then(long_header).map_or(0, |(n, _)| n);
            let new_chunks = match value {
                Some(value) => put(&mut batch, key.clone(), value),
                None => {
                    batch.remove(key.clone());
                    0
                }
            };
            for number in new_chunks..old_chunks {
                batch.remove(keys::chunk(&key, number));
            }
        }
        batch.insert(keys::APPLIED, record::encode(&applied)?);
        moves.dedup();
        let _moving = self.table.moving(moves);
        self.table.tree.apply_batch(batch).map_err(failed)
    }
}

/// Returns how many chunks the value took.
fn put(batch: &mut sled::Batch, key: Vec<u8>, value: Vec<u8>) -> u32 {
    let long = value.len() > LONGEST || value.first().is_some_and(|first| *first == LONG);
    if !long {
        batch.insert(key, value);
        return 0;
    }
    let mut chunks = 0;
    for part in value.chunks(LONGEST) {
        batch.insert(keys::chunk(&key, chunks), part);
        chunks += 1;
    }
    let mut header = vec![LONG];
    header.extend_from_slice(&chunks.to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
    batch.insert(key, header);
    chunks
}
