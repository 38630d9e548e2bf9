//! Sentences about the order in which telemetry arrives: it must not matter (design.md 7.5).

use super::{both_lives, long, telemetry, text, Bench};
use crate::model::ids::{DeviceId, Epoch, Origin};
use crate::model::telemetry::Row;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::Change;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// Messages with distinct origins that fight for few keys and times.
fn rivals(random: &mut StdRng) -> Vec<(Origin, Vec<Row>)> {
    let mut messages = Vec::new();
    for n in 0..40u64 {
        let epoch = Epoch(1 + n / 10);
        let sequence = n % 10;
        let rows = (0..random.random_range(1..4)).map(|row| {
            let value = |key: &str| (Key::from(key), long(random_value(n, row)));
            Row {
                ts: i64::from(random.random_range(0..6)) * 10 + row,
                values: vec![value("t"), value("u")],
            }
        });
        messages.push((Origin { epoch, sequence }, rows.collect()));
    }
    messages
}

fn random_value(n: u64, row: i64) -> i64 {
    n as i64 * 100 + row
}

/// The rule itself: for each key and time the value of the highest origin.
fn winners(messages: &[(Origin, Vec<Row>)], key: &str) -> Vec<(Millis, Value)> {
    let mut best: BTreeMap<Millis, (Origin, Value)> = BTreeMap::new();
    for (origin, rows) in messages {
        for row in rows {
            let value = row.values.iter().find(|(name, _)| name == key);
            let beaten = best.get(&row.ts).is_none_or(|(held, _)| held < origin);
            if let (Some((_, value)), true) = (value, beaten) {
                best.insert(row.ts, (*origin, value.clone()));
            }
        }
    }
    best.into_iter()
        .map(|(ts, (_, value))| (ts, value))
        .collect()
}

pub(crate) async fn telemetry_in_any_order_and_twice_gives_the_same_answers(mut bench: Bench) {
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let device = DeviceId::new();
        let messages = rivals(&mut random);
        let mut twice: Vec<_> = messages.iter().chain(&messages).cloned().collect();
        twice.shuffle(&mut random);
        for (n, (origin, rows)) in twice.into_iter().enumerate() {
            if n == 40 && seed % 2 == 0 {
                bench = bench.reopen().await;
            }
            let change = Change::Telemetry {
                device,
                origin,
                rows: rows.into(),
            };
            bench.change(device, vec![change]).await;
        }
        for key in ["t", "u"] {
            let expected = winners(&messages, key);
            assert_eq!(bench.all(device, key).await, expected, "seed {seed}");
            let newest = expected.last().cloned();
            assert_eq!(bench.latest(device, key).await, newest, "seed {seed}");
        }
    }
}

pub(crate) async fn the_higher_origin_wins_in_either_order(bench: Bench) {
    let (up, down) = (DeviceId::new(), DeviceId::new());
    bench.points(up, 1, &[(1, text("low"))]).await;
    bench.points(up, 2, &[(1, text("high"))]).await;
    bench.points(down, 2, &[(1, text("high"))]).await;
    bench.points(down, 1, &[(1, text("low"))]).await;
    both_lives!(bench, {
        for device in [up, down] {
            assert_eq!(bench.all(device, "t").await, [(1, text("high"))]);
            assert_eq!(bench.latest(device, "t").await, Some((1, text("high"))));
        }
    });
}

pub(crate) async fn of_equal_origins_the_later_applied_wins(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 3, &[(1, text("first"))]).await;
    bench.points(device, 3, &[(1, text("second"))]).await;
    let bench = bench.reopen().await;
    assert_eq!(bench.all(device, "t").await, [(1, text("second"))]);
    bench.points(device, 3, &[(1, text("third"))]).await;
    both_lives!(bench, {
        assert_eq!(bench.all(device, "t").await, [(1, text("third"))]);
        assert_eq!(bench.latest(device, "t").await, Some((1, text("third"))));
    });
}

pub(crate) async fn a_higher_epoch_beats_any_sequence(bench: Bench) {
    let device = DeviceId::new();
    let write = |epoch, sequence, value: &str| {
        let rows = vec![Row {
            ts: 1,
            values: vec![(Key::from("t"), text(value))],
        }];
        let origin = Origin {
            epoch: Epoch(epoch),
            sequence,
        };
        vec![Change::Telemetry {
            device,
            origin,
            rows: rows.into(),
        }]
    };
    bench.change(device, write(2, 1, "new life")).await;
    bench.change(device, write(1, u64::MAX, "old life")).await;
    both_lives!(bench, {
        assert_eq!(bench.all(device, "t").await, [(1, text("new life"))]);
    });
}

pub(crate) async fn the_origin_of_a_point_outlives_a_restart(bench: Bench) {
    let device = DeviceId::new();
    let points: Vec<_> = (0..50).map(|ts| (ts, long(ts))).collect();
    bench.points(device, 10, &points).await;
    let bench = bench.reopen().await;
    let lower: Vec<_> = (0..50).map(|ts| (ts, long(-1))).collect();
    bench.points(device, 9, &lower).await;
    assert_eq!(bench.all(device, "t").await, points);
    let bench = bench.reopen().await;
    bench
        .change(
            device,
            vec![telemetry(device, 11, "t", &[(7, text("higher"))])],
        )
        .await;
    both_lives!(bench, {
        let all = bench.all(device, "t").await;
        assert_eq!(all[7], (7, text("higher")));
        assert_eq!(all[8], (8, long(8)));
    });
}
