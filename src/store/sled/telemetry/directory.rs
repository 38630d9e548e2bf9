//! The directory of a device's blocks: what each covers, without reading it.
//!
//! ```text
//!  main blocks  ──[  ]─[     ]──[   ]─[  ]──▶ time     disjoint
//!  side blocks     [   ]    [           ]               late points, until they are merged
//! ```

use super::super::table::Table;
use super::super::tx::Tx;
use super::super::{keys, record};
use crate::model::ids::DeviceId;
use crate::model::Millis;
use crate::store::error::StoreError;
use serde::{Deserialize, Serialize};

/// The form written now. Form 1 had `min`, `max` and `rows` only.
const VERSION: u8 = 2;

/// Directory entry of a block: first and last time in it, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockRange {
    pub min: Millis,
    pub max: Millis,
    pub rows: u32,
    /// Encoded length; 0 = not known (form 1).
    pub bytes: u32,
    /// Of two values for one time and origin that of the higher rank wins. A new block has its
    /// number as its rank, a merged one the highest of what it was made of.
    pub rank: u32,
    /// May overlap others.
    pub side: bool,
}

#[derive(Deserialize)]
struct Form1 {
    min: Millis,
    max: Millis,
    rows: u32,
}

impl BlockRange {
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        record::encode_as(VERSION, self)
    }

    /// `number`: of the block. Errors: `Damaged`, which has been reported.
    pub fn decode(number: u32, bytes: &[u8]) -> Result<Self, StoreError> {
        if bytes.first() != Some(&record::VERSION) {
            return record::decode_as(VERSION, "directory", bytes);
        }
        let Form1 { min, max, rows } = record::decode("directory", bytes)?;
        Ok(Self {
            min,
            max,
            rows,
            bytes: 0,
            rank: number,
            side: true,
        })
    }

    pub fn overlaps(&self, other: &BlockRange) -> bool {
        self.min <= other.max && other.min <= self.max
    }
}

/// A device's blocks as the transaction sees them, by number. Damaged entries are reported and
/// left out.
pub fn in_tx(tx: &Tx<'_>, device: DeviceId) -> Result<Vec<(u32, BlockRange)>, StoreError> {
    let mut found = Vec::new();
    for key in tx.keys(&keys::of_device(b'm', device))? {
        let value = tx.get(&key)?;
        found.extend(value.and_then(|value| entry(&key, &value)));
    }
    Ok(found)
}

/// The same, without a transaction.
pub fn list(table: &Table, device: DeviceId) -> Result<Vec<(u32, BlockRange)>, StoreError> {
    let rows = all(table, &keys::of_device(b'm', device));
    rows.map(|row| row.map(|(_, number, range)| (number, range)))
        .collect()
}

/// All blocks whose ranges' keys have this prefix, one at a time.
pub fn all<'a>(
    table: &'a Table,
    prefix: &[u8],
) -> impl Iterator<Item = Result<(DeviceId, u32, BlockRange), StoreError>> + use<'a> {
    table.scan(prefix).filter_map(|row| {
        row.map(|(key, value)| {
            let device = uuid::Uuid::from_slice(key.get(2..18)?).ok()?;
            let (number, range) = entry(&key, &value)?;
            Some((DeviceId(device), number, range))
        })
        .transpose()
    })
}

fn entry(key: &[u8], value: &[u8]) -> Option<(u32, BlockRange)> {
    let number = u32::from_be_bytes(*key.last_chunk::<4>()?);
    Some((number, BlockRange::decode(number, value).ok()?))
}

/// Writes a block with its entry.
pub fn put(
    tx: &mut Tx<'_>,
    device: DeviceId,
    number: u32,
    range: &BlockRange,
    block: Vec<u8>,
) -> Result<(), StoreError> {
    tx.put(keys::block_range(device, number), range.encode()?);
    tx.put(keys::block(device, number), block);
    Ok(())
}

pub fn remove(tx: &mut Tx<'_>, device: DeviceId, number: u32) {
    tx.remove(keys::block(device, number));
    tx.remove(keys::block_range(device, number));
}
