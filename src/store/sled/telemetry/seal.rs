//! Turning rows into blocks, in the same sled batch as the series state that says so.
//!
//! Rows behind all main blocks begin new main blocks; late ones go to side blocks, which may
//! overlap others until they are merged (`merge`).

use super::super::keys;
use super::super::long::LONGEST;
use super::super::tx::Tx;
use super::block;
use super::columns::Columns;
use super::directory::{self, BlockRange};
use super::latest::LatestValues;
use super::merge;
use super::series::SeriesState;
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use std::ops::Range;

/// What is longer than sled likes is cut into blocks of about this size (see `table`).
pub const BLOCK: usize = 6 << 10;

/// Bytes that a block is said to take at least when it has as many values as one may have: many
/// values are not small, however few bytes they take, and would be merged and cut again for ever.
pub const LEAST: usize = BLOCK / 2;

/// What a seal left to be merged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Another handful of small main blocks.
    pub small: bool,
    /// Side blocks.
    pub sides: bool,
}

/// Which kind of blocks to write, and their rank when they are made of others.
#[derive(Clone, Copy)]
pub struct Kind {
    pub side: bool,
    pub rank: Option<u32>,
}

/// Writes rows of a device, in the order in which they arrived, and notes that it is sealed up to
/// `through`.
pub fn seal(
    tx: &mut Tx<'_>,
    device: DeviceId,
    rows: &[Columns],
    through: LogSequence,
) -> Result<Wanted, StoreError> {
    let mut state = SeriesState::in_tx(tx, device)?;
    state.sealed = state.sealed.max(through);
    let mut wanted = Wanted::default();
    let newest = state.newest;
    let is_late = |ts| newest.is_some_and(|newest| ts <= newest);
    // Apart before they are sorted: a device with two clocks sends each in its order.
    let late = Columns::joined(rows, is_late);
    let next = Columns::joined(rows, |ts| !is_late(ts));
    let last = next.ends().or(late.ends()).map(|(_, last)| last);
    if last.is_some() {
        let mut latest = LatestValues::of(device, &mut state);
        latest.take(tx, &late)?;
        latest.take(tx, &next)?;
        latest.store(tx)?;
        let row = last_row(tx, device, &state)?;
        wanted.sides = !late.is_empty();
        let (side, rank) = (true, None);
        let kind = Kind { side, rank };
        write(tx, device, &mut state, (&late, 0..late.len()), kind, row)?;
        let (side, before) = (false, state.small);
        let kind = Kind { side, rank };
        write(tx, device, &mut state, (&next, 0..next.len()), kind, row)?;
        wanted.small = before / merge::FAN as u32 != state.small / merge::FAN as u32;
        state.newest = newest.max(last);
    }
    state.store(tx, device)?;
    Ok(wanted)
}

/// Bytes of a row of the device's last block; 0 when that is not known.
fn last_row(tx: &Tx<'_>, device: DeviceId, state: &SeriesState) -> Result<f64, StoreError> {
    let Some(number) = state.next_block.checked_sub(1) else {
        return Ok(0.0);
    };
    let entry = tx.get(&keys::block_range(device, number))?;
    // One that is damaged has been reported.
    let range = entry.and_then(|entry| BlockRange::decode(number, &entry).ok());
    Ok(range.map_or(0.0, |range| bytes_of_row([range].iter())))
}

/// Bytes of a row of these blocks.
pub fn bytes_of_row<'a>(ranges: impl Iterator<Item = &'a BlockRange>) -> f64 {
    let (bytes, rows) = ranges.fold((0u64, 0u64), |(bytes, rows), range| {
        (bytes + u64::from(range.bytes), rows + u64::from(range.rows))
    });
    bytes as f64 / rows.max(1) as f64
}

/// Writes some of joined rows as one block or, when that would be too long, as several. `row`: how many
/// bytes one may take.
pub fn write(
    tx: &mut Tx<'_>,
    device: DeviceId,
    state: &mut SeriesState,
    (rows, range): (&Columns, Range<usize>),
    kind: Kind,
    mut row: f64,
) -> Result<(), StoreError> {
    let mut at = range.start;
    while at < range.end {
        let part = next_part(rows, at..range.end, row);
        at = part.rows.end;
        row = part.bytes.len() as f64 / part.rows.len().max(1) as f64;
        put(tx, device, state, rows, part, kind)?;
    }
    Ok(())
}

/// Rows that make a block.
struct Part {
    rows: Range<usize>,
    bytes: Vec<u8>,
}

/// Encodes the first of these rows, as many as are to be in one block. What `row` lets expect is
/// tried first, as encoding is dear; then what that has shown.
fn next_part(rows: &Columns, range: Range<usize>, row: f64) -> Part {
    let (at, left) = (range.start, range.len());
    let mut count = share(left, row);
    let mut may_grow = true;
    loop {
        let part = at..at + count;
        let blocks = block::blocks(rows, part.clone());
        if blocks > 1 && count > 1 {
            count = count.div_ceil(blocks).min(count - 1);
            may_grow = false;
            continue;
        }
        let bytes = block::encode_part(rows, part.clone());
        let found = share(left, bytes.len() as f64 / count as f64);
        if bytes.len() > LONGEST && count > 1 {
            count = found.clamp(1, count - 1);
            may_grow = false;
        } else if may_grow && found > count && (bytes.len() < BLOCK / 2 || found == left) {
            // Small ones would be merged, and one block takes less than two.
            count = found;
            may_grow = false;
        } else {
            return Part { rows: part, bytes };
        }
    }
}

/// How many rows the next block is to have, so that it and those behind it are about the same.
fn share(left: usize, row: f64) -> usize {
    let bytes = left as f64 * row;
    if bytes <= LONGEST as f64 {
        return left;
    }
    let parts = (bytes / BLOCK as f64).ceil() as usize;
    left.div_ceil(parts.max(1)).max(1)
}

fn put(
    tx: &mut Tx<'_>,
    device: DeviceId,
    state: &mut SeriesState,
    rows: &Columns,
    part: Part,
    kind: Kind,
) -> Result<(), StoreError> {
    let stamps = rows.stamps(part.rows.clone());
    let (Some((min, _)), Some((max, _))) = (stamps.first().copied(), stamps.last().copied()) else {
        return Ok(());
    };
    let number = state.number();
    // (The same about rows is in `merge`.)
    let is_full = block::is_full(rows, part.rows.clone());
    let least = if is_full { LEAST } else { 0 };
    let range = BlockRange {
        min,
        max,
        rows: part.rows.len() as u32,
        bytes: part.bytes.len().max(least) as u32,
        rank: kind.rank.unwrap_or(number),
        side: kind.side,
    };
    if !kind.side && merge::is_small(&range) {
        state.small = state.small.wrapping_add(1);
    }
    directory::put(tx, device, number, &range, part.bytes)
}
