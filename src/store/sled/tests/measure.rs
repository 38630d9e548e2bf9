//! Figures, not tests: `cargo test --lib store::sled::tests::measure -- --ignored --nocapture`.

use super::{config, message, open, size_of};
use crate::model::device::Device;
use crate::model::ids::{DeviceId, ProfileId};
use crate::model::query::{PageRequest, SortBy};
use crate::store::{Batch, Change, DeviceStore, Log};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn at(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

#[tokio::test]
#[ignore = "prints figures"]
async fn commits() {
    for tasks in [1usize, 16, 256] {
        let directory = TempDir::new().unwrap();
        let store = Arc::new(open(&config(directory.path())));
        let each = 40_000 / tasks.max(8);
        let begun = Instant::now();
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let device = DeviceId::new();
                    let mut times = Vec::new();
                    for n in 0..each {
                        let batch = Batch::of_device(device, vec![message(device, n as i64)]);
                        let begun = Instant::now();
                        store.commit(batch).await.unwrap();
                        times.push(begun.elapsed());
                    }
                    times
                })
            })
            .collect();
        let count = tasks.len();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        let whole = begun.elapsed();
        times.sort();
        println!(
            "{count} tasks: {:.0} commits/s, median {:?}, p99 {:?}, max {:?}",
            times.len() as f64 / whole.as_secs_f64(),
            at(&times, 0.5),
            at(&times, 0.99),
            at(&times, 1.0)
        );
    }
}

#[tokio::test]
#[ignore = "prints figures"]
async fn points() {
    let directory = TempDir::new().unwrap();
    let store = Arc::new(open(&config(directory.path())));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let device = DeviceId::new();
                for part in 0..100 {
                    let messages = (part * 100..(part + 1) * 100).map(|n| message(device, n));
                    let batch = Batch::of_device(device, messages.collect());
                    store.commit(batch).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let whole = begun.elapsed();
    let points = 64 * 100 * 100 * 3;
    println!("{:.0} points/s", points as f64 / whole.as_secs_f64());
    let begun = Instant::now();
    store.close().await.unwrap();
    let bytes = size_of(directory.path());
    println!(
        "closed in {:?}; {:.2} bytes of disk a point",
        begun.elapsed(),
        bytes as f64 / points as f64
    );
}

#[tokio::test]
#[ignore = "prints figures"]
async fn a_hundred_thousand_devices() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let begun = Instant::now();
    for n in 0..100_000i64 {
        let id = DeviceId::new();
        let device = Device {
            id,
            created: n,
            name: format!("device {n}"),
            label: None,
            profile: ProfileId(uuid::Uuid::nil()),
            disabled: false,
            additional_info: "{}".into(),
            version: 1,
        };
        let changes = vec![Change::DevicePut(device), message(id, n)];
        let commit = store.commit(Batch::of_device(id, changes));
        commit.await.unwrap();
    }
    println!("100,000 devices made in {:?}", begun.elapsed());
    let begun = Instant::now();
    drop(store);
    let store = open(&config(directory.path()));
    println!("opened after a drop in {:?}", begun.elapsed());
    let begun = Instant::now();
    store.close().await.unwrap();
    println!(
        "closed in {:?}, {} bytes",
        begun.elapsed(),
        size_of(directory.path())
    );
    drop(store);
    let begun = Instant::now();
    let store = open(&config(directory.path()));
    println!("opened after a close in {:?}", begun.elapsed());
    for (number, sort, text) in [
        (0, SortBy::CreatedTime, None),
        (900, SortBy::Name, None),
        (0, SortBy::Name, Some("99")),
    ] {
        let request = PageRequest {
            size: 100,
            page: number,
            text: text.map(str::to_owned),
            sort,
            descending: true,
        };
        let begun = Instant::now();
        let page = store.devices(&request, None).await.unwrap();
        println!(
            "{sort:?} {text:?}: {} of {} in {:?}",
            page.rows.len(),
            page.total,
            begun.elapsed()
        );
    }
}
