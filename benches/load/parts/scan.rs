//! The store beside SQLite, both through their library in this process: durable ingest with one
//! transaction a batch, and scans of whole series by time.

use super::sqlite::{self, Filled, Layout};
use crate::meters::{Meter, BATCH, KEYS, MINUTE};
use crate::settings::Settings;
use crate::table::{grouped, median, Row, Table};
use industryos_iot::config;
use industryos_iot::model::ids::{DeviceId, Epoch, Incarnation, Origin};
use industryos_iot::model::query::{HistoryQuery, Order};
use industryos_iot::model::telemetry::{Point, Row as Rows};
use industryos_iot::model::value::Value;
use industryos_iot::observability::Metrics;
use industryos_iot::store::sled::SledStore;
use industryos_iot::store::{Batch, Change, Log, TimeseriesStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Where the data begin.
const START: u64 = 1_700_000_000_000;

/// An hour of a device.
pub struct Hour {
    pub device: usize,
    pub rows: Vec<Rows>,
}

pub fn measure(settings: &Settings, table: &mut Table) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let folder = tempfile::tempdir_in("target").expect("folder");
    let slices = slices(settings);
    let devices: Vec<DeviceId> = (0..settings.scan_devices)
        .map(|_| DeviceId::new())
        .collect();
    let many = ingest(&runtime, &folder.path().join("many"), &devices, &slices, 64);
    let one = ingest(
        &runtime,
        &folder.path().join("one"),
        &devices,
        &slices[..1],
        1,
    );
    let mut peers: Vec<(Layout, Filled)> = sqlite::LAYOUTS
        .into_iter()
        .map(|layout| (layout, sqlite::ingest(folder.path(), layout, &slices)))
        .collect();
    for (layout, peer) in &peers {
        let peer = peer.as_ref().map(|(_, rates)| median(rates));
        let peer = peer.map_err(String::clone);
        let figure = "ingest by library, points/s durable, batches of 240, 64 callers";
        table.add(Row::over(
            figure,
            median(&many),
            (layout.name(), peer.clone()),
            0.0,
        ));
        let figure = "ingest by library, points/s durable, batches of 240, one caller";
        table.add(Row::over(figure, median(&one), (layout.name(), peer), 0.0));
    }
    let store = open(&folder.path().join("many"));
    let (mut ours, mut theirs) = (Vec::new(), vec![Vec::new(); peers.len()]);
    for _ in 0..settings.runs {
        let (rate, seen) = runtime.block_on(scan(&store, &devices));
        ours.push(rate);
        for ((_, peer), rates) in peers.iter_mut().zip(&mut theirs) {
            if let Ok((sqlite, _)) = peer {
                let (rate, same) = sqlite.scan(devices.len());
                assert_eq!(seen, same, "SQLite and the store read different data");
                rates.push(rate);
            }
        }
    }
    for ((layout, peer), rates) in peers.into_iter().zip(theirs) {
        let peer = peer.map(|_| median(&rates));
        let figure = format!(
            "history scan by library, points/s, {} series of {} points",
            devices.len() * KEYS.len(),
            grouped(settings.scan_days as f64 * 1440.0)
        );
        table.add(Row::over(
            figure,
            median(&ours),
            (layout.name(), peer),
            layout.asked(),
        ));
    }
    runtime.block_on(store.close()).expect("close");
}

/// Five parts of the same data, hour by hour over all devices.
fn slices(settings: &Settings) -> Vec<Vec<Hour>> {
    let mut meters: Vec<Meter> = (0..settings.scan_devices).map(Meter::new).collect();
    let hours = settings.scan_days * 24;
    let mut slices: Vec<Vec<Hour>> = (0..5).map(|_| Vec::new()).collect();
    for hour in 0..hours {
        for (device, meter) in meters.iter_mut().enumerate() {
            let rows = (0..BATCH).map(|_| row(meter)).collect();
            slices[(hour * 5 / hours) as usize].push(Hour { device, rows });
        }
    }
    slices
}

fn row(meter: &mut Meter) -> Rows {
    let reading = meter.next();
    let values = [
        Value::Long(reading.energy as i64),
        Value::Bool(reading.relay),
        Value::Long(reading.battery as i64),
        Value::Double(reading.temperature as f64 / 100.0),
    ];
    Rows {
        ts: (START + meter.phase() + reading.minute * MINUTE) as i64,
        values: KEYS.map(Into::into).into_iter().zip(values).collect(),
    }
}

fn open(path: &Path) -> Arc<SledStore> {
    let mut config = config::load(None, Vec::new(), path).expect("the defaults");
    config.store.path = path.to_owned();
    Arc::new(SledStore::open(&config.store, Metrics::new()).expect("a store"))
}

/// Points a second of each slice; afterwards the store is closed, so everything is in blocks.
fn ingest(
    runtime: &tokio::runtime::Runtime,
    path: &Path,
    devices: &[DeviceId],
    slices: &[Vec<Hour>],
    callers: usize,
) -> Vec<f64> {
    let store = open(path);
    let mut rates = Vec::new();
    for slice in slices {
        // A device belongs to one caller: its hours stay in order.
        let mut parts: Vec<Vec<Batch>> = (0..callers).map(|_| Vec::new()).collect();
        for hour in slice {
            parts[hour.device % callers].push(batch(devices[hour.device], &hour.rows));
        }
        let begun = Instant::now();
        runtime.block_on(async {
            let commit = |part: Vec<Batch>| {
                let store = store.clone();
                tokio::spawn(async move {
                    for batch in part {
                        store.commit(batch).await.expect("commit");
                    }
                })
            };
            for task in parts.into_iter().map(commit).collect::<Vec<_>>() {
                task.await.expect("a caller");
            }
        });
        rates.push(points(slice) as f64 / begun.elapsed().as_secs_f64());
    }
    runtime.block_on(store.close()).expect("close");
    rates
}

fn batch(device: DeviceId, rows: &[Rows]) -> Batch {
    let origin = Origin {
        epoch: Epoch::new(Incarnation(1), 1),
        sequence: 1,
    };
    let rows = rows.to_vec().into();
    let change = Change::Telemetry {
        device,
        origin,
        rows,
    };
    Batch::of_device(device, vec![change])
}

pub fn points(slice: &[Hour]) -> usize {
    slice.iter().map(|hour| hour.rows.len() * KEYS.len()).sum()
}

/// What was read, to be compared: points, and the sums of times and values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    points: u64,
    times: i64,
    values: i64,
}

impl Seen {
    pub fn add(&mut self, points: &[Point]) {
        for point in points {
            self.points += 1;
            self.times = self.times.wrapping_add(point.ts);
            self.values += match &point.value {
                Value::Long(value) => *value,
                Value::Bool(value) => i64::from(*value),
                Value::Double(value) => (value * 100.0).round() as i64,
                _ => 0,
            };
        }
    }

    pub fn a_second(&self, since: Instant) -> f64 {
        self.points as f64 / since.elapsed().as_secs_f64()
    }
}

/// Points a second over all series, one after the other, oldest first.
async fn scan(store: &SledStore, devices: &[DeviceId]) -> (f64, Seen) {
    let (begun, mut seen) = (Instant::now(), Seen::default());
    for device in devices {
        for key in KEYS {
            let query = HistoryQuery {
                range: 0..i64::MAX,
                order: Order::Ascending,
                limit: usize::MAX,
            };
            let points = store.history(*device, key, &query).await.expect("history");
            seen.add(&points);
        }
    }
    (seen.a_second(begun), seen)
}
