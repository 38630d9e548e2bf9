//! Readers beside the writer and the checkpoints: what was acknowledged is always there.

use super::{counts, cramped, message, open, put};
use crate::model::ids::DeviceId;
use crate::model::value::{Key, Value};
use crate::store::TimeseriesStore;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn points_never_vanish_while_they_are_sealed_and_moved() {
    let directory = TempDir::new().unwrap();
    let store = Arc::new(open(&cramped(directory.path())));
    let device = DeviceId::new();
    let acknowledged = Arc::new(AtomicI64::new(-1));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (store, acknowledged) = (store.clone(), acknowledged.clone());
            tokio::spawn(async move {
                loop {
                    let before = acknowledged.load(Ordering::SeqCst);
                    let found = counts(&store, device).await;
                    let whole: Vec<i64> = (0..found.len() as i64).collect();
                    assert_eq!(found, whole, "points in the middle are missing");
                    assert!(found.len() as i64 > before);
                    let asked = [Key::from("count")];
                    let latest = store.latest(device, Some(&asked)).await.unwrap();
                    let latest = latest.first().map(|(_, point)| point.value.clone());
                    let number = match latest {
                        Some(Value::Long(number)) => number,
                        _ => -1,
                    };
                    assert!(number >= before);
                    if before == 399 {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for n in 0..400 {
        put(&store, device, vec![message(device, n)]).await;
        acknowledged.store(n, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
