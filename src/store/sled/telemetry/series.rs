//! A device's series state: how far it is sealed, and the latest value of each key as of then.

use super::super::tx::Tx;
use super::super::{keys, record, table::Table};
use super::rows::Rows;
use crate::model::ids::{DeviceId, Origin};
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SeriesState {
    /// All points of the device up to this sequence are in blocks (or deleted).
    pub sealed: LogSequence,
    /// Number of its next block. A later block's number is higher.
    pub next_block: u32,
    /// The last block, when later rows may still join it.
    pub open_block: Option<OpenBlock>,
    /// By key; `None` = points without a latest value (it was deleted).
    pub latest: Vec<(Key, Option<Latest>)>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OpenBlock {
    pub number: u32,
    pub min: Millis,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latest {
    pub ts: Millis,
    pub origin: Origin,
    pub value: Value,
}

/// Directory entry of a block: first and last time in it, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockRange {
    pub min: Millis,
    pub max: Millis,
    pub rows: u32,
}

impl SeriesState {
    pub fn load(table: &Table, device: DeviceId) -> Result<Option<Self>, StoreError> {
        let value = table.get(&keys::series(device))?;
        value
            .map(|value| record::decode("series", &value))
            .transpose()
    }

    pub fn in_tx(tx: &Tx<'_>, device: DeviceId) -> Result<Self, StoreError> {
        let state = tx.record("series", &keys::series(device))?;
        Ok(state.unwrap_or_default())
    }

    pub fn store(&self, tx: &mut Tx<'_>, device: DeviceId) -> Result<(), StoreError> {
        tx.put_record(keys::series(device), self)
    }

    pub fn place(&self, key: &str) -> Result<usize, usize> {
        self.latest
            .binary_search_by(|(held, _)| held.as_str().cmp(key))
    }

    /// Takes the rows' values where they are later: highest (time, origin), the last among equals.
    /// `rows` are normalised.
    pub fn take(&mut self, rows: &Rows) {
        // The newest row that has a key comes last.
        let mut newest = vec![None; rows.keys.len()];
        for row in rows.iter() {
            for (key, value) in row.values() {
                if let Some(place) = newest.get_mut(key as usize) {
                    *place = Some((row.ts, row.origin, value));
                }
            }
        }
        let mut fresh = Vec::new();
        for (key, found) in rows.keys.keys().iter().zip(newest) {
            let Some((ts, origin, value)) = found else {
                continue;
            };
            let latest = Latest {
                ts,
                origin,
                value: value.into(),
            };
            match self.place(key) {
                Ok(at) => {
                    if let Some((_, held)) = self.latest.get_mut(at) {
                        replace(held, latest);
                    }
                }
                Err(_) => fresh.push((key.clone(), Some(latest))),
            }
        }
        if !fresh.is_empty() {
            self.latest.append(&mut fresh);
            self.latest.sort_by(|a, b| a.0.cmp(&b.0));
        }
    }
}

fn replace(held: &mut Option<Latest>, latest: Latest) {
    let stays = held
        .as_ref()
        .is_some_and(|held| (held.ts, held.origin) > (latest.ts, latest.origin));
    if !stays {
        *held = Some(latest);
    }
}
