//! What all records of the tables take, without reading the blocks: most of them say in their
//! ranges how long they are, and to read them is to bring all of sled's file into memory and out.

use super::keys;
use super::long::LONGEST;
use super::table::{failed, Table};
use super::telemetry::directory::{self, BlockRange};
use super::telemetry::seal;
use crate::model::ids::{DeviceId, PARTITIONS};
use crate::store::error::StoreError;

/// Records that are counted between two looks at the stop sign.
const COUNTED: usize = 4 << 10;

/// Bytes of keys and values, and records, as sled has them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    pub bytes: u64,
    pub records: u64,
}

impl Count {
    fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.records += 1;
    }
}

/// `None` when told to stop.
pub fn count(table: &Table, is_stopped: impl Fn() -> bool) -> Result<Option<Count>, StoreError> {
    let mut count = Count::default();
    for partition in 0..PARTITIONS {
        for (number, row) in directory::all(table, &[partition, b'm']).enumerate() {
            if number % COUNTED == 0 && is_stopped() {
                return Ok(None);
            }
            let (device, block, range) = row?;
            count.add(keys::BLOCK + stored(table, device, block, &range)?);
        }
    }
    for (from, to) in keys::all_but_blocks() {
        for (number, row) in table.walk(&from, to.as_deref()).enumerate() {
            if number % COUNTED == 0 && is_stopped() {
                return Ok(None);
            }
            let (key, value) = row?;
            count.add(key.len() + value.len());
        }
    }
    Ok(Some(count))
}

/// Bytes of the record under the block's key. The chunks of a long one are records themselves.
fn stored(
    table: &Table,
    device: DeviceId,
    block: u32,
    range: &BlockRange,
) -> Result<usize, StoreError> {
    let bytes = range.bytes as usize;
    if bytes == 0 || bytes == seal::LEAST || bytes > LONGEST {
        let value = table.tree().get(keys::block(device, block));
        return Ok(value.map_err(failed)?.map_or(0, |value| value.len()));
    }
    Ok(bytes)
}
