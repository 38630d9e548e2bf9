//! Deleting points. The device's head has been sealed before, so all there is stands in blocks;
//! those that hold a deleted point are written anew under their numbers.

use super::super::keys;
use super::super::table::Table;
use super::super::tx::Tx;
use super::block::{self, Block};
use super::directory::{self, BlockRange};
use super::latest::LatestValues;
use super::rows::Rows;
use super::series::{Latest, SeriesState};
use crate::model::ids::DeviceId;
use crate::model::value::Key;
use crate::model::Millis;
use crate::store::batch::DeleteSelection;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use std::collections::BTreeSet;

/// Removes everything about a device's points.
pub fn everything(tx: &mut Tx<'_>, device: DeviceId) -> Result<(), StoreError> {
    for table in *b"bmy" {
        tx.remove_all(&keys::of_device(table, device))?;
    }
    tx.remove(keys::unmerged(device));
    tx.remove(keys::series(device));
    Ok(())
}

/// `TelemetryDelete`, with `through` as the sequence of its batch.
pub fn points(
    tx: &mut Tx<'_>,
    device: DeviceId,
    names: &[Key],
    selection: &DeleteSelection,
    through: LogSequence,
) -> Result<(), StoreError> {
    let names: BTreeSet<&Key> = names.iter().collect();
    let takes = |ts: Millis| {
        let range = selection.range;
        range.is_none_or(|(start, end)| start <= ts && ts < end)
    };
    for (number, range) in directory::in_tx(tx, device)? {
        let overlaps = selection
            .range
            .is_none_or(|(start, end)| range.min < end && start <= range.max);
        if overlaps {
            thin(tx, device, (number, range), &names, takes)?;
        }
    }
    let mut state = SeriesState::in_tx(tx, device)?;
    state.sealed = state.sealed.max(through);
    let mut latest = LatestValues::of(device, &mut state);
    for name in names {
        settle_latest(tx, device, &mut latest, name, selection, takes)?;
    }
    latest.store(tx)?;
    state.store(tx, device)
}

/// Takes the points out of one block.
fn thin(
    tx: &mut Tx<'_>,
    device: DeviceId,
    (number, range): (u32, BlockRange),
    names: &BTreeSet<&Key>,
    takes: impl Fn(Millis) -> bool,
) -> Result<(), StoreError> {
    let Some(block) = load(tx, device, number)? else {
        return Ok(());
    };
    if !names.iter().any(|name| block.has(name)) {
        return Ok(());
    }
    let Some(mut rows) = block.rows() else {
        report(tx.table(), device, number);
        return Ok(());
    };
    let held = rows.keys.keys().iter();
    let named: Vec<bool> = held.map(|key| names.contains(key)).collect();
    let changed = rows.retain(|ts, key| {
        let named = named.get(key as usize).copied().unwrap_or(false);
        !(named && takes(ts))
    });
    if changed {
        rewrite(tx, device, (number, range), rows)?;
    }
    Ok(())
}

/// `TelemetryExpire`, with `through` as the sequence of its batch: whole blocks go unread, only
/// those that straddle `before` are written anew.
pub fn expire(
    tx: &mut Tx<'_>,
    device: DeviceId,
    before: Millis,
    through: LogSequence,
) -> Result<(), StoreError> {
    let blocks = directory::in_tx(tx, device)?;
    if blocks.is_empty() && tx.get(&keys::series(device))?.is_none() {
        // A device that is gone, or never had a point: nothing of it may come to be.
        return Ok(());
    }
    for (number, range) in blocks {
        if range.max < before {
            directory::remove(tx, device, number);
        } else if range.min < before {
            let rows = load(tx, device, number)?.and_then(|block| block.rows());
            let Some(mut rows) = rows else {
                report(tx.table(), device, number);
                continue;
            };
            rows.retain(|ts, _| ts >= before);
            rewrite(tx, device, (number, range), rows)?;
        }
    }
    let mut state = SeriesState::in_tx(tx, device)?;
    state.sealed = state.sealed.max(through);
    let mut latest = LatestValues::of(device, &mut state);
    forget_empty_keys(tx, device, &mut latest)?;
    latest.store(tx)?;
    state.store(tx, device)
}

/// A key is known by its latest value or by its points; where the one was deleted before, the
/// other may have gone now.
fn forget_empty_keys(
    tx: &Tx<'_>,
    device: DeviceId,
    latest: &mut LatestValues<'_>,
) -> Result<(), StoreError> {
    for key in latest.without_value(tx)? {
        if newest(tx, device, &key)?.is_none() {
            latest.remove(tx, &key)?;
        }
    }
    Ok(())
}

/// Puts what is left of a block in its place.
fn rewrite(
    tx: &mut Tx<'_>,
    device: DeviceId,
    (number, range): (u32, BlockRange),
    mut rows: Rows,
) -> Result<(), StoreError> {
    rows.normalise();
    let Some((min, max)) = rows.ends() else {
        directory::remove(tx, device, number);
        return Ok(());
    };
    let block = block::encode(&rows);
    let range = BlockRange {
        min,
        max,
        rows: rows.len() as u32,
        bytes: block.len() as u32,
        ..range
    };
    directory::put(tx, device, number, &range, block)
}

/// What becomes of the latest value of one key, and whether the key is still known.
fn settle_latest(
    tx: &Tx<'_>,
    device: DeviceId,
    latest: &mut LatestValues<'_>,
    name: &Key,
    selection: &DeleteSelection,
    takes: impl Fn(Millis) -> bool,
) -> Result<(), StoreError> {
    let Some(held) = latest.get(tx, name)? else {
        return Ok(());
    };
    let goes = held.as_ref().is_some_and(|held| takes(held.ts)) && selection.delete_latest;
    if held.is_some() && !goes {
        return Ok(());
    }
    let newest = newest(tx, device, name)?;
    if newest.is_none() {
        return latest.remove(tx, name);
    }
    latest.set(
        tx,
        name,
        newest.filter(|_| goes && selection.rewrite_latest),
    )
}

/// The newest point of a key that is left.
fn newest(tx: &Tx<'_>, device: DeviceId, name: &str) -> Result<Option<Latest>, StoreError> {
    let mut candidates = directory::in_tx(tx, device)?;
    candidates.sort_by_key(|(_, range)| std::cmp::Reverse(range.max));
    let mut best: Option<(u32, Latest)> = None;
    for (number, range) in candidates {
        if best.as_ref().is_some_and(|(_, best)| best.ts > range.max) {
            break;
        }
        let series = load(tx, device, number)?.and_then(|block| block.series(name));
        let Some((ts, origin, value)) = series.and_then(|mut series| series.pop()) else {
            continue;
        };
        let better = best.as_ref().is_none_or(|(held_rank, held)| {
            (ts, origin, range.rank) > (held.ts, held.origin, *held_rank)
        });
        if better {
            best = Some((range.rank, Latest { ts, origin, value }));
        }
    }
    Ok(best.map(|(_, latest)| latest))
}

fn load(tx: &Tx<'_>, device: DeviceId, number: u32) -> Result<Option<Block>, StoreError> {
    let Some(bytes) = tx.get(&keys::block(device, number))? else {
        return Ok(None);
    };
    let block = Block::read(&bytes);
    if block.is_none() {
        report(tx.table(), device, number);
    }
    Ok(block)
}

/// A damaged block is said loudly, counted and never served.
pub fn report(table: &Table, device: DeviceId, number: u32) {
    table.metrics.damaged_block();
    tracing::error!(%device, block = number, "a telemetry block is damaged; its points are left out");
}
