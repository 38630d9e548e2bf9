//! Late points, overwrites and merges: every answer as if all had come in order, and in the end
//! blocks that do not overlap.

use super::super::telemetry::directory::{self, BlockRange};
use super::super::telemetry::merge::{is_small, FAN};
use super::{config, merge_all, open, put};
use crate::model::ids::{DeviceId, Epoch, Origin};
use crate::model::query::{HistoryQuery, Order};
use crate::model::telemetry::Row;
use crate::model::value::Value;
use crate::store::sled::SledStore;
use crate::store::{Change, TimeseriesStore};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;

/// What happens to a device: points from a time on, and what is done about blocks then.
#[derive(Clone, Debug)]
enum Step {
    Points { from: i64, count: i64, apart: i64 },
    Seal,
    Merge { quiet: bool },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let late = (0i64..400, 1i64..40, 1i64..20);
    prop_oneof![
        6 => late.prop_map(|(from, count, apart)| Step::Points { from, count, apart }),
        6 => Just(Step::Seal),
        5 => any::<bool>().prop_map(|quiet| Step::Merge { quiet }),
        1 => Just(Step::Restart),
    ]
}

/// A value that does not compress, so that blocks become long.
fn points(device: DeviceId, n: u64, step: &Step) -> Option<Change> {
    let Step::Points { from, count, apart } = *step else {
        return None;
    };
    let rows = (0..count).map(|at| {
        let noise = (n << 32 | at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Row {
            ts: from + at * apart,
            values: vec![("v".into(), Value::Text(format!("{noise:064x}").into()))],
        }
    });
    // All the same: for each time the value that came last must stand, wherever it is.
    let sequence = 7;
    Some(Change::Telemetry {
        device,
        origin: Origin {
            epoch: Epoch(1),
            sequence,
        },
        rows: rows.collect(),
    })
}

async fn history(store: &SledStore, device: DeviceId, order: Order) -> Vec<(i64, Value)> {
    let query = HistoryQuery {
        range: i64::MIN..i64::MAX,
        order,
        limit: usize::MAX,
    };
    let points = store.history(device, "v", &query).await.unwrap();
    points.into_iter().map(|p| (p.ts, p.value)).collect()
}

fn blocks(store: &SledStore, device: DeviceId) -> Vec<BlockRange> {
    let listed = directory::list(&store.parts.engine.table, device).unwrap();
    let mut blocks: Vec<BlockRange> = listed.into_iter().map(|(_, range)| range).collect();
    blocks.sort_by_key(|block| block.min);
    blocks
}

fn assert_settled(store: &SledStore, device: DeviceId) {
    let blocks = blocks(store, device);
    assert!(blocks.iter().all(|block| !block.side), "{blocks:?}");
    for pair in blocks.windows(2) {
        assert!(pair[0].max < pair[1].min, "{pair:?}");
    }
    let balanced = |run: &[BlockRange]| {
        let lengths = run.iter().map(|block| block.bytes);
        run.iter().all(is_small) && lengths.clone().max().unwrap() * 2 <= lengths.sum()
    };
    assert!(!blocks.windows(FAN).any(balanced), "{blocks:?}");
}

async fn replay(steps: Vec<Step>) {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let mut store = open(&config(directory.path()));
    let mut expected = BTreeMap::new();
    for (n, step) in (0..).zip(&steps) {
        match step {
            Step::Points { .. } => {
                let change = points(device, n, step).unwrap();
                if let Change::Telemetry { rows, .. } = &change {
                    let values = rows.iter().map(|row| (row.ts, row.values[0].1.clone()));
                    expected.extend(values);
                }
                put(&store, device, vec![change]).await;
            }
            Step::Seal => store.parts.engine.seal(&[device]).unwrap(),
            Step::Merge { quiet: true } => merge_all(&store),
            Step::Merge { quiet: false } => {
                store.parts.engine.merge(Duration::MAX).unwrap();
            }
            Step::Restart => {
                drop(store);
                store = open(&config(directory.path()));
            }
        }
        let held: Vec<_> = expected.clone().into_iter().collect();
        assert_eq!(history(&store, device, Order::Ascending).await, held);
    }
    store.parts.engine.seal(&[device]).unwrap();
    merge_all(&store);
    assert_settled(&store, device);
    let held: Vec<_> = expected.into_iter().rev().collect();
    assert_eq!(history(&store, device, Order::Descending).await, held);
}

#[test]
fn late_points_and_overwrites_come_out_right_however_blocks_are_merged() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let settings = ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(settings);
    let steps = proptest::collection::vec(step(), 1..60);
    let run = |steps| {
        runtime.block_on(replay(steps));
        Ok(())
    };
    runner.run(&steps, run).unwrap();
}

/// Rows that take hardly a byte each.
fn regular(device: DeviceId, from: i64, rows: i64, keys: usize) -> Change {
    let names = std::iter::once("v".to_owned()).chain((1..keys).map(|n| format!("k{n}")));
    let values: Vec<_> = names.map(|key| (key.into(), Value::Long(5))).collect();
    let rows = (from..from + rows).map(|ts| Row {
        ts,
        values: values.clone(),
    });
    Change::Telemetry {
        device,
        origin: Origin::default(),
        rows: rows.collect(),
    }
}

