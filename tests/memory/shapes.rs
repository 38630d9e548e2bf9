//! Many series of few points, in shapes that strain different parts.

use industryos_iot::model::ids::{DeviceId, Epoch, Origin};
use industryos_iot::model::telemetry::Row;
use industryos_iot::model::value::{Key, Value};
use industryos_iot::store::{Batch, Change};

/// Keys of one message, at most.
const WIDEST: u64 = 1_000;

/// So many devices, each with so many keys of its own naming.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub devices: u64,
    pub keys: u64,
    /// Points of each series.
    pub points: u64,
}

impl Shape {
    pub fn series(self) -> u64 {
        self.devices * self.keys
    }

    pub fn parse(text: &str) -> Self {
        let mut numbers = text.split('x').map(|part| part.parse().expect("a number"));
        let mut next = || numbers.next().expect("devices x keys x points");
        let (devices, keys, points) = (next(), next(), next());
        Self {
            devices,
            keys,
            points,
        }
    }

    pub fn name(self) -> String {
        format!("{}x{}x{}", self.devices, self.keys, self.points)
    }

    /// A point of each series, and again: device after device, messages of at most [`WIDEST`] keys.
    pub fn batches(self) -> impl Iterator<Item = Batch> {
        let messages = self.keys.div_ceil(WIDEST);
        (0..self.points * messages).flat_map(move |turn| {
            let (round, part) = (turn / messages, turn % messages);
            let keys = part * WIDEST..self.keys.min((part + 1) * WIDEST);
            (0..self.devices).map(move |n| message(n, keys.clone(), round))
        })
    }
}

pub fn device(n: u64) -> DeviceId {
    // Spread over the partitions as drawn ids are.
    let spread = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    DeviceId(uuid::Uuid::from_u128(spread))
}

pub fn time(round: u64) -> i64 {
    1_700_000_000_000 + round as i64 * 60_000
}

fn message(n: u64, keys: std::ops::Range<u64>, round: u64) -> Batch {
    let device = device(n);
    let value = |key: u64| Value::Double((n * 31 + key * 7 + round) as f64 / 100.0);
    let values = keys.map(|key| (Key::from(format!("sensor/{key}")), value(key)));
    let rows = vec![Row {
        ts: time(round),
        values: values.collect(),
    }];
    let origin = Origin {
        epoch: Epoch(1),
        sequence: round,
    };
    let telemetry = Change::Telemetry {
        device,
        origin,
        rows: rows.into(),
    };
    Batch::of_device(device, vec![telemetry])
}
