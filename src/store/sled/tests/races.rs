//! Readers beside the writer and the checkpoints: what was acknowledged is always there.

use super::{counts, cramped, message, open, put};
use crate::model::ids::DeviceId;
use crate::model::value::{Key, Value};
use crate::store::sled::SledStore;
use crate::store::TimeseriesStore;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

fn number(value: Option<Value>) -> i64 {
    match value {
        Some(Value::Long(number)) => number,
        _ => -1,
    }
}

/// Reads until the last point is acknowledged and there.
async fn read_on(store: &SledStore, device: DeviceId, acknowledged: &AtomicI64, last: i64) {
    loop {
        let before = acknowledged.load(Ordering::SeqCst);
        let found = counts(store, device).await;
        let whole: Vec<i64> = (0..found.len() as i64).collect();
        assert_eq!(found, whole, "points in the middle are missing");
        assert!(found.len() as i64 > before);
        let asked = [Key::from("count")];
        let latest = store.latest(device, Some(&asked)).await.unwrap();
        let latest = latest.first().map(|(_, point)| point.value.clone());
        assert!(number(latest) >= before);
        if before == last {
            return;
        }
    }
}

#[test]
fn points_never_vanish_while_they_are_sealed_and_moved() {
    let directory = TempDir::new().unwrap();
    let store = open(&cramped(directory.path()));
    let device = DeviceId::new();
    let acknowledged = AtomicI64::new(-1);
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.build().unwrap()
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| runtime().block_on(read_on(&store, device, &acknowledged, 399)));
        }
        runtime().block_on(async {
            for n in 0..400 {
                put(&store, device, vec![message(device, n)]).await;
                acknowledged.store(n, Ordering::SeqCst);
            }
        });
    });
}
