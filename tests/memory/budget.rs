//! The promise: whatever the number of series and however they lie, ingest and start stay within
//! `store.memory`. Counted: resident memory at its peak (VmHWM), without what the process took
//! before the store was opened (the test binary itself).

use super::child::{self, Said};
use super::figures::mebibytes;
use super::shapes::Shape;

/// `store.memory` by default.
const BUDGET: u64 = 256 << 20;

fn measure(devices: u64, keys: u64, points: u64) {
    measure_tasks(&["ingest", "start"], devices, keys, points);
}

fn measure_tasks(tasks: &[&str], devices: u64, keys: u64, points: u64) {
    let shape = Shape {
        devices,
        keys,
        points,
    };
    let directory = tempfile::tempdir().unwrap();
    for task in tasks {
        let said = child::run(task, shape, directory.path());
        print(task, shape, &said);
        for figure in ["taken", "read", "closed"] {
            let taken = said.get(figure).copied().unwrap_or(0);
            assert!(
                taken <= BUDGET,
                "{task} of {}: {figure} {}",
                shape.name(),
                mebibytes(taken)
            );
        }
    }
}

fn print(task: &str, shape: Shape, said: &Said) {
    let figures = said.iter().map(|(name, number)| match name.as_str() {
        // How long the task took, and the closing.
        "milliseconds" => format!("{:.1} s", *number as f64 / 1000.0),
        "sealed" => format!("sealed in {:.1} s", *number as f64 / 1000.0),
        name => format!("{name} {}", mebibytes(*number)),
    });
    let figures: Vec<String> = figures.collect();
    let series = shape.series();
    println!(
        "{task} {series} series, {}: {}",
        shape.name(),
        figures.join(", ")
    );
}

#[test]
fn a_hundred_thousand_series_of_a_hundred_devices_stay_within_the_budget() {
    measure(100, 1_000, 1);
}

#[test]
fn a_hundred_thousand_series_of_as_many_devices_stay_within_the_budget() {
    measure(20_000, 5, 1);
}

#[test]
fn a_device_of_thousands_of_keys_stays_within_the_budget() {
    measure(1, 20_000, 1);
}

/// The start, and the closing, of as many are among the tests below.
#[test]
fn a_million_series_are_taken_within_the_budget() {
    measure_tasks(&["ingest"], 200_000, 5, 1);
}

#[test]
#[ignore = "takes minutes; build with --release"]
fn a_million_series_of_a_thousand_devices_stay_within_the_budget() {
    measure(1_000, 1_000, 1);
}

#[test]
#[ignore = "takes minutes; build with --release"]
fn a_million_series_of_many_devices_stay_within_the_budget() {
    measure(200_000, 5, 1);
}

#[test]
#[ignore = "takes minutes; build with --release"]
fn points_of_a_million_series_again_and_again_stay_within_the_budget() {
    measure(1_000, 1_000, 20);
    measure(200_000, 5, 6);
}

#[test]
#[ignore = "takes minutes; build with --release"]
fn two_hundred_thousand_keys_of_one_device_stay_within_the_budget() {
    measure(1, 200_000, 1);
}
