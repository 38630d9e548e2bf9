//! Failing writes and syncs refuse their commit and nothing else; a full disk is a refusal that
//! ends; senders wait for room in the queue.

use super::super::bundle::Bundle;
use super::super::queue::Queue;
use super::super::space::Space;
use super::super::writer::{Journal, Settings};
use super::{batch, found, Rig, Seen, NODE};
use crate::model::ids::{DeviceId, Incarnation};
use crate::observability::Metrics;
use crate::store::batch::{Batch, Change};
use crate::store::error::StoreError;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use tempfile::TempDir;

#[tokio::test]
async fn a_write_that_fails_half_way_is_refused_as_full_and_leaves_no_trace() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 1 << 20);
    rig.journal.commit(batch(0)).await.unwrap();
    for written in [0, 1, 8, 30, 60, 1000] {
        rig.faults.short_write.store(written + 1, Ordering::SeqCst);
        let refused = rig.journal.commit(batch(100)).await;
        assert_eq!(refused, Err(StoreError::Full), "after {written} bytes");
    }
    assert_eq!(rig.journal.commit(batch(1)).await, Ok(2));
    assert_eq!(rig.batches(), vec![batch(0), batch(1)]);
    drop(rig);
    assert_eq!(found(directory.path()), vec![batch(0), batch(1)]);
}

#[tokio::test]
async fn a_failed_sync_refuses_its_commit_and_the_next_goes_to_a_new_segment() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 1 << 20);
    // Also for the very first commit of a segment.
    for round in 0..2u8 {
        rig.faults.sync.store(true, Ordering::SeqCst);
        let refused = rig.journal.commit(batch(100)).await;
        assert!(matches!(refused, Err(StoreError::Io(_))), "{refused:?}");
        assert_eq!(
            rig.journal.commit(batch(round)).await,
            Ok(u64::from(round) + 1)
        );
    }
    assert_eq!(rig.journal.drop_up_to(0), Ok(0));
    assert_eq!(rig.batches(), vec![batch(0), batch(1)]);
    drop(rig);
    assert_eq!(found(directory.path()), vec![batch(0), batch(1)]);
}

#[tokio::test]
async fn tables_that_stop_following_the_log_stop_the_log_until_a_restart() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 1 << 20);
    rig.journal.commit(batch(0)).await.unwrap();
    rig.engine.fails.store(true, Ordering::SeqCst);
    assert!(rig.journal.commit(batch(1)).await.is_err());
    rig.engine.fails.store(false, Ordering::SeqCst);
    assert!(rig.journal.commit(batch(2)).await.is_err());
    assert!(rig.journal.health().is_err());
    drop(rig);
    let rig = Rig::open(directory.path(), 1 << 20);
    assert_eq!(rig.journal.health(), Ok(()));
    assert_eq!(rig.batches(), vec![batch(0), batch(1)]);
}

/// A journal that is to leave so many bytes of the disk free.
fn reserving(directory: &TempDir, reserve: u64) -> (Journal, Arc<Seen>) {
    let settings = Settings {
        directory: directory.path().to_owned(),
        node: NODE,
        incarnation: Incarnation(1),
        next: 1,
        segment_bytes: 1 << 20,
        most_bytes: u64::MAX,
        queue_bytes: 1 << 20,
        reserve,
        faults: Arc::default(),
    };
    let engine = Arc::new(Seen::default());
    let started = Journal::start(settings, Default::default(), engine.clone(), Metrics::new());
    (started.unwrap(), engine)
}

#[tokio::test]
async fn below_the_reserve_what_makes_room_is_taken_and_all_else_is_refused() {
    let directory = TempDir::new().unwrap();
    let figures = rustix::fs::statvfs(directory.path()).unwrap();
    let free = figures.f_bavail * figures.f_frsize;
    let (journal, engine) = reserving(&directory, free / 2 * 3);
    let device = DeviceId::new();
    let expiry = Change::TelemetryExpire { device, before: 9 };
    let expiry = Batch::of_device(device, vec![expiry]);
    // Also where both come in one group.
    let (refused, taken, late) = tokio::join!(
        journal.commit(batch(0)),
        journal.commit(expiry.clone()),
        journal.commit(batch(1))
    );
    assert_eq!(refused, Err(StoreError::Full));
    assert_eq!(taken, Ok(1));
    assert_eq!(late, Err(StoreError::Full));
    assert_eq!(*engine.batches.lock(), vec![(1, expiry.clone())]);
    assert_eq!(journal.health(), Err(StoreError::Full));
    drop(journal);
    assert_eq!(found(directory.path()), vec![expiry]);
}

#[tokio::test]
async fn below_the_reserve_commits_are_refused_as_full() {
    let directory = TempDir::new().unwrap();
    let (journal, engine) = reserving(&directory, u64::MAX);
    assert_eq!(journal.commit(batch(0)).await, Err(StoreError::Full));
    assert_eq!(journal.health(), Err(StoreError::Full));
    assert!(engine.batches.lock().is_empty());
    drop(journal);
    assert!(found(directory.path()).is_empty());
}

