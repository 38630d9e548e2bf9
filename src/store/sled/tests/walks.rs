//! Walks over many blocks: overlapping, moving, and more than may be held.

use super::super::engine::Engine;
use super::super::keys;
use super::super::telemetry::runs::{normalise, place, Dated, Runs};
use super::super::telemetry::walk::Walk;
use super::super::tx::Tx;
use super::{cramped, open, put};
use crate::model::ids::{DeviceId, Epoch, Origin};
use crate::model::query::Order;
use crate::model::telemetry::{Point, Row};
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::batch::DeleteSelection;
use crate::store::sled::SledStore;
use crate::store::Change;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use tempfile::TempDir;

const BOTH: [Order; 2] = [Order::Ascending, Order::Descending];

fn origin(sequence: u64) -> Origin {
    Origin {
        epoch: Epoch(1),
        sequence,
    }
}

fn dated() -> impl Strategy<Value = Vec<Dated>> {
    let ts = prop_oneof![8 => 0i64..40, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let point = (ts, 0u64..3, any::<i64>());
    let point = point.prop_map(|(ts, sequence, n)| (ts, origin(sequence), Value::Long(n)));
    proptest::collection::vec(point, 0..30)
}

/// For each time the value of the highest (origin, run), in this order.
fn expected(runs: &[Vec<Dated>], order: Order) -> Vec<Point> {
    let mut best: BTreeMap<i64, (Origin, Point)> = BTreeMap::new();
    for (ts, origin, value) in runs.iter().flatten().cloned() {
        let at = place(order, ts);
        if best.get(&at).is_none_or(|(held, _)| origin >= *held) {
            best.insert(at, (origin, Point { ts, value }));
        }
    }
    best.into_values().map(|(_, point)| point).collect()
}

fn merged(runs: &[Vec<Dated>], order: Order) -> Runs {
    let mut merged = Runs::new(order);
    for (number, points) in (0..).zip(runs) {
        let mut points = points.clone();
        normalise(&mut points);
        merged.add(number, points);
    }
    merged
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_give_the_winner_of_each_time_in_order(
        runs in proptest::collection::vec(dated(), 0..5),
        most in 1usize..40,
        bounds in proptest::collection::vec(-2i64..42, 0..3),
    ) {
        for order in BOTH {
            let mut all = Vec::new();
            let mut runs_left = merged(&runs, order);
            let bounds = bounds.iter().map(|bound| Some(place(order, *bound)));
            for bound in bounds.chain([None]) {
                loop {
                    let mut some = Vec::new();
                    runs_left.take(bound, most, &mut some);
                    let before = |p: &Point| bound.is_none_or(|b| place(order, p.ts) < b);
                    prop_assert!(some.iter().all(before) && some.len() <= most);
                    if some.is_empty() {
                        break;
                    }
                    all.append(&mut some);
                }
            }
            prop_assert_eq!(runs_left.len(), 0);
            prop_assert_eq!(all, expected(&runs, order));
        }
    }

    #[test]
    fn halved_runs_keep_all_that_stands_before_the_bound(
        runs in proptest::collection::vec(dated(), 1..5),
    ) {
        for order in BOTH {
            let mut halved = merged(&runs, order);
            let (before, first) = (halved.len(), halved.next());
            let Some(bound) = halved.halve() else { continue };
            prop_assert!(first.is_some_and(|first| first < bound));
            let deep = before > runs.len();
            prop_assert!(!deep || halved.len() < before, "{} points stayed", before);
            let mut some = Vec::new();
            halved.take(None, usize::MAX, &mut some);
            let whole = expected(&runs, order);
            let wanted = whole.into_iter().filter(|p| place(order, p.ts) < bound);
            prop_assert_eq!(some, wanted.collect::<Vec<_>>());
        }
    }
}

fn point(device: DeviceId, sequence: u64, ts: Millis, number: f64) -> Change {
    let values = vec![(Key::from("t"), Value::Double(number))];
    Change::Telemetry {
        device,
        origin: origin(sequence),
        rows: vec![Row { ts, values }].into(),
    }
}

/// Writes points in messages of some hundred, all over `times`: their blocks overlap.
async fn scatter(store: &SledStore, device: DeviceId, times: Millis) -> BTreeMap<Millis, f64> {
    let mut random = StdRng::seed_from_u64(7);
    let mut written = BTreeMap::new();
    for message in 0..12u64 {
        let mut changes = Vec::new();
        for n in 0..200 {
            let (ts, number) = (random.random_range(0..times), random.random());
            changes.push(point(device, message * 200 + n + 1, ts, number));
            written.insert(ts, number);
        }
        put(store, device, changes).await;
    }
    written
}

/// All points, `most` at a time.
fn walked(engine: &Engine, mut walk: Walk, most: usize) -> Vec<(Millis, f64)> {
    let mut all = Vec::new();
    while !walk.is_done() {
        let mut some = Vec::new();
        walk.fill(engine, most, &mut some).unwrap();
        assert!(some.len() <= most);
        all.extend(some.into_iter().map(|point| match point.value {
            Value::Double(number) => (point.ts, number),
            other => panic!("{other:?} was never written"),
        }));
    }
    all
}

#[tokio::test]
async fn overlapping_blocks_are_merged_with_few_points_held() {
    let directory = TempDir::new().unwrap();
    let store = open(&cramped(directory.path()));
    let device = DeviceId::new();
    let written = scatter(&store, device, 3_000).await;
    for order in BOTH {
        for range in [i64::MIN..i64::MAX, 700..1_900, 5..6] {
            let inside = written.range(range.clone()).map(|(ts, n)| (*ts, *n));
            let mut wanted: Vec<_> = inside.collect();
            if order == Order::Descending {
                wanted.reverse();
            }
            for (held, most) in [(200, 7), (20, 1000), (100_000, 333)] {
                let walk = Walk::new(device, "t".into(), order, range.clone());
                let found = walked(store.engine(), walk.holding(held), most);
                assert!(found == wanted, "{order:?} {range:?} holding {held}");
            }
        }
    }
}

/// Gives every other block a new number, as merging does: all that was listed may be gone.
fn move_blocks(engine: &Engine, device: DeviceId) {
    // The upkeep thread may be about to merge what is listed here.
    let _still = engine.pause();
    let mut tx = Tx::new(&engine.table);
    let ranges = tx.keys(&keys::of_device(b'm', device)).unwrap();
    for key in ranges.iter().step_by(2) {
        let number = u32::from_be_bytes(*key.last_chunk::<4>().unwrap());
        let block = keys::block(device, number);
        let moved = number + 1_000_000;
        let (range, bytes) = (tx.get(key).unwrap(), tx.get(&block).unwrap());
        tx.put(keys::block_range(device, moved), range.unwrap().to_vec());
        tx.put(keys::block(device, moved), bytes.unwrap().to_vec());
        tx.remove(key.clone());
        tx.remove(block);
    }
    tx.commit().unwrap();
}

/// Between any two stretches blocks move: they get other numbers, rows join the last block, heads are sealed, and points of
/// another key are deleted from all blocks.
#[tokio::test]
async fn a_walk_over_moving_blocks_misses_nothing_and_repeats_nothing() {
    for order in BOTH {
        let directory = TempDir::new().unwrap();
        let store = open(&cramped(directory.path()));
        let device = DeviceId::new();
        let written = scatter(&store, device, 3_000).await;
        let mut wanted: Vec<Millis> = written.into_keys().collect();
        if order == Order::Descending {
            wanted.reverse();
        }
        let mut walk = Walk::new(device, "t".into(), order, 0..3_000).holding(300);
        let (mut found, mut turn) = (Vec::new(), 0);
        while !walk.is_done() {
            let mut some = Vec::new();
            walk.fill(store.engine(), 50, &mut some).unwrap();
            found.extend(some.into_iter().map(|point| point.ts));
            turn += 1;
            // What was written is written again with later values: the same times in new blocks.
            let (first, last) = (wanted[0], wanted[wanted.len() - 1]);
            let again = [first, last, wanted[turn % wanted.len()]];
            let again = again.map(|ts| point(device, 100_000 + turn as u64, ts, 0.5));
            put(&store, device, again.to_vec()).await;
            let delete = Change::TelemetryDelete {
                device,
                keys: vec!["other".into()],
                selection: DeleteSelection {
                    range: None,
                    delete_latest: true,
                    rewrite_latest: false,
                },
            };
            put(&store, device, vec![delete]).await;
            move_blocks(store.engine(), device);
        }
        assert_eq!(found, wanted, "{order:?}");
    }
}
