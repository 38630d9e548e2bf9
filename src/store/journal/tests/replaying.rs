//! What is written comes back, segment after segment; dropping segments asks for the watermark.

use super::super::segment;
use super::{batch, found, read, Rig};
use crate::model::ids::Incarnation;
use tempfile::TempDir;

#[tokio::test]
async fn batches_come_back_in_order_with_their_dedup_ids() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 1 << 20);
    for n in 0..20 {
        assert_eq!(rig.journal.commit(batch(n)).await, Ok(u64::from(n) + 1));
    }
    drop(rig);
    let (replayed, frames) = read(directory.path());
    assert_eq!((replayed.last, replayed.damaged), (20, 0));
    for (n, frame) in (0..).zip(&frames) {
        assert_eq!(frame.batch, batch(n));
        assert_eq!(frame.id.sequence, u64::from(n) + 1);
        assert_eq!(frame.id.node, super::NODE);
        assert_eq!(frame.id.incarnation, Incarnation(1));
    }
    assert_eq!(frames.len(), 20);
}

#[tokio::test]
async fn segments_roll_at_their_size_and_replay_as_one_log() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 300);
    for n in 0..20 {
        rig.journal.commit(batch(n)).await.unwrap();
    }
    let closed = rig.journal.closed_segments();
    assert!(closed.len() >= 4, "{closed:?}");
    for pair in closed.windows(2) {
        assert_eq!(pair[0].last + 1, pair[1].first);
    }
    drop(rig);
    assert_eq!(
        found(directory.path()),
        (0..20).map(batch).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_restarted_journal_goes_on_behind_the_last_batch() {
    let directory = TempDir::new().unwrap();
    for life in 0..5 {
        let rig = Rig::open(directory.path(), 300);
        assert_eq!(rig.batches(), (0..life * 3).map(batch).collect::<Vec<_>>());
        for n in 0..3 {
            rig.journal.commit(batch(life * 3 + n)).await.unwrap();
        }
    }
    assert_eq!(found(directory.path()).len(), 15);
}

#[tokio::test]
async fn starts_without_commits_leave_one_empty_segment() {
    let directory = TempDir::new().unwrap();
    for _ in 0..5 {
        // As a kill leaves it: nothing is tidied up.
        std::mem::forget(Rig::open(directory.path(), 300));
    }
    assert_eq!(segment::list(directory.path()).unwrap().len(), 1);
}

#[tokio::test]
async fn zeros_written_ahead_are_no_damage_after_a_kill_and_do_not_outlive_a_closed_segment() {
    const SEGMENT: u64 = 24 * 4096;
    let directory = TempDir::new().unwrap();
    let length = || {
        let (_, path) = segment::list(directory.path()).unwrap().remove(0);
        std::fs::metadata(path).unwrap().len()
    };
    let rig = Rig::open(directory.path(), SEGMENT);
    rig.journal.commit(batch(0)).await.unwrap();
    assert_eq!(length(), SEGMENT, "the whole segment is there");
    rig.journal.commit(batch(1)).await.unwrap();
    assert_eq!(length(), SEGMENT);
    // As a kill leaves it.
    std::mem::forget(rig);
    let (replayed, _) = read(directory.path());
    assert_eq!((replayed.last, replayed.damaged), (2, 0));
    assert_eq!(length(), replayed.segments[0].bytes, "cut off");
    let rig = Rig::open(directory.path(), SEGMENT);
    rig.journal.commit(batch(2)).await.unwrap();
    drop(rig);
    for (_, path) in segment::list(directory.path()).unwrap() {
        assert_ne!(std::fs::read(path).unwrap().last(), Some(&0));
    }
    assert_eq!(found(directory.path()), [batch(0), batch(1), batch(2)]);
}

#[tokio::test]
async fn only_segments_at_or_below_the_watermark_are_dropped() {
    let directory = TempDir::new().unwrap();
    let rig = Rig::open(directory.path(), 300);
    for n in 0..20 {
        rig.journal.commit(batch(n)).await.unwrap();
    }
    let closed = rig.journal.closed_segments();
    assert_eq!(rig.journal.drop_up_to(0), Ok(0));
    let second = &closed[1];
    assert_eq!(rig.journal.drop_up_to(second.last - 1), Ok(1));
    assert_eq!(rig.journal.drop_up_to(second.last), Ok(1));
    let (_, frames) = read(directory.path());
    assert_eq!(frames[0].id.sequence, second.last + 1);
    assert_eq!(frames.last().unwrap().id.sequence, 20);
    // The segment that is being written stays, whatever the watermark.
    rig.journal.drop_up_to(u64::MAX).unwrap();
    rig.journal.commit(batch(20)).await.unwrap();
    drop(rig);
    assert_eq!(found(directory.path()).last(), Some(&batch(20)));
}