#[test]
fn room_is_what_is_free_less_the_reserve_and_what_was_just_written() {
    let directory = TempDir::new().unwrap();
    let figures = rustix::fs::statvfs(directory.path()).unwrap();
    let free = figures.f_bavail * figures.f_frsize;
    let space = Space::new(directory.path(), free / 2);
    assert_eq!(space.check(0), Ok(()));
    assert_eq!(space.check(free), Err(StoreError::Full));
    assert_eq!(space.check(free / 3), Ok(()));
    assert_eq!(space.check(free / 3), Err(StoreError::Full));
}

/// One batch of about that encoded size.
fn large(n: u8, bytes: usize) -> Batch {
    Batch::of_system(vec![Change::SystemPut {
        name: String::new(),
        value: vec![n; bytes],
    }])
}

fn bundle(n: u8, bytes: usize) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.push(large(n, bytes)).unwrap();
    bundle
}

#[tokio::test]
async fn senders_wait_while_the_queue_is_full_and_go_on_in_order() {
    let queue = Arc::new(Queue::new(10_000));
    let push = |n: u8| {
        let queue = queue.clone();
        async move { queue.push(bundle(n, 2_000)).await }
    };
    let (_first, _second) = (push(0).await.unwrap(), push(1).await.unwrap());
    let third = tokio::spawn(push(2));
    let fourth = tokio::spawn(push(3));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!third.is_finished() && !fourth.is_finished());
    let taken = queue.take(usize::MAX).unwrap();
    assert_eq!(taken.len(), 2);
    drop(taken);
    let (_third, _fourth) = (
        third.await.unwrap().unwrap(),
        fourth.await.unwrap().unwrap(),
    );
    let taken = queue.take(usize::MAX).unwrap();
    let batches: Vec<&Batch> = taken.iter().flat_map(|w| w.bundle.batches()).collect();
    assert_eq!(batches, vec![&large(2, 2_000), &large(3, 2_000)]);
}

#[tokio::test]
async fn a_batch_beyond_the_whole_budget_passes_alone() {
    let queue = Queue::new(1_000);
    queue.push(bundle(0, 100_000)).await.unwrap();
    assert_eq!(queue.take(1).unwrap().len(), 1);
}

#[tokio::test]
async fn a_closed_queue_refuses_and_those_who_wait_hear_it() {
    let queue = Arc::new(Queue::new(5_000));
    let _first = queue.push(bundle(0, 2_000)).await.unwrap();
    let waiting = {
        let queue = queue.clone();
        tokio::spawn(async move { queue.push(bundle(1, 2_000)).await })
    };
    tokio::task::yield_now().await;
    queue.close();
    assert!(matches!(waiting.await.unwrap(), Err(StoreError::Closed)));
    assert!(matches!(
        queue.push(bundle(2, 0)).await,
        Err(StoreError::Closed)
    ));
    // What was taken in is still written.
    assert_eq!(queue.take(usize::MAX).unwrap().len(), 1);
    assert!(queue.take(usize::MAX).is_none());
}

#[tokio::test]
async fn a_batch_over_a_mebibyte_is_refused_before_it_is_queued() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 1 << 20);
    let huge = Batch::of_system(vec![Change::SystemPut {
        name: String::new(),
        value: vec![0; 1 << 20],
    }]);
    let refused = rig.journal.commit(huge).await;
    assert!(matches!(refused, Err(StoreError::BatchTooLarge { .. })));
}

#[tokio::test]
async fn many_at_once_are_answered_each_by_itself_and_written_in_their_order() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 64 << 20);
    // More than one bundle holds, with one in the middle that nothing can hold.
    let mut batches: Vec<Batch> = (0..8).map(|n| large(n, 300_000)).collect();
    batches.insert(5, large(99, 1 << 20));
    let results = rig.journal.commit_all(batches).await;
    assert!(matches!(results[5], Err(StoreError::BatchTooLarge { .. })));
    let taken: Vec<u64> = results.into_iter().flatten().collect();
    assert_eq!(taken, (1..=8).collect::<Vec<_>>());
    let expected: Vec<Batch> = (0..8).map(|n| large(n, 300_000)).collect();
    assert_eq!(rig.batches(), expected);
    drop(rig);
    assert_eq!(found(directory.path()), expected);
}

#[tokio::test]
async fn a_failed_sync_refuses_all_that_were_committed_at_once() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 1 << 20);
    rig.faults.sync.store(true, Ordering::SeqCst);
    let results = rig.journal.commit_all(vec![batch(0), batch(1)]).await;
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|r| matches!(r, Err(StoreError::Io(_)))));
    let results = rig.journal.commit_all(vec![batch(2), batch(3)]).await;
    assert_eq!(results, vec![Ok(1), Ok(2)]);
    assert_eq!(rig.batches(), vec![batch(2), batch(3)]);
    assert!(rig.journal.commit_all(Vec::new()).await.is_empty());
}
