//! A full disk: refusals with a reason, no panic, reads go on, and it ends when space returns.

use super::disk::SmallDisk;
use super::work::{self, Acknowledged};
use super::writer::Writer;
use industryos_iot::model::units::ByteSize;
use industryos_iot::store::{Batch, Change, Config, SharedStore, StoreError};
use std::path::Path;
use std::time::Duration;

/// Commits batches of task 0 from `n` on, until one is refused; the number of the refused one.
async fn commit_until_refused(store: &SharedStore, mut n: u64) -> (u64, StoreError) {
    loop {
        match store.commit(work::batch(0, 0, n)).await {
            Ok(_) => n += 1,
            Err(error) => return (n, error),
        }
        assert!(n < 1_000_000, "the disk never fills");
    }
}

/// Waits until the store takes batches again, then commits some more; how many there are then.
async fn commit_when_space_returned(store: &SharedStore, first: u64) -> u64 {
    for _ in 0..200 {
        if store.commit(work::batch(0, 0, first)).await.is_ok() {
            for n in first + 1..first + 100 {
                store.commit(work::batch(0, 0, n)).await.unwrap();
            }
            return first + 100;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("space returned, yet commits are refused");
}

fn counts(of_task_0: u64) -> Acknowledged {
    vec![[of_task_0, 0, 0, 0]]
}

/// Fills a store until it refuses, reads meanwhile, makes room, goes on, and opens it again.
async fn survives_a_full_disk(disk: &SmallDisk, config: &Config, left: u64) {
    let store = work::open(config).await.unwrap();
    for n in 0..500 {
        store.commit(work::batch(0, 0, n)).await.unwrap();
    }
    disk.fill(left);
    let (n, error) = commit_until_refused(&store, 500).await;
    assert_eq!(error, StoreError::Full);
    for _ in 0..50 {
        assert_eq!(
            store.commit(work::batch(0, 0, n)).await,
            Err(StoreError::Full)
        );
    }
    work::check(&store, &counts(n)).await;
    disk.free();
    let n = commit_when_space_returned(&store, n).await;
    assert_eq!(store.health(), Ok(()));
    work::check(&store, &counts(n)).await;
    store.close().await.unwrap();
    drop(store);
    let store = work::open(config).await.unwrap();
    work::check(&store, &counts(n)).await;
    store.close().await.unwrap();
}

#[test]
fn below_its_reserve_a_store_refuses_and_goes_on_when_space_returns() {
    let Some(disk) = SmallDisk::mount(48) else {
        return;
    };
    let mut config = work::config(&disk.data());
    config.reserve = ByteSize(8 << 20);
    work::runtime().block_on(survives_a_full_disk(&disk, &config, 7 << 20));
}

#[test]
fn without_a_free_byte_a_store_refuses_and_goes_on_when_space_returns() {
    let Some(disk) = SmallDisk::mount(48) else {
        return;
    };
    let mut config = work::config(&disk.data());
    config.reserve = ByteSize(0);
    work::runtime().block_on(survives_a_full_disk(&disk, &config, 64 << 10));
}

#[test]
fn a_store_that_was_full_opens_again_and_still_has_everything() {
    let Some(disk) = SmallDisk::mount(48) else {
        return;
    };
    let mut config = work::config(&disk.data());
    config.reserve = ByteSize(4 << 20);
    work::runtime().block_on(async {
        let store = work::open(&config).await.unwrap();
        let first = store.commit(work::batch(0, 0, 0)).await;
        assert!(first.is_ok());
        disk.fill(3 << 20);
        let (n, error) = commit_until_refused(&store, 1).await;
        assert_eq!(error, StoreError::Full);
        store.close().await.unwrap();
        drop(store);
        // Closing may have made room: segments that are not needed any more.
        disk.fill(3 << 20);
        let store = work::open(&config).await.unwrap();
        assert_eq!(store.health(), Err(StoreError::Full));
        work::check(&store, &counts(n)).await;
        disk.free();
        let n = commit_when_space_returned(&store, n).await;
        work::check(&store, &counts(n)).await;
    });
}

/// More than any disk has free.
fn beyond_reach(path: &Path) -> Config {
    let mut config = work::config(path);
    config.reserve = ByteSize(u64::MAX);
    config
}

#[test]
fn a_reserve_larger_than_the_disk_refuses_every_commit_but_no_read() {
    let directory = tempfile::tempdir().unwrap();
    work::runtime().block_on(async {
        let store = work::open(&work::config(directory.path())).await.unwrap();
        for n in 0..20 {
            store.commit(work::batch(0, 0, n)).await.unwrap();
        }
        store.close().await.unwrap();
        drop(store);
        let store = work::open(&beyond_reach(directory.path())).await.unwrap();
        assert_eq!(store.health(), Err(StoreError::Full));
        let (n, error) = commit_until_refused(&store, 20).await;
        assert_eq!((n, error), (20, StoreError::Full));
        let value = vec![0; 1_000];
        let secret = Change::SystemPut {
            name: "key".into(),
            value,
        };
        let refused = store.commit(Batch::of_system(vec![secret])).await;
        assert_eq!(refused, Err(StoreError::Full));
        work::check(&store, &counts(20)).await;
        store.close().await.unwrap();
        drop(store);
        let store = work::open(&work::config(directory.path())).await.unwrap();
        commit_when_space_returned(&store, 20).await;
        work::check(&store, &counts(120)).await;
    });
}

#[test]
fn a_store_killed_on_a_full_disk_opens_with_everything_once_there_is_space() {
    let Some(disk) = SmallDisk::mount(48) else {
        return;
    };
    let writer = Writer::start(&disk.data(), 0);
    assert_eq!(writer.next(), "open");
    for _ in 0..1_000 {
        writer.next();
    }
    disk.fill(0);
    let acknowledged = vec![writer.kill().acknowledged];
    let config = work::config(&disk.data());
    work::runtime().block_on(async {
        // Without a byte it may refuse to open, for that reason only, as often as it is tried.
        for _ in 0..3 {
            match work::open(&config).await {
                Ok(store) => work::check(&store, &acknowledged).await,
                Err(error) => assert_eq!(error, StoreError::Full),
            }
        }
        disk.free();
        let store = work::open(&config).await.unwrap();
        work::check(&store, &acknowledged).await;
        store.close().await.unwrap();
    });
}
