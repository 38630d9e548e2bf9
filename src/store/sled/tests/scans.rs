//! Figures of reads, printed: `cargo test --release --lib scans -- --ignored --nocapture`.

use super::{config, open};
use crate::model::ids::{DeviceId, Epoch, Origin};
use crate::model::query::{Aggregation, HistoryQuery, Order};
use crate::model::telemetry::Row;
use crate::model::value::{Key, Value};
use crate::store::sled::SledStore;
use crate::store::{Batch, Change, Log, TimeseriesStore};
use std::time::Instant;
use tempfile::TempDir;

const POINTS: i64 = 1_000_000;

/// A point a second for each of two keys.
async fn filled(store: &SledStore, device: DeviceId) {
    let rows: Vec<Row> = (0..POINTS)
        .map(|n| Row {
            ts: 1_700_000_000_000 + n * 1000,
            values: vec![
                (Key::from("count"), Value::Long(n)),
                (
                    Key::from("level"),
                    Value::Double(20.0 + (n * 7 % 100) as f64 / 100.0),
                ),
            ],
        })
        .collect();
    for (n, part) in (1..).zip(rows.chunks(1000)) {
        let change = Change::Telemetry {
            device,
            origin: Origin {
                epoch: Epoch(1),
                sequence: n,
            },
            rows: part.to_vec().into(),
        };
        let batch = Batch::of_device(device, vec![change]);
        store.commit(batch).await.unwrap();
    }
}

fn rate(what: &str, points: usize, begun: Instant) {
    let took = begun.elapsed();
    let rate = points as f64 / took.as_secs_f64();
    println!("{what}: {points} points in {took:?}, {rate:.0} points/s");
}

#[tokio::test]
#[ignore = "prints figures"]
async fn a_million_points() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let device = DeviceId::new();
    let begun = Instant::now();
    filled(&store, device).await;
    rate("written", 2 * POINTS as usize, begun);
    store.close().await.unwrap();
    drop(store);
    let store = open(&config(directory.path()));
    let whole = 0..i64::MAX;
    for _ in 0..3 {
        for key in ["count", "level"] {
            for order in [Order::Ascending, Order::Descending] {
                let query = HistoryQuery {
                    range: whole.clone(),
                    order,
                    limit: usize::MAX,
                };
                let begun = Instant::now();
                let found = store.history(device, key, &query).await.unwrap();
                rate(&format!("{key} {order:?}"), found.len(), begun);
            }
            let begun = Instant::now();
            let one = std::slice::from_ref(&whole);
            let sum = store.aggregate(device, key, one, Aggregation::Sum).await;
            assert_eq!(sum.unwrap().len(), 1);
            rate(&format!("{key} SUM"), POINTS as usize, begun);
        }
    }
    let query = HistoryQuery {
        range: whole.clone(),
        order: Order::Descending,
        limit: 100,
    };
    let begun = Instant::now();
    for _ in 0..100 {
        let found = store.history(device, "count", &query).await.unwrap();
        assert_eq!(found.len(), 100);
    }
    println!("the newest hundred: {:?} each", begun.elapsed() / 100);
}
