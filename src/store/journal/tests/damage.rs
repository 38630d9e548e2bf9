//! Torn tails end the log cleanly; damage is reported, kept, and stepped over.

use super::super::frame::{self, DedupId, Parsed};
use super::super::segment;
use super::{batch, found, read, Rig, NODE};
use crate::model::ids::Incarnation;
use crate::store::batch::Batch;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Segments with so many batches each; returns their files.
async fn written(directory: &Path, batches: u8, segment_bytes: u64) -> Vec<PathBuf> {
    let rig = Rig::open(directory, segment_bytes);
    for n in 0..batches {
        rig.journal.commit(batch(n)).await.unwrap();
    }
    drop(rig);
    let segments = segment::list(directory).unwrap();
    segments.into_iter().map(|(_, path)| path).collect()
}

fn expected(numbers: impl IntoIterator<Item = u8>) -> Vec<Batch> {
    numbers.into_iter().map(batch).collect()
}

fn encoded(batch: &Batch) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode_batch(batch, &mut bytes).unwrap();
    bytes
}

fn framed(sequence: u64, n: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let id = DedupId {
        node: NODE,
        incarnation: Incarnation(1),
        sequence,
    };
    frame::append(&mut bytes, id, &encoded(&batch(n)));
    bytes
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_of_the_last_frame_is_cut_off_and_the_log_goes_on() {
    let directory = TempDir::new().unwrap();
    let file = written(directory.path(), 3, 1 << 20).await.remove(0);
    let whole = std::fs::read(&file).unwrap();
    let last = framed(3, 2).len();
    for torn in 1..=last {
        std::fs::write(&file, &whole[..whole.len() - torn]).unwrap();
        let (replayed, _) = read(directory.path());
        assert_eq!((replayed.last, replayed.damaged), (2, 0), "torn {torn}");
        assert_eq!(
            std::fs::metadata(&file).unwrap().len() as usize,
            whole.len() - last
        );
        let rig = Rig::open(directory.path(), 1 << 20);
        assert_eq!(rig.journal.commit(batch(9)).await, Ok(3));
        drop(rig);
        assert_eq!(found(directory.path()), expected([0, 1, 9]));
        for (_, path) in segment::list(directory.path()).unwrap() {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test]
async fn any_flipped_byte_of_the_last_frame_makes_it_a_torn_tail() {
    let directory = TempDir::new().unwrap();
    let file = written(directory.path(), 3, 1 << 20).await.remove(0);
    let whole = std::fs::read(&file).unwrap();
    let last = framed(3, 2).len();
    for at in whole.len() - last..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&file, &flipped).unwrap();
        assert_eq!(found(directory.path()), expected([0, 1]), "flipped {at}");
    }
}

#[tokio::test]
async fn any_flipped_byte_of_an_earlier_frame_is_reported_and_costs_that_frame_only() {
    let directory = TempDir::new().unwrap();
    let file = written(directory.path(), 4, 1 << 20).await.remove(0);
    let whole = std::fs::read(&file).unwrap();
    let size = framed(1, 0).len();
    for at in size..2 * size {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&file, &flipped).unwrap();
        let (replayed, frames) = read(directory.path());
        let batches: Vec<Batch> = frames.into_iter().map(|frame| frame.batch).collect();
        assert_eq!(batches, expected([0, 2, 3]), "flipped {at}");
        assert!(replayed.damaged > 0);
    }
    let mut kept = file.into_os_string();
    kept.push(".damaged");
    assert!(Path::new(&kept).exists(), "the damaged segment is kept");
}

#[tokio::test]
async fn damage_at_the_end_of_an_earlier_segment_is_noticed_by_the_gap() {
    let directory = TempDir::new().unwrap();
    let files = written(directory.path(), 12, 300).await;
    assert!(files.len() > 2);
    let bytes = std::fs::read(&files[0]).unwrap();
    std::fs::write(&files[0], &bytes[..bytes.len() - 1]).unwrap();
    let (replayed, frames) = read(directory.path());
    assert_eq!(frames.len(), 11);
    assert_eq!((replayed.last, replayed.damaged), (12, 1));
}

#[tokio::test]
async fn a_missing_segment_is_noticed_by_the_gap() {
    let directory = TempDir::new().unwrap();
    let files = written(directory.path(), 12, 300).await;
    std::fs::remove_file(&files[1]).unwrap();
    let (replayed, _) = read(directory.path());
    assert_eq!((replayed.last, replayed.damaged), (12, 1));
}

#[test]
fn frames_that_the_next_segment_takes_over_are_void() {
    let directory = TempDir::new().unwrap();
    let path = |first| segment::path_of(directory.path(), first);
    // Sequences 2 and 3 failed after they had reached the file; 2 was given out anew.
    let first = [framed(1, 1), framed(2, 200), framed(3, 201)].concat();
    std::fs::write(path(1), first).unwrap();
    std::fs::write(path(2), framed(2, 2)).unwrap();
    assert_eq!(found(directory.path()), expected([1, 2]));
    // Also when nothing was written into the next segment yet.
    std::fs::write(path(2), b"").unwrap();
    assert_eq!(found(directory.path()), expected([1]));
}

#[test]
fn a_frame_of_another_node_is_damage() {
    let directory = TempDir::new().unwrap();
    let mut foreign = framed(1, 1);
    let id = DedupId {
        node: crate::model::ids::NodeId::new(),
        incarnation: Incarnation(1),
        sequence: 2,
    };
    let payload = encoded(&batch(2));
    frame::append(&mut foreign, id, &payload);
    foreign.extend(framed(3, 3));
    std::fs::write(segment::path_of(directory.path(), 1), foreign).unwrap();
    let (replayed, frames) = read(directory.path());
    assert_eq!(frames.len(), 2);
    assert!(replayed.damaged > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsing_takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(matches!(frame::parse(&bytes), Parsed::Broken(_)));
    }

    #[test]
    fn parsing_takes_a_frame_with_any_damage(at in 0usize..90, flip in 1u8.., cut in 0usize..90) {
        let mut bytes = framed(5, 5);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= flip;
            prop_assert!(matches!(frame::parse(&bytes), Parsed::Broken(_)));
        }
        let bytes = framed(5, 5);
        let cut = cut.min(bytes.len() - 1);
        prop_assert!(matches!(frame::parse(&bytes[..cut]), Parsed::Broken(_)));
    }
}
