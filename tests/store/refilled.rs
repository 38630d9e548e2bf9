//! Others fill the disk while the store works: commits stop for that time, and nothing else.

use super::disk::SmallDisk;
use super::work::{self, TASKS};
use industryos_iot::model::units::ByteSize;
use industryos_iot::store::{SharedStore, StoreError};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// One task's writer: goes on after refusals for space, counts what was acknowledged.
async fn write_until(store: SharedStore, task: u64, done: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let n = done.load(Ordering::SeqCst);
        match store.commit(work::batch(0, task, n)).await {
            Ok(_) => done.store(n + 1, Ordering::SeqCst),
            Err(StoreError::Full) => tokio::time::sleep(Duration::from_millis(2)).await,
            Err(error) => panic!("a full disk is no {error:?}"),
        }
    }
}

/// Waits until the store says that the disk is full.
async fn full(store: &SharedStore) {
    for _ in 0..5_000 {
        match store.health() {
            Ok(()) => tokio::time::sleep(Duration::from_millis(2)).await,
            Err(error) => return assert_eq!(error, StoreError::Full),
        }
    }
    panic!("a full disk is not noticed");
}

/// Waits until every task has committed `more` batches.
async fn progress(done: &[Arc<AtomicU64>], more: u64) {
    for count in done {
        let goal = count.load(Ordering::SeqCst) + more;
        let reached = async {
            while count.load(Ordering::SeqCst) < goal {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let within = tokio::time::timeout(Duration::from_secs(30), reached).await;
        assert!(within.is_ok(), "space is there, yet nothing is committed");
    }
}

#[test]
fn a_disk_that_others_fill_again_and_again_under_load_stops_commits_only_for_that_time() {
    let Some(disk) = SmallDisk::mount(48) else {
        return;
    };
    let mut config = work::config(&disk.data());
    // Checkpoints and sealing go on all the time, also while the disk is full.
    config.journal_segment = ByteSize(16 << 10);
    config.journal_size = ByteSize(128 << 10);
    config.head_memory = ByteSize(8 << 10);
    work::runtime().block_on(async {
        let store = work::open(&config).await.unwrap();
        let done: Vec<Arc<AtomicU64>> = (0..TASKS).map(|_| Arc::default()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let writers = (0..).zip(&done).map(|(task, done)| {
            tokio::spawn(write_until(store.clone(), task, done.clone(), stop.clone()))
        });
        let writers: Vec<_> = writers.collect();
        for _ in 0..6 {
            progress(&done, 150).await;
            disk.fill(0);
            full(&store).await;
            // Long enough for several checkpoints to be tried.
            tokio::time::sleep(Duration::from_millis(300)).await;
            disk.free();
        }
        progress(&done, 50).await;
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.await.unwrap();
        }
        let counts: Vec<u64> = done
            .iter()
            .map(|done| done.load(Ordering::SeqCst))
            .collect();
        let acknowledged = vec![counts.try_into().unwrap()];
        work::check(&store, &acknowledged).await;
        store.close().await.unwrap();
        drop(store);
        let store = work::open(&config).await.unwrap();
        work::check(&store, &acknowledged).await;
    });
}
