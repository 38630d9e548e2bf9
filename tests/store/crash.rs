//! kill -9: nothing acknowledged is lost, and the store always opens again.

use super::work::{self, Acknowledged};
use super::writer::{note, Writer};
use rand::Rng;
use std::path::Path;
use std::time::Duration;

/// Opens, checks everything of every life, and closes in order.
fn check(directory: &Path, acknowledged: &Acknowledged) {
    work::runtime().block_on(async {
        let store = work::open(&work::config(directory)).await.unwrap();
        work::check(&store, acknowledged).await;
        store.close().await.unwrap();
    });
}

fn pause(millis: std::ops::Range<u64>) {
    // The moment of the kill is the point of the test: a time, not a condition.
    std::thread::sleep(Duration::from_millis(rand::rng().random_range(millis)));
}

#[test]
fn everything_acknowledged_survives_twenty_five_kills_at_random_moments() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::new();
    for life in 0..25 {
        let writer = Writer::start(directory.path(), life);
        assert_eq!(writer.next(), "open");
        pause(1..250);
        let report = writer.kill();
        note(&mut acknowledged, life, &report);
        // Every third time the next writer recovers alone from what the last one left.
        if life % 3 != 0 {
            check(directory.path(), &acknowledged);
        }
    }
    check(directory.path(), &acknowledged);
    let total: u64 = acknowledged.iter().flatten().sum();
    assert!(total > 1_000, "only {total} batches were acknowledged");
    println!("{total} acknowledged batches survived 25 kills");
}

#[test]
fn a_store_killed_again_and_again_while_it_starts_opens_with_everything() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::new();
    let writer = Writer::start(directory.path(), 0);
    assert_eq!(writer.next(), "open");
    while acknowledged_so_far(&writer) < 2_000 {}
    note(&mut acknowledged, 0, &writer.kill());
    let mut before_open = 0;
    for life in 1..=60 {
        let writer = Writer::start(directory.path(), life);
        // Early in the start, and anywhere up to the first commits.
        pause(if life % 3 == 0 { 0..300 } else { 0..51 });
        let report = writer.kill();
        before_open += u32::from(!report.opened);
        note(&mut acknowledged, life, &report);
        if life % 20 == 0 {
            check(directory.path(), &acknowledged);
        }
    }
    check(directory.path(), &acknowledged);
    assert!(before_open > 0, "no kill met the start-up");
    println!("{before_open} of 60 kills met the start-up");
}

/// The number in the next acknowledgement.
fn acknowledged_so_far(writer: &Writer) -> u64 {
    let said = writer.next();
    let number = said.rsplit(' ').next().and_then(|word| word.parse().ok());
    number.unwrap_or(0)
}
