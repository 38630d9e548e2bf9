//! Deleting points. The device's head has been sealed before, so all there is stands in blocks;
//! those that hold a deleted point are written anew under their numbers.

use super::super::tx::Tx;
use super::super::{keys, record};
use super::block::{self, Block};
use super::rows::Rows;
use super::seal::range_of;
use super::series::{BlockRange, Latest, SeriesState};
use crate::model::ids::DeviceId;
use crate::model::value::Key;
use crate::model::Millis;
use crate::store::batch::DeleteSelection;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use std::collections::BTreeSet;

/// Removes everything about a device's points.
pub fn everything(tx: &mut Tx<'_>, device: DeviceId) -> Result<(), StoreError> {
    for (number, _) in directory(tx, device)? {
        tx.remove(keys::block(device, number));
        tx.remove(keys::block_range(device, number));
    }
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
    for (number, range) in directory(tx, device)? {
        let overlaps = selection
            .range
            .is_none_or(|(start, end)| range.min < end && start <= range.max);
        if overlaps {
            thin(tx, device, number, &names, takes)?;
        }
    }
    let mut state = SeriesState::in_tx(tx, device)?;
    state.sealed = state.sealed.max(through);
    state.open_block = None;
    for name in names {
        settle_latest(tx, device, &mut state, name, selection, takes)?;
    }
    state.store(tx, device)
}

/// Takes the points out of one block.
fn thin(
    tx: &mut Tx<'_>,
    device: DeviceId,
    number: u32,
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
        report(device, number);
        return Ok(());
    };
    let held = rows.keys.keys().iter();
    let named: Vec<bool> = held.map(|key| names.contains(key)).collect();
    let changed = rows.retain(|ts, key| {
        let named = named.get(key as usize).copied().unwrap_or(false);
        !(named && takes(ts))
    });
    if changed {
        rewrite(tx, device, number, rows)?;
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
    for (number, range) in directory(tx, device)? {
        if range.max < before {
            tx.remove(keys::block(device, number));
            tx.remove(keys::block_range(device, number));
        } else if range.min < before {
            let rows = load(tx, device, number)?.and_then(|block| block.rows());
            let Some(mut rows) = rows else {
                report(device, number);
                continue;
            };
            rows.retain(|ts, _| ts >= before);
            rewrite(tx, device, number, rows)?;
        }
    }
    let mut state = SeriesState::in_tx(tx, device)?;
    state.sealed = state.sealed.max(through);
    state.open_block = None;
    forget_empty_keys(tx, device, &mut state)?;
    state.store(tx, device)
}

/// A key is known by its latest value or by its points; where the one was deleted before, the
/// other may have gone now.
fn forget_empty_keys(
    tx: &Tx<'_>,
    device: DeviceId,
    state: &mut SeriesState,
) -> Result<(), StoreError> {
    let without = state.latest.iter().filter(|(_, latest)| latest.is_none());
    let without: Vec<Key> = without.map(|(key, _)| key.clone()).collect();
    for key in without {
        if newest(tx, device, &key)?.is_none() {
            state.latest.retain(|(held, _)| *held != key);
        }
    }
    Ok(())
}

/// Puts what is left of a block in its place.
fn rewrite(
    tx: &mut Tx<'_>,
    device: DeviceId,
    number: u32,
    mut rows: Rows,
) -> Result<(), StoreError> {
    rows.normalise();
    match range_of(&rows) {
        Some(range) => {
            tx.put(keys::block(device, number), block::encode(&rows));
            tx.put_record(keys::block_range(device, number), &range)
        }
        None => {
            tx.remove(keys::block(device, number));
            tx.remove(keys::block_range(device, number));
            Ok(())
        }
    }
}

/// What becomes of the latest value of one key, and whether the key is still known.
fn settle_latest(
    tx: &Tx<'_>,
    device: DeviceId,
    state: &mut SeriesState,
    name: &Key,
    selection: &DeleteSelection,
    takes: impl Fn(Millis) -> bool,
) -> Result<(), StoreError> {
    let Ok(at) = state.place(name) else {
        return Ok(());
    };
    let held = state.latest.get(at).and_then(|(_, held)| held.as_ref());
    let goes = held.is_some_and(|held| takes(held.ts)) && selection.delete_latest;
    if held.is_some() && !goes {
        return Ok(());
    }
    let newest = newest(tx, device, name)?;
    if newest.is_none() {
        state.latest.remove(at);
    } else if let Some((_, held)) = state.latest.get_mut(at) {
        *held = newest.filter(|_| goes && selection.rewrite_latest);
    }
    Ok(())
}

/// The newest point of a key that is left.
fn newest(tx: &Tx<'_>, device: DeviceId, name: &str) -> Result<Option<Latest>, StoreError> {
    let mut candidates = directory(tx, device)?;
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
        let better = best.as_ref().is_none_or(|(held_number, held)| {
            (ts, origin, number) > (held.ts, held.origin, *held_number)
        });
        if better {
            best = Some((number, Latest { ts, origin, value }));
        }
    }
    Ok(best.map(|(_, latest)| latest))
}

/// The device's blocks as this transaction sees them.
fn directory(tx: &Tx<'_>, device: DeviceId) -> Result<Vec<(u32, BlockRange)>, StoreError> {
    let mut found = Vec::new();
    for key in tx.keys(&keys::of_device(b'm', device))? {
        let number = key.last_chunk::<4>().map(|n| u32::from_be_bytes(*n));
        let range = tx.get(&key)?;
        let range = range.and_then(|range| record::decode("directory", &range).ok());
        found.extend(number.zip(range));
    }
    Ok(found)
}

fn load(tx: &Tx<'_>, device: DeviceId, number: u32) -> Result<Option<Block>, StoreError> {
    let Some(bytes) = tx.get(&keys::block(device, number))? else {
        return Ok(None);
    };
    let block = Block::read(&bytes);
    if block.is_none() {
        report(device, number);
    }
    Ok(block)
}

/// A damaged block is said loudly and never served.
pub fn report(device: DeviceId, number: u32) {
    tracing::error!(%device, block = number, "a telemetry block is damaged; its points are left out");
}
