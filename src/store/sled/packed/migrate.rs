//! Bringing tables of an older store into leaves, once, at its first start.

use super::super::keys;
use super::super::record;
use super::super::table::{failed, Table};
use crate::store::error::StoreError;
use std::time::Instant;

/// Key and whole value.
type Row = (Vec<u8>, Vec<u8>);

/// Records that move in one batch.
const MOVED: usize = 512;

/// A kill in the midst leaves each record in one place or the other; nobody reads before all are
/// where they belong.
pub fn complete(table: &Table) -> Result<(), StoreError> {
    move_once(table, keys::IN_LEAVES, keys::small_tables())?;
    move_once(table, keys::RANGES_IN_LEAVES, keys::range_tables())
}

/// `marker`: the record that says that it is done.
fn move_once(
    table: &Table,
    marker: &[u8],
    prefixes: impl Iterator<Item = [u8; 2]>,
) -> Result<(), StoreError> {
    if table.get(marker)?.is_some() {
        return Ok(());
    }
    let (began, mut moved) = (Instant::now(), 0);
    for prefix in prefixes {
        loop {
            let rows = next_rows(table, &prefix)?;
            if rows.is_empty() {
                break;
            }
            moved += rows.len();
            table.move_into_leaves(rows)?;
        }
    }
    if moved > 0 {
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!(records = moved, seconds, "the tables have a new form");
    }
    let done = record::encode(&())?;
    table.write(vec![(marker.to_vec(), Some(done))])
}

/// The next ones that are not in leaves yet, whole.
fn next_rows(table: &Table, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
    let rows = table.tree().scan_prefix(prefix).take(MOVED);
    rows.map(|row| {
        let (key, value) = row.map_err(failed)?;
        let whole = table.whole(&key, value)?.unwrap_or_default();
        Ok((key.to_vec(), whole.to_vec()))
    })
    .collect()
}
