//! The cap, and the room on disk.

use super::{config, open};
use crate::model::ids::{DeviceId, Epoch, Origin};
use crate::model::query::{HistoryQuery, Order};
use crate::model::telemetry::Row;
use crate::model::units::ByteSize;
use crate::model::value::{Key, Value};
use crate::observability::Metrics;
use crate::store::retention::{Limit, Limits};
use crate::store::sled::SledStore;
use crate::store::{Batch, Change, Config, Keeper, Log, RetentionStore, TimeseriesStore};
use std::sync::Arc;
use tempfile::TempDir;

pub(super) const DEVICES: u128 = 20;
/// Bytes of a value, which no compressor makes smaller by much.
const LENGTH: usize = 2_000;

pub(super) fn device(n: u128) -> DeviceId {
    DeviceId(uuid::Uuid::from_u128(n + 1))
}

fn noise(seed: &mut u64) -> Value {
    let mut text = String::with_capacity(LENGTH);
    while text.len() < LENGTH {
        *seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        text.push(char::from(b'!' + ((*seed >> 33) % 90) as u8));
    }
    Value::Text(text.into())
}

/// About 100 KB of one device; the `n`-th of all, and as late.
pub(super) fn batch(n: i64, seed: &mut u64) -> Batch {
    let device = device(n as u128 % DEVICES);
    let rows = (0..50).map(|row| Row {
        ts: n * 1000 + row,
        values: vec![(Key::from("t"), noise(seed))],
    });
    let origin = Origin {
        epoch: Epoch(1 << 32),
        sequence: n as u64 + 1,
    };
    let rows = rows.collect();
    Batch::of_device(
        device,
        vec![Change::Telemetry {
            device,
            origin,
            rows,
        }],
    )
}

fn capped(path: &std::path::Path, cap: u64) -> Config {
    Config {
        journal_segment: ByteSize(1 << 20),
        journal_size: ByteSize(8 << 20),
        head_memory: ByteSize(1 << 20),
        change_memory: ByteSize(0),
        max_size: ByteSize(cap),
        ..config(path)
    }
}

pub(super) async fn times(store: &SledStore, device: DeviceId) -> Vec<i64> {
    let query = HistoryQuery {
        range: i64::MIN..i64::MAX,
        order: Order::Ascending,
        limit: usize::MAX,
    };
    let points = store.history(device, "t", &query).await.unwrap();
    points.into_iter().map(|point| point.ts).collect()
}

#[tokio::test]
async fn three_times_the_cap_goes_through_the_newest_stay_and_all_that_went_is_counted() {
    let largest = churn(128 << 20, 3).await;
    assert!(largest <= 128 << 20, "{largest} bytes");
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn ten_times_the_cap_goes_through_and_the_directory_keeps_to_it() {
    let largest = churn(256 << 20, 10).await;
    assert!(largest <= 256 << 20, "{largest} bytes");
}

/// Writes so many times the cap.
async fn churn(cap: u64, times_of_it: u64) -> u64 {
    let directory = TempDir::new().unwrap();
    let settings = capped(directory.path(), cap);
    let store = Arc::new(open(&settings));
    let mut keeper = Keeper::new(store.clone(), Metrics::new(), &settings);
    let (mut seed, mut largest, mut dropped) = (1, 0, 0);
    let batches = (times_of_it * cap / 100_000) as i64;
    for n in 0..batches {
        store.commit(batch(n, &mut seed)).await.unwrap();
        if n % 10 == 0 {
            let ticked = keeper.tick(n * 1_100).await;
            assert_eq!(ticked.failed, None);
            dropped += ticked
                .dropped
                .iter()
                .map(|one| one.extent.rows)
                .sum::<u64>();
            largest = largest.max(store.disk_use().await.unwrap());
        }
    }
    println!(
        "largest {largest}, of the cap {:.2}; blocks {}; dropped {dropped} of {} rows",
        largest as f64 / cap as f64,
        store.block_bytes().await.unwrap(),
        batches * 50
    );
    // The newest are there without a gap, the oldest are not, and it was all counted.
    let mut left = 0;
    for n in 0..DEVICES {
        let found = times(&store, device(n)).await;
        let last = (0..batches)
            .rev()
            .find(|n_| *n_ as u128 % DEVICES == n)
            .unwrap();
        assert_eq!(found.last(), Some(&(last * 1000 + 49)));
        assert!(
            found[0] > batches * 1000 / 2,
            "of the first half something is left"
        );
        let steps = found.windows(2).map(|pair| pair[1] - pair[0]);
        let gap = DEVICES as i64 * 1000 - 49;
        assert!(steps.into_iter().all(|step| step == 1 || step == gap));
        left += found.len() as u64;
    }
    assert_eq!(left + dropped, batches as u64 * 50);
    assert!(left * LENGTH as u64 > cap / 32, "too little is left");
    largest
}

#[tokio::test]
async fn a_start_after_a_kill_between_the_renames_finds_everything() {
    let directory = TempDir::new().unwrap();
    let settings = capped(directory.path(), 0);
    let store = open(&settings);
    store.commit(batch(0, &mut 1)).await.unwrap();
    let kept = times(&store, device(0)).await;
    assert_eq!(kept.len(), 50);
    store.close().await.unwrap();
    drop(store);
    let path = |name: &str| directory.path().join(name);
    std::fs::rename(path("sled"), path("sled.old")).unwrap();
    std::fs::create_dir(path("sled.new")).unwrap();
    let store = open(&settings);
    assert_eq!(times(&store, device(0)).await, kept);
    store.close().await.unwrap();
    drop(store);
    // Killed behind the renames: the larger copy is rubbish.
    std::fs::create_dir(path("sled.old")).unwrap();
    let store = open(&settings);
    assert_eq!(times(&store, device(0)).await, kept);
    assert!(!path("sled.old").exists());
}

#[tokio::test]
async fn points_that_are_not_sealed_are_found_to_be_too_old() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let mut record = crate::store::contract::named("aged");
    record.id = device(0);
    let changes = vec![
        Change::DevicePut(record),
        super::message(device(0), 9),
        super::message(device(0), 2),
    ];
    store
        .commit(Batch::of_device(device(0), changes))
        .await
        .unwrap();
    let oldest = 1_700_000_002_000;
    for (due, found) in [(oldest, 0), (oldest + 1, 1)] {
        let otherwise = Some(Limit {
            before: due + 1,
            due,
        });
        let profiles = Default::default();
        let limits = Limits {
            profiles,
            otherwise,
        };
        let aged = store.aged(&limits, None, 10).await.unwrap();
        assert_eq!(aged.doomed.len(), found, "due {due}");
    }
}
