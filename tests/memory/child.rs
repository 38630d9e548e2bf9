//! The measured process: this test binary, run again. It says its figures line by line.

use super::figures::Figures;
use super::shapes::{device, time, Shape};
use industryos_iot::config::layer::Layers;
use industryos_iot::observability::Metrics;
use industryos_iot::store::sled::SledStore;
use industryos_iot::store::{Config, SharedStore};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

const DIRECTORY: &str = "MEMORY_TEST_DIRECTORY";
const TASK: &str = "MEMORY_TEST_TASK";

/// Who writes at once, and how many batches each hands in together: as sessions of many devices do.
const WRITERS: u64 = 8;
const TOGETHER: usize = 64;

/// What a child said: figures by name.
pub type Said = BTreeMap<String, u64>;

/// Runs `task` ("ingest", "start", "heads", "mqtt" or "coap") on a shape in a process of its own.
pub fn run(task: &str, shape: Shape, directory: &Path) -> Said {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::measured_process"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(TASK, format!("{task} {}", shape.name()))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the measured process failed");
    let text = String::from_utf8(output.stdout).unwrap();
    let figures = text.lines().filter_map(|line| {
        let (name, number) = line.strip_prefix('#')?.split_once(' ')?;
        Some((name.to_owned(), number.parse().ok()?))
    });
    figures.collect()
}

/// The child's side; does nothing when run as a test of its own.
#[test]
#[ignore = "run by the other tests as a child process"]
fn measured_process() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    println!();
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let (task, shape) = task.split_once(' ').unwrap();
    let shape = Shape::parse(shape);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match task {
        "ingest" => runtime.block_on(ingest(&directory, shape)),
        "start" => runtime.block_on(start(&directory, shape)),
        "mqtt" | "coap" => super::idle::rest(task, shape),
        "heads" => runtime.block_on(super::heads::hold(&directory, shape)),
        other => panic!("no task {other:?}"),
    }
}

pub fn say(name: &str, number: u64) {
    println!("#{name} {number}");
}

/// As `config.toml` has it.
pub fn defaults(directory: &Path) -> Config {
    let mut config = Layers::of_defaults().decode().unwrap().store;
    config.path = directory.to_owned();
    config
}

/// All points of the shape, then the process ends as a kill ends it.
async fn ingest(directory: &Path, shape: Shape) {
    let before = Figures::now();
    let metrics = Metrics::new();
    let store: SharedStore = Arc::new(SledStore::open(&defaults(directory), metrics).unwrap());
    let opened = Figures::now();
    let begun = Instant::now();
    write(&store, shape).await;
    say("milliseconds", begun.elapsed().as_millis() as u64);
    report(before, opened);
    check(&store, shape).await;
    say("read", taken(before, Figures::now()));
    std::process::exit(0);
}

/// Replays what the ingest left, and reads.
async fn start(directory: &Path, shape: Shape) {
    let before = Figures::now();
    let begun = Instant::now();
    let store = SledStore::open(&defaults(directory), Metrics::new()).unwrap();
    say("milliseconds", begun.elapsed().as_millis() as u64);
    let opened = Figures::now();
    let store: SharedStore = Arc::new(store);
    check(&store, shape).await;
    report(before, opened);
    let begun = Instant::now();
    store.close().await.unwrap();
    say("sealed", begun.elapsed().as_millis() as u64);
    say("closed", taken(before, Figures::now()));
}

pub async fn write(store: &SharedStore, shape: Shape) {
    let batches = Arc::new(parking_lot::Mutex::new(shape.batches()));
    let writers = (0..WRITERS).map(|_| {
        let (store, batches) = (store.clone(), batches.clone());
        tokio::spawn(async move {
            loop {
                let some: Vec<_> = batches.lock().by_ref().take(TOGETHER).collect();
                if some.is_empty() {
                    return;
                }
                for outcome in store.commit_all(some).await {
                    outcome.unwrap();
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// Every series of some devices is there.
async fn check(store: &SharedStore, shape: Shape) {
    for n in (0..shape.devices).step_by((shape.devices / 20).max(1) as usize) {
        let keys = store.telemetry_keys(device(n)).await.unwrap();
        assert_eq!(keys.len() as u64, shape.keys, "keys of device {n}");
        let latest = store.latest(device(n), None).await.unwrap();
        assert_eq!(latest.len() as u64, shape.keys, "values of device {n}");
        let last = time(shape.points - 1);
        assert!(latest.iter().all(|(_, point)| point.ts == last));
    }
}

/// Resident memory at its peak, without what the process took before the store was opened.
fn taken(before: Figures, now: Figures) -> u64 {
    now.peak.saturating_sub(before.resident)
}

fn report(before: Figures, opened: Figures) {
    let now = Figures::now();
    say("baseline", before.resident);
    say("opened", taken(before, opened));
    say("taken", taken(before, now));
    say("resident", now.resident.saturating_sub(before.resident));
    say("allocated", now.most.saturating_sub(before.allocated));
}
