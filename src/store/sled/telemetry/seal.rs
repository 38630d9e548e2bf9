//! Turning rows into blocks, in the same sled batch as the series state that says so.
//!
//! Rows behind all main blocks begin new main blocks; late ones go to side blocks, which may
//! overlap others until they are merged (`merge`).

use super::super::long::LONGEST;
use super::super::tx::Tx;
use super::block;
use super::directory::{self, BlockRange};
use super::latest::LatestValues;
use super::merge;
use super::rows::Rows;
use super::series::SeriesState;
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;

/// What is longer than sled likes is cut into blocks of about this size (see `table`).
pub const BLOCK: usize = 6 << 10;

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

/// Writes rows of a device, as they arrived, and notes that it is sealed up to `through`.
pub fn seal(
    tx: &mut Tx<'_>,
    device: DeviceId,
    mut rows: Rows,
    through: LogSequence,
) -> Result<Wanted, StoreError> {
    let mut state = SeriesState::in_tx(tx, device)?;
    state.sealed = state.sealed.max(through);
    let mut wanted = Wanted::default();
    rows.normalise();
    if let Some((_, last)) = rows.ends() {
        let mut latest = LatestValues::of(device, &mut state);
        latest.take(tx, &rows)?;
        latest.store(tx)?;
        let newest = state.newest;
        let late = |ts| newest.is_some_and(|newest| ts <= newest);
        let (late, next) = rows.cut(late);
        wanted.sides = !late.is_empty();
        let (side, rank) = (true, None);
        write(tx, device, &mut state, late, Kind { side, rank })?;
        let (side, before) = (false, state.small);
        write(tx, device, &mut state, next, Kind { side, rank })?;
        wanted.small = before / merge::FAN as u32 != state.small / merge::FAN as u32;
        state.newest = newest.max(Some(last));
    }
    state.store(tx, device)?;
    Ok(wanted)
}

/// Writes normalised rows as one block or, when that is too long, as several.
pub fn write(
    tx: &mut Tx<'_>,
    device: DeviceId,
    state: &mut SeriesState,
    rows: Rows,
    kind: Kind,
) -> Result<(), StoreError> {
    let Some((min, max)) = rows.ends() else {
        return Ok(());
    };
    let blocks = block::blocks(&rows);
    if blocks > 1 && rows.len() > 1 {
        return write_in(tx, device, state, rows, kind, blocks);
    }
    let encoded = block::encode(&rows);
    if encoded.len() > LONGEST && rows.len() > 1 {
        let parts = encoded.len().div_ceil(BLOCK);
        return write_in(tx, device, state, rows, kind, parts);
    }
    let number = state.number();
    // Many values are not small, however few bytes they take: they would be merged and cut again
    // for ever. (The same about rows is in `merge`.)
    let least = if block::is_full(&rows) { BLOCK / 2 } else { 0 };
    let range = BlockRange {
        min,
        max,
        rows: rows.len() as u32,
        bytes: encoded.len().max(least) as u32,
        rank: kind.rank.unwrap_or(number),
        side: kind.side,
    };
    if !kind.side && merge::is_small(&range) {
        state.small = state.small.wrapping_add(1);
    }
    directory::put(tx, device, number, &range, encoded)
}

/// Writes several rows in about so many parts.
fn write_in(
    tx: &mut Tx<'_>,
    device: DeviceId,
    state: &mut SeriesState,
    rows: Rows,
    kind: Kind,
    parts: usize,
) -> Result<(), StoreError> {
    let parts = parts.clamp(2, rows.len().max(2));
    let end = |part: usize| rows.len() * part / parts;
    for part in 0..parts {
        let part = rows.part(end(part)..end(part + 1));
        write(tx, device, state, part, kind)?;
    }
    Ok(())
}