#[tokio::test]
async fn regular_rows_fill_blocks_by_their_number_and_are_not_merged_for_ever() {
    for (parts, rows, keys) in [(16, 4_000, 1), (16, 100, 150)] {
        let directory = TempDir::new().unwrap();
        let device = DeviceId::new();
        let store = open(&config(directory.path()));
        for part in 0..parts {
            put(
                &store,
                device,
                vec![regular(device, part * rows, rows, keys)],
            )
            .await;
            store.parts.engine.seal(&[device]).unwrap();
        }
        let merged = (0..50).find(|_| !store.parts.engine.merge(Duration::ZERO).unwrap());
        assert!(
            merged.is_some(),
            "still merging: {:?}",
            blocks(&store, device)
        );
        let blocks = blocks(&store, device);
        assert!(blocks.len() < parts as usize, "{blocks:?}");
        let most = if keys > 1 { 1 << 17 } else { 1 << 14 };
        assert!(
            blocks.iter().all(|b| b.rows as usize * keys <= most),
            "{blocks:?}"
        );
        let points = history(&store, device, Order::Ascending).await;
        assert!(points.into_iter().map(|p| p.0).eq(0..parts * rows));
    }
}

/// Seals points that take about 64 bytes of a block each.
async fn seal_points(store: &SledStore, device: DeviceId, from: i64, count: i64, apart: i64) {
    let step = Step::Points { from, count, apart };
    let change = points(device, from as u64, &step).unwrap();
    put(store, device, vec![change]).await;
    store.parts.engine.seal(&[device]).unwrap();
}

#[tokio::test]
async fn late_points_of_a_busy_device_are_merged_by_the_handful() {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let store = open(&config(directory.path()));
    let sides = || blocks(&store, device).iter().filter(|b| b.side).count();
    seal_points(&store, device, 0, 40, 100).await;
    for late in 1..=FAN {
        assert_eq!(sides(), late - 1);
        seal_points(&store, device, late as i64 * 500 + 1, 4, 7).await;
        while store.parts.engine.merge(Duration::MAX).unwrap() {}
    }
    let settled = blocks(&store, device);
    assert_eq!((settled.len(), settled[0].side), (1, false), "{settled:?}");
    // All of them in one go: the main block and the four late ones had the numbers before.
    assert_eq!(settled[0].rows, 40 + 4 * FAN as u32);
    let entries = directory::list(&store.parts.engine.table, device).unwrap();
    assert_eq!(entries[0].0, 1 + FAN as u32, "{entries:?}");
}

#[tokio::test]
async fn blocks_are_of_their_length_also_when_a_device_sends_something_else() {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let store = open(&config(directory.path()));
    let table = &store.parts.engine.table;
    let mut at = 0;
    for round in 0..6 {
        let count = if round % 2 == 0 { 1_000 } else { 3_000 };
        if round % 2 == 0 {
            seal_points(&store, device, at, count, 1).await;
        } else {
            put(&store, device, vec![regular(device, at, count, 1)]).await;
            store.parts.engine.seal(&[device]).unwrap();
        }
        at += count;
        let sealed = directory::list(table, device).unwrap();
        let mut new = sealed.iter().filter(|(_, range)| range.max >= at - count);
        if round % 2 == 0 {
            assert!(new.all(|(_, range)| (3 << 10..=7 << 10).contains(&range.bytes)));
        } else {
            assert_eq!(new.count(), 1, "{sealed:?}");
        }
    }
}

#[tokio::test]
async fn latest_values_of_many_keys_stand_on_pages_and_are_found() {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let store = open(&config(directory.path()));
    let key = |n: i64| format!("key number {n}");
    // First few, then many more: pages double on the way.
    for (round, range) in [(0, 0..50i64), (1, 40..300), (2, 0..5_000)] {
        let values = range
            .clone()
            .map(|n| (key(n).into(), Value::Long(n + round)));
        let rows = vec![Row {
            ts: round,
            values: values.collect(),
        }];
        let origin = Origin::default();
        put(
            &store,
            device,
            vec![Change::Telemetry {
                device,
                origin,
                rows: rows.into(),
            }],
        )
        .await;
        store.parts.engine.seal(&[device]).unwrap();
        let asked: Vec<_> = range.clone().map(|n| key(n).into()).collect();
        let found = store.latest(device, Some(&asked)).await.unwrap();
        assert_eq!(found.len(), asked.len());
        for (key, point) in found {
            let number: i64 = key.rsplit(' ').next().unwrap().parse().unwrap();
            assert_eq!(point.value, Value::Long(number + round), "{key}");
        }
    }
    assert_eq!(store.latest(device, None).await.unwrap().len(), 5_000);
    assert_eq!(store.telemetry_keys(device).await.unwrap().len(), 5_000);
    let prefix = super::super::keys::latest_pages(device);
    let pages = store.parts.engine.table.tree().scan_prefix(prefix).count();
    assert_eq!(pages, 128);
    put(&store, device, vec![Change::DeviceDelete(device)]).await;
    let prefix = super::super::keys::latest_pages(device);
    let pages = store.parts.engine.table.tree().scan_prefix(prefix).count();
    assert_eq!(pages, 0, "pages of a deleted device are left");
}
