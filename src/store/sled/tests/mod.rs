//! Tests of the durable engine: the contract on it in several moods, and what only it promises.

mod blocks;
mod by_time;
mod churn;
mod columns;
mod compacting;
mod contract;
mod counting;
mod damage;
mod fixture;
mod folds;
mod killing;
mod limits;
mod measure;
mod merging;
mod moments;
mod packed;
mod races;
mod replaying;
mod retention;
mod scans;
mod standstill;
mod streams;
mod twins;
mod walks;

use super::checkpoint::Parts;
use super::SledStore;
use crate::model::ids::{DeviceId, Epoch, Origin};
use crate::model::packed::PackedRows;
use crate::model::query::{HistoryQuery, Order};
use crate::model::telemetry::Row;
use crate::model::units::{ByteSize, Period};
use crate::model::value::{Key, Value};
use crate::observability::Metrics;
use crate::store::{Batch, Change, Config, Log, StoreError, TimeseriesStore};
use std::path::Path;
use std::time::Duration;

/// Everything as in production.
pub(super) fn config(path: &Path) -> Config {
    Config {
        path: path.to_owned(),
        reserve: ByteSize(0),
        journal_segment: ByteSize(32 << 20),
        journal_size: ByteSize(256 << 20),
        memory: ByteSize(256 << 20),
        queue_bytes: ByteSize(64 << 20),
        cache: ByteSize(4 << 20),
        change_memory: ByteSize(2 << 20),
        head_memory: ByteSize(64 << 20),
        retention: Period(Duration::ZERO),
        retention_slice: 1000,
        max_size: ByteSize(0),
        compact_above: ByteSize(256 << 20),
        stuck_after: Period(Duration::from_secs(60)),
    }
}

/// Segments of a few batches, hardly any memory, and a cap below which nothing fits: seals,
/// checkpoints, drops and new files all the time.
pub(super) fn cramped(path: &Path) -> Config {
    Config {
        journal_segment: ByteSize(2 << 10),
        journal_size: ByteSize(16 << 10),
        head_memory: ByteSize(1 << 10),
        change_memory: ByteSize(8 << 10),
        max_size: ByteSize(1),
        ..config(path)
    }
}

pub(super) fn open(config: &Config) -> SledStore {
    SledStore::open(config, Metrics::new()).unwrap()
}

/// The directory as kill -9 would leave it now: what sled has in memory only is not in it.
pub(super) fn copy_as_a_kill_leaves_it(parts: &Parts, image: &Path) -> Result<(), StoreError> {
    let _no_checkpoint = parts.running.lock();
    let no_change = parts.engine.pause();
    // Every other life what sled has in memory reaches its file, as it does now and then.
    if parts.directory.identity.1 .0.is_multiple_of(2) {
        parts.engine.table.db().flush().unwrap();
    }
    copy_directory(parts.directory.journal().parent().unwrap(), image);
    drop(no_change);
    parts.journal.stop();
    Ok(())
}

pub(super) fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A message of three values.
pub(super) fn message(device: DeviceId, n: i64) -> Change {
    let values = vec![
        (Key::from("count"), Value::Long(n)),
        (Key::from("level"), Value::Double(n as f64 / 8.0)),
        (
            Key::from("mood"),
            Value::Text(format!("mood {}", n % 7).into()),
        ),
    ];
    Change::Telemetry {
        device,
        origin: Origin {
            epoch: Epoch(1 << 32),
            sequence: n as u64 + 1,
        },
        rows: vec![Row {
            ts: 1_700_000_000_000 + n * 1000,
            values,
        }]
        .into(),
    }
}

/// A message that takes some room in a block.
pub(super) fn noisy(device: DeviceId, n: i64) -> Change {
    let mut message = message(device, n);
    if let Change::Telemetry { rows, .. } = &mut message {
        let noise = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let noise = Value::Long((noise ^ noise >> 29).wrapping_mul(noise) as i64);
        edit(rows, |rows| rows[0].values.push(("noise".into(), noise)));
    }
    message
}

/// Changes rows as if they were a list.
pub(super) fn edit(rows: &mut PackedRows, change: impl FnOnce(&mut Vec<Row>)) {
    let mut list = rows.iter().collect();
    change(&mut list);
    *rows = list.into();
}

pub(super) async fn put(store: &SledStore, device: DeviceId, changes: Vec<Change>) {
    let batch = Batch::of_device(device, changes);
    store.commit(batch).await.unwrap();
}

/// The values of `count`, by time.
pub(super) async fn counts(store: &SledStore, device: DeviceId) -> Vec<i64> {
    let query = HistoryQuery {
        range: i64::MIN..i64::MAX,
        order: Order::Ascending,
        limit: usize::MAX,
    };
    let points = store.history(device, "count", &query).await.unwrap();
    let number = |value| match value {
        Value::Long(number) => number,
        other => panic!("{other:?} is not what was written"),
    };
    points
        .into_iter()
        .map(|point| number(point.value))
        .collect()
}

/// As after a long quiet time: until nothing is left to merge.
pub(super) fn merge_all(store: &SledStore) {
    while store.parts.engine.merge(Duration::ZERO).unwrap() {}
}

pub(super) fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap();
    let sizes = entries.map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => size_of(&path),
            false => path.metadata().map_or(0, |found| found.len()),
        }
    });
    sizes.sum()
}
