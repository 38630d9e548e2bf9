//! Aggregates over many blocks, with late data among them: what the oracle says, to the bit.

use super::super::read::folding::Folding;
use super::{cramped, open};
use crate::model::ids::{DeviceId, Epoch, Origin};
use crate::model::query::Aggregation::{self, Avg, Count, Max, Min, Sum};
use crate::model::telemetry::Row;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::memory::MemoryStore;
use crate::store::sled::SledStore;
use crate::store::{Batch, Change, Log, TimeseriesStore};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::ops::Range;
use tempfile::TempDir;

const ALL: [Aggregation; 5] = [Min, Max, Avg, Sum, Count];
const KEYS: [&str; 5] = ["long", "double", "text", "mixed", "rare"];

fn values(random: &mut StdRng) -> Vec<(Key, Value)> {
    let long = Value::Long(random.random_range(-1_000_000..1_000_000));
    let double = Value::Double(random.random::<f64>() * 1e6 - 5e5);
    let text = Value::Text(format!("text {}", random.random_range(0..5_000)).into());
    let mixed = match random.random_range(0..4) {
        0 => long.clone(),
        1 => double.clone(),
        2 => text.clone(),
        _ => Value::Bool(true),
    };
    let mut values = vec![long, double, text, mixed];
    if random.random_range(0..40) == 0 {
        values.push(Value::Long(i64::MAX));
    }
    let names = KEYS.iter().map(|name| Key::const_new(name));
    names.zip(values).collect()
}

/// The same rows for both: a row a time, one of four hundred late or written again.
async fn fill(store: &SledStore, oracle: &MemoryStore, device: DeviceId, random: &mut StdRng) {
    for message in 0..60i64 {
        let row = |n: i64| {
            let now = message * 100 + n;
            let late = random.random_range(0..400) == 0;
            let ts = if late {
                random.random_range(0..=now)
            } else {
                now
            };
            let values = values(random);
            Row { ts, values }
        };
        let rows = (0..100).map(row).collect();
        let origin = Origin {
            epoch: Epoch(1),
            sequence: message as u64 + 1,
        };
        let change = Change::Telemetry {
            device,
            origin,
            rows,
        };
        let batch = Batch::of_device(device, vec![change]);
        oracle.commit(batch.clone()).await.unwrap();
        store.commit(batch).await.unwrap();
    }
}

fn intervals(random: &mut StdRng) -> Vec<Range<Millis>> {
    let longest = [10, 700, 3_000, 20_000][random.random_range(0..4)];
    let (mut intervals, mut at) = (Vec::new(), random.random_range(-50..500));
    while at < 6_100 {
        let end = at + random.random_range(1..=longest);
        intervals.push(at..end);
        at = end + [0, 0, 7][random.random_range(0..3)];
    }
    intervals
}

#[tokio::test]
async fn aggregates_of_blocks_are_those_of_their_points() {
    for seed in 0..3 {
        let mut random = StdRng::seed_from_u64(seed);
        let directory = TempDir::new().unwrap();
        let store = open(&cramped(directory.path()));
        let (oracle, device) = (MemoryStore::new(), DeviceId::new());
        fill(&store, &oracle, device, &mut random).await;
        let mut summed = 0;
        for _ in 0..8 {
            let intervals = intervals(&mut random);
            for (key, aggregation) in KEYS.iter().flat_map(|key| ALL.map(|one| (key, one))) {
                let expected = oracle.aggregate(device, key, &intervals, aggregation);
                let mut folding = Folding::new(device, (*key).into(), &intervals, aggregation);
                while !folding.walk.is_done() {
                    folding = folding.go_on(store.engine()).unwrap();
                }
                summed += folding.summed();
                let found = folding.finish();
                assert!(
                    found == expected.await.unwrap(),
                    "{key} {aggregation:?} {seed}"
                );
            }
        }
        assert!(summed > 60, "{summed} blocks were not looked into");
    }
}
