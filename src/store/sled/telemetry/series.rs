//! A device's series state: how far it is sealed, which block comes next, and where the latest
//! values stand (see `latest`).

use super::super::tx::Tx;
use super::super::{keys, record, table::Table};
use super::directory;
use super::latest::{page_of, Page};
use crate::model::ids::{DeviceId, Origin};
use crate::model::value::Value;
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use serde::{Deserialize, Serialize};

/// The form written now; form 1 had no `newest`, and one page.
const VERSION: u8 = 2;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SeriesState {
    /// All points of the device up to this sequence are in blocks (or deleted).
    pub sealed: LogSequence,
    /// Number of its next block. A later block's number is higher.
    pub next_block: u32,
    /// No main block holds anything later: what is behind it begins another.
    pub newest: Option<Millis>,
    /// How many small main blocks were written.
    pub small: u32,
    /// Latest values stand on `1 << doublings` pages ...
    pub doublings: u8,
    /// ... of so many keys in all.
    pub keys: u32,
    /// The page, while there is one only.
    pub page: Page,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    pub ts: Millis,
    pub origin: Origin,
    pub value: Value,
}

#[derive(Deserialize)]
struct Form1 {
    sealed: LogSequence,
    next_block: u32,
    _open_block: Option<(u32, Millis)>,
    latest: Page,
}

impl SeriesState {
    /// Errors: `Damaged`, which has been reported.
    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        if bytes.first() != Some(&record::VERSION) {
            return record::decode_as(VERSION, "series", bytes);
        }
        let old: Form1 = record::decode("series", bytes)?;
        Ok(Self {
            sealed: old.sealed,
            next_block: old.next_block,
            keys: old.latest.len() as u32,
            page: old.latest,
            ..Self::default()
        })
    }

    pub fn load(table: &Table, device: DeviceId) -> Result<Option<Self>, StoreError> {
        let value = table.get(&keys::series(device))?;
        value.map(|value| Self::decode(&value)).transpose()
    }

    /// To be changed. One that is not there, or damaged, begins behind the blocks that are, and has
    /// the pages that are.
    pub fn in_tx(tx: &Tx<'_>, device: DeviceId) -> Result<Self, StoreError> {
        let mut state = match tx.get(&keys::series(device))? {
            None => Self::default(),
            Some(value) => match Self::decode(&value) {
                Ok(state) if state.newest.is_some() => return Ok(state),
                Ok(state) => state,
                Err(_) => Self::by_pages(tx, device)?,
            },
        };
        for (number, range) in directory::in_tx(tx, device)? {
            state.next_block = state.next_block.max(number.saturating_add(1));
            state.newest = state.newest.max(Some(range.max));
        }
        Ok(state)
    }

    /// In place of a damaged one, which is counted.
    fn by_pages(tx: &Tx<'_>, device: DeviceId) -> Result<Self, StoreError> {
        tx.table().metrics.damaged_block();
        let mut state = Self::default();
        for key in tx.keys(&keys::latest_pages(device))? {
            let page = tx.get(&key)?.map(|bytes| page_of(tx.table(), &bytes));
            state.keys += page.map_or(0, |page| page.len() as u32);
            state.doublings = keys::doublings(&key).unwrap_or(0);
        }
        Ok(state)
    }

    pub fn store(&self, tx: &mut Tx<'_>, device: DeviceId) -> Result<(), StoreError> {
        tx.put(keys::series(device), record::encode_as(VERSION, self)?);
        Ok(())
    }

    /// Number of the next block.
    pub fn number(&mut self) -> u32 {
        let number = self.next_block;
        self.next_block += 1;
        number
    }
}
