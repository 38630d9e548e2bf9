//! What the writers write: every batch can be told from its place alone, so that a reader knows
//! what must be there without having been told the values.

use industryos_iot::model::attributes::Scope;
use industryos_iot::model::ids::{DeviceId, Epoch, Origin};
use industryos_iot::model::query::{HistoryQuery, Order};
use industryos_iot::model::telemetry::Row;
use industryos_iot::model::units::{ByteSize, Period};
use industryos_iot::model::value::{Key, Value};
use industryos_iot::observability::Metrics;
use industryos_iot::store::batch::DeleteSelection;
use industryos_iot::store::sled::SledStore;
use industryos_iot::store::{Batch, Change, Config, SharedStore, StoreError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Tasks of one writer; each writes to a device of its own.
pub const TASKS: u64 = 4;
/// A life's batches lie this far apart in time.
const LIFE: i64 = 1_000_000;
/// Every so many batches the key `scratch` is emptied.
const SCRATCH: u64 = 16;

/// Small segments and heads, so that kills meet rolling segments, sealing and checkpoints.
pub fn config(path: &Path) -> Config {
    Config {
        path: path.to_owned(),
        reserve: ByteSize(1 << 20),
        journal_segment: ByteSize(256 << 10),
        journal_size: ByteSize(2 << 20),
        memory: ByteSize(256 << 20),
        queue_bytes: ByteSize(1 << 20),
        cache: ByteSize(4 << 20),
        head_memory: ByteSize(64 << 10),
        change_memory: ByteSize(0),
        retention: Period(Duration::ZERO),
        retention_slice: 1000,
        max_size: ByteSize(0),
        compact_above: ByteSize(256 << 20),
        stuck_after: Period(Duration::from_secs(60)),
    }
}

pub async fn open(config: &Config) -> Result<SharedStore, StoreError> {
    let store = SledStore::open(config, Metrics::new())?;
    Ok(Arc::new(store))
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

pub fn device(task: u64) -> DeviceId {
    DeviceId(uuid::Uuid::from_u128(u128::from(task) + 1))
}

fn time(life: u64, n: u64) -> i64 {
    life as i64 * LIFE + n as i64
}

/// Numbers, texts and the odd JSON document, all drawn from the place.
fn value(life: u64, task: u64, n: u64) -> Value {
    match n % 5 {
        0 => Value::Text(format!("life {life} task {task} n {n}").into()),
        1 => Value::Json(format!("{{\"n\":{n},\"life\":{life}}}").into()),
        2 => Value::Double(n as f64 / 10.0 + task as f64),
        3 => Value::Bool(n.is_multiple_of(2)),
        _ => Value::Long((life * 1_000 + task) as i64 * LIFE + n as i64),
    }
}

/// The `n`-th batch of a task in a life: a point, an attribute that says `n`, and a scratch point
/// that every sixteenth batch takes away with its predecessors. All or nothing of it.
pub fn batch(life: u64, task: u64, n: u64) -> Batch {
    let device = device(task);
    let ts = time(life, n);
    let values = vec![
        (Key::from("t"), value(life, task, n)),
        (Key::from("scratch"), Value::Long(n as i64)),
    ];
    let origin = Origin {
        epoch: Epoch(life),
        sequence: n,
    };
    let rows = vec![Row { ts, values }];
    let mut changes = vec![Change::Telemetry {
        device,
        origin,
        rows: rows.into(),
    }];
    if n.is_multiple_of(SCRATCH) {
        changes.push(Change::TelemetryDelete {
            device,
            keys: vec![Key::from("scratch")],
            selection: DeleteSelection {
                range: None,
                delete_latest: true,
                rewrite_latest: false,
            },
        });
    }
    changes.push(Change::AttributesPut {
        device,
        scope: Scope::Server,
        at: ts,
        entries: vec![(Key::from("n"), Value::Long(ts))],
    });
    Batch::of_device(device, changes)
}

/// How many batches of each life and task were acknowledged: 0 to it (exclusive) must be there.
pub type Acknowledged = Vec<[u64; TASKS as usize]>;

/// Checks that everything acknowledged is there with its value, that nothing stands there that was
/// never written, and that each batch is there whole or not at all.
pub async fn check(store: &SharedStore, acknowledged: &Acknowledged) {
    for task in 0..TASKS {
        let mut revision = 0;
        let points = series(store, task, "t").await;
        for (life, counts) in acknowledged.iter().enumerate() {
            let life = life as u64;
            let mine = points.iter().filter(|(ts, _)| ts / LIFE == life as i64);
            let mut found = 0;
            for (n, (ts, held)) in (0..).zip(mine) {
                assert_eq!(*ts, time(life, n), "a hole in life {life} of task {task}");
                assert_eq!(*held, value(life, task, n), "life {life} task {task} n {n}");
                found = n + 1;
            }
            let promised = counts[task as usize];
            assert!(
                found >= promised,
                "lost {found}..{promised} of life {life}, task {task}"
            );
            revision += found;
        }
        check_last_batch(store, task, points.last().map(|(ts, _)| *ts), revision).await;
    }
}

/// The newest batch: its attribute, its revision and what it left in `scratch` belong together.
async fn check_last_batch(store: &SharedStore, task: u64, newest: Option<i64>, revision: u64) {
    let attributes = store
        .attributes(device(task), Scope::Server, None)
        .await
        .unwrap();
    let said = attributes.first().map(|attribute| attribute.value.clone());
    assert_eq!(said, newest.map(Value::Long), "attribute of task {task}");
    let held = store.revision(device(task), Scope::Server).await.unwrap();
    assert_eq!(held, revision, "revision of task {task}");
    let Some(newest) = newest else { return };
    let (life, last) = (newest / LIFE, (newest % LIFE) as u64);
    let emptied = last - last % SCRATCH;
    let expected: Vec<(i64, Value)> = (emptied + 1..=last)
        .map(|n| (time(life as u64, n), Value::Long(n as i64)))
        .collect();
    assert_eq!(
        series(store, task, "scratch").await,
        expected,
        "scratch of task {task}"
    );
}

async fn series(store: &SharedStore, task: u64, key: &str) -> Vec<(i64, Value)> {
    let query = HistoryQuery {
        range: i64::MIN..i64::MAX,
        order: Order::Ascending,
        limit: usize::MAX,
    };
    let points = store.history(device(task), key, &query).await.unwrap();
    points
        .into_iter()
        .map(|point| (point.ts, point.value))
        .collect()
}
