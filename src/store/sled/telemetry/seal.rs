//! Turning rows into blocks, in the same sled batch as the series state that says so.

use super::super::keys;
use super::super::tx::Tx;
use super::block::{self, Block};
use super::rows::Rows;
use super::series::{BlockRange, OpenBlock, SeriesState};
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;

/// Blocks are cut to about this size, so that sled keeps them in its pages (see `table`).
const BLOCK: usize = 6 << 10;
/// A last block below this size takes later rows in: slow devices would leave a trail of crumbs.
const CRUMB: usize = 2 << 10;

/// Writes rows of a device, as they arrived, and notes that it is sealed up to `through`.
pub fn seal(
    tx: &mut Tx<'_>,
    device: DeviceId,
    mut rows: Rows,
    through: LogSequence,
) -> Result<(), StoreError> {
    let mut state = SeriesState::in_tx(tx, device)?;
    state.sealed = state.sealed.max(through);
    rows.normalise();
    if !rows.is_empty() {
        state.take(&rows);
        join_open_block(tx, device, &mut state, &mut rows)?;
        write(tx, device, &mut state, rows)?;
    }
    state.store(tx, device)
}

/// Puts a small last block in front of rows that are not older than it.
fn join_open_block(
    tx: &mut Tx<'_>,
    device: DeviceId,
    state: &mut SeriesState,
    rows: &mut Rows,
) -> Result<(), StoreError> {
    let Some(open) = state.open_block.take() else {
        return Ok(());
    };
    if rows.ends().is_none_or(|(first, _)| first < open.min) {
        return Ok(());
    }
    let key = keys::block(device, open.number);
    let Some(bytes) = tx.get(&key)? else {
        return Ok(());
    };
    // A damaged one stays where it is, to be reported when read.
    if let Some(mut joined) = Block::read(&bytes).and_then(|block| block.rows()) {
        joined.append(std::mem::take(rows));
        joined.normalise();
        *rows = joined;
        tx.remove(key);
        tx.remove(keys::block_range(device, open.number));
    }
    Ok(())
}

/// Writes normalised rows as one block or, when that is too long, as several.
fn write(
    tx: &mut Tx<'_>,
    device: DeviceId,
    state: &mut SeriesState,
    rows: Rows,
) -> Result<(), StoreError> {
    let encoded = block::encode(&rows);
    if encoded.len() > BLOCK && rows.len() > 1 {
        let (earlier, later) = rows.split();
        write(tx, device, state, earlier)?;
        return write(tx, device, state, later);
    }
    let number = state.next_block;
    state.next_block += 1;
    let crumb = encoded.len() < CRUMB;
    if let Some(range) = range_of(&rows) {
        state.open_block = crumb.then_some(OpenBlock {
            number,
            min: range.min,
        });
        tx.put_record(keys::block_range(device, number), &range)?;
        tx.put(keys::block(device, number), encoded);
    }
    Ok(())
}

/// First and last time of normalised rows; `None` when there are none.
pub fn range_of(rows: &Rows) -> Option<BlockRange> {
    let (min, max) = rows.ends()?;
    Some(BlockRange {
        min,
        max,
        rows: rows.len() as u32,
    })
}
