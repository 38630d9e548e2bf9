//! A copy of the tables made while they change.

use crate::store::sled::table::Table;
use crate::store::sled::twin::Copied;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tempfile::TempDir;

fn db(directory: &TempDir, name: &str) -> sled::Db {
    sled::open(directory.path().join(name)).unwrap()
}

/// Writes and deletes all over the keys, in batches that touch both sides of any cursor.
fn change(table: &Table, round: u64) {
    let key = |n: u64| {
        (n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .to_be_bytes()
            .to_vec()
    };
    let batch = (0..16).map(|n| {
        let n = (round * 7 + n * 131) % 4_000;
        let value = (!(round + n).is_multiple_of(3)).then(|| vec![round as u8; 700]);
        (key(n), value)
    });
    table.write(batch.collect()).unwrap();
}

#[test]
fn a_copy_made_beside_writes_and_deletes_is_the_same_to_the_last_record() {
    let directory = TempDir::new().unwrap();
    let (first, second) = (db(&directory, "a"), db(&directory, "b"));
    let table = Table::new(first.clone(), crate::observability::Metrics::new());
    (0..2_000).for_each(|round| change(&table, round));
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(2_000));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                change(&table, rounds.fetch_add(1, Ordering::SeqCst));
            }
        });
        table.begin_copy(second.clone());
        let mut slices = 0;
        loop {
            let seen = rounds.load(Ordering::SeqCst);
            match table.copy_slice().unwrap() {
                Copied::All => break,
                Copied::Slice(_) => slices += 1,
                Copied::GivenUp => panic!("nothing failed"),
            }
            while rounds.load(Ordering::SeqCst) < seen + 20 {
                std::thread::yield_now();
            }
        }
        assert!(slices > 4, "{slices}");
        let settle = |copy: &sled::Db| {
            assert!(first.iter().eq(copy.iter()), "they differ at the exchange");
            Ok(())
        };
        assert_eq!(table.take_copy(settle), Ok(true));
        stop.store(true, Ordering::SeqCst);
    });
    change(&table, 1);
    assert!(
        table.tree().iter().eq(second.iter()),
        "the copy is the table"
    );
}
