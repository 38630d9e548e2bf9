//! What the store says its heads hold, against what was allocated for them.

use super::child::{self, defaults, say, write};
use super::figures::{mebibytes, Figures};
use super::shapes::Shape;
use industryos_iot::model::units::ByteSize;
use industryos_iot::observability::Metrics;
use industryos_iot::store::sled::SledStore;
use industryos_iot::store::SharedStore;
use std::path::Path;
use std::sync::Arc;

/// The child's side: fills heads that nothing seals, and says both.
pub async fn hold(directory: &Path, shape: Shape) {
    let metrics = Metrics::new();
    // Nothing is sealed meanwhile: what sled takes then is not the heads'.
    let mut config = defaults(directory);
    config.journal_size = ByteSize(4 << 30);
    let store: SharedStore = Arc::new(SledStore::open(&config, metrics.clone()).unwrap());
    // The buffers of as many batches as are written at once are there before.
    let buffers = Shape {
        devices: shape.devices / 4,
        points: 1,
        ..shape
    };
    write(&store, buffers).await;
    let (before, said_before) = (Figures::now(), said(&metrics));
    write(&store, shape).await;
    let (now, said_now) = (Figures::now(), said(&metrics));
    say("said", said_now - said_before);
    say("allocated", now.allocated.saturating_sub(before.allocated));
    std::process::exit(0);
}

fn said(metrics: &Metrics) -> u64 {
    let text = metrics.render();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("head_bytes "));
    line.unwrap().parse().unwrap()
}

fn compare(devices: u64, keys: u64) {
    let shape = Shape {
        devices,
        keys,
        points: 3,
    };
    let directory = tempfile::tempdir().unwrap();
    let figures = child::run("heads", shape, directory.path());
    let (said, allocated) = (figures["said"], figures["allocated"]);
    println!(
        "{}: {} said, {} allocated",
        shape.name(),
        mebibytes(said),
        mebibytes(allocated)
    );
    assert!(said > 1 << 20, "too little to compare");
    assert!(
        allocated <= said + said / 8 + (1 << 20),
        "more than was said"
    );
    assert!(said <= allocated + allocated / 3, "far less than was said");
}

#[test]
fn heads_of_many_devices_take_what_they_say() {
    compare(20_000, 5);
}

#[test]
fn heads_of_many_keys_take_what_they_say() {
    compare(4_000, 400);
}

#[test]
fn heads_of_long_keys_and_one_value_take_what_they_say() {
    compare(10_000, 1);
}

#[test]
fn heads_of_more_keys_than_are_shared_take_what_they_say() {
    compare(240, 3_000);
}
