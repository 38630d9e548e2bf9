//! Blocks: what goes in comes out, damage never does.

use super::super::keys;
use super::super::telemetry::block::{self, Block};
use super::super::telemetry::columns::Columns;
use super::super::telemetry::head::Head;
use super::super::telemetry::rows::Rows;
use super::{config, counts, noisy, open, put};
use crate::model::ids::{DeviceId, Epoch, Origin};
use crate::model::telemetry::Row;
use crate::model::value::{Key, Value};
use crate::store::Log;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use tempfile::TempDir;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Long),
        (0i64..100).prop_map(Value::Long),
        any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
        ".{0,12}".prop_map(|text| Value::Text(text.into())),
        Just(Value::Json("{\"a\":[1,2]}".into())),
    ]
}

/// Rows as devices send them and as no device should.
fn rows() -> impl Strategy<Value = Vec<(Origin, Row)>> {
    let ts = prop_oneof![0i64..6, any::<i64>(), Just(i64::MIN), Just(i64::MAX)];
    let values = proptest::collection::vec((0usize..40, value()), 1..4);
    let origin = (0u64..3, prop_oneof![0u64..4, any::<u64>()]);
    let row = (ts, values, origin).prop_map(|(ts, values, (epoch, sequence))| {
        let named: BTreeMap<usize, Value> = values.into_iter().collect();
        let values = named
            .into_iter()
            .map(|(key, value)| (Key::from(format!("k{key}")), value));
        let origin = Origin {
            epoch: Epoch(epoch),
            sequence,
        };
        let values = values.collect();
        (origin, Row { ts, values })
    });
    proptest::collection::vec(row, 1..60)
}

type Expected = BTreeMap<(Key, i64), (Origin, Value)>;

fn expected(rows: &[(Origin, Row)]) -> Expected {
    let mut points = Expected::new();
    for (origin, row) in rows {
        for (key, value) in &row.values {
            let held = points.get(&(key.clone(), row.ts));
            if held.is_none_or(|(held, _)| origin >= held) {
                points.insert((key.clone(), row.ts), (*origin, value.clone()));
            }
        }
    }
    points
}

fn listed(rows: &Rows) -> Expected {
    let mut points = Expected::new();
    for row in rows.iter() {
        for (key, value) in row.values() {
            let key = rows.keys.keys()[key as usize].clone();
            let before = points.insert((key, row.ts), (row.origin, value.into()));
            assert_eq!(before, None, "a point stands twice");
        }
    }
    points
}

fn head(rows: &[(Origin, Row)]) -> Head {
    let mut head = Head::new(1);
    for (origin, row) in rows {
        head.push(1, *origin, &vec![row.clone()].into());
    }
    head
}

/// Of joined rows as they come out of a block; of none there is no block.
fn in_blocks(rows: &Columns, part: Range<usize>) -> Expected {
    if part.is_empty() {
        return Expected::new();
    }
    let block = Block::read(&block::encode_part(rows, part)).unwrap();
    listed(&block.rows().unwrap())
}

fn through_head(rows: &[(Origin, Row)]) -> Rows {
    let mut stored = head(rows).rows();
    stored.normalise();
    stored
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_through_head_and_block_as_they_were(rows in rows()) {
        let stored = through_head(&rows);
        let block = Block::read(&block::encode(&stored)).unwrap();
        let read = block.rows().unwrap();
        prop_assert_eq!(listed(&read), expected(&rows));
        for key in read.keys.keys() {
            let series = block.series(key).unwrap();
            let wanted: Vec<_> = expected(&rows).into_iter().filter(|((k, _), _)| k == key)
                .map(|((_, ts), (origin, value))| (ts, origin, value)).collect();
            prop_assert_eq!(series, wanted);
        }
    }

    #[test]
    fn blocks_of_some_rows_hold_together_what_there_was(rows in rows(), middle in 0usize..20) {
        let joined = Columns::joined(&[head(&rows).columns()], |_| true);
        let middle = middle.min(joined.len());
        let mut read = in_blocks(&joined, 0..middle);
        read.extend(in_blocks(&joined, middle..joined.len()));
        prop_assert_eq!(read, expected(&rows));
    }

    #[test]
    fn parts_joined_are_as_if_they_had_arrived_in_one(
        first in rows(),
        second in rows(),
        third in rows(),
        least in 0i64..6,
    ) {
        let block = Block::read(&block::encode(&through_head(&first))).unwrap();
        let parts = [block.columns().unwrap(), head(&second).columns(), head(&third).columns()];
        let all: Vec<_> = first.into_iter().chain(second).chain(third).collect();
        for late in [false, true] {
            let joined = Columns::joined(&parts, |ts| (ts < least) == late);
            let mut picked = expected(&all);
            picked.retain(|(_, ts), _| (*ts < least) == late);
            prop_assert!(joined.stamps(0..joined.len()).is_sorted());
            prop_assert_eq!(joined.values_of(0..joined.len()), picked.len());
            prop_assert_eq!(in_blocks(&joined, 0..joined.len()), picked.clone());
            let mut last = BTreeMap::new();
            for ((key, ts), (origin, value)) in picked {
                last.insert(key, (ts, origin, value));
            }
            let found = joined.last().map(|(k, ts, o, v)| (k.clone(), (ts, o, v.into())));
            prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), last);
        }
    }

    #[test]
    fn what_is_not_retained_is_gone_and_nothing_else(rows in rows(), least in 0i64..6) {
        let mut stored = through_head(&rows);
        let gone = stored.keys.find("k1");
        let changed = stored.retain(|ts, key| ts >= least || Some(key) != gone);
        stored.normalise();
        let mut left = expected(&rows);
        let before = left.len();
        left.retain(|(key, ts), _| *ts >= least || key != "k1");
        prop_assert_eq!(changed, left.len() < before);
        prop_assert_eq!(listed(&stored), left.clone());
        for key in stored.keys.keys() {
            prop_assert!(left.keys().any(|(held, _)| held == key), "a key without a value");
        }
    }
}

#[test]
fn a_block_with_any_byte_flipped_or_missing_is_refused() {
    let rows: Vec<(Origin, Row)> = (0..50)
        .map(|n| {
            let values = vec![
                ("a".into(), Value::Long(n)),
                ("b".into(), Value::Bool(n > 9)),
            ];
            (Origin::default(), Row { ts: n, values })
        })
        .collect();
    let whole = block::encode(&through_head(&rows));
    assert!(Block::read(&whole).is_some());
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        assert!(Block::read(&flipped).is_none(), "flipped {at}");
        assert!(Block::read(&whole[..at]).is_none(), "cut at {at}");
    }
}

#[tokio::test]
async fn a_damaged_block_is_left_out_and_the_others_are_served() {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let store = open(&config(directory.path()));
    let messages = |range: std::ops::Range<i64>| range.map(|n| noisy(device, n)).collect();
    put(&store, device, messages(0..8000)).await;
    store.close().await.unwrap();
    drop(store);
    let store = open(&config(directory.path()));
    let tree = &store.parts.engine.table.tree();
    let blocks: Vec<_> = tree
        .scan_prefix(keys::of_device(b'b', device))
        .flatten()
        .collect();
    assert!(blocks.len() > 2, "{} blocks", blocks.len());
    let (key, value) = &blocks[1];
    let mut damaged = value.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    tree.insert(key, damaged).unwrap();
    let lost = Block::read(value).unwrap().series("count").unwrap();
    let lost: Vec<i64> = lost
        .iter()
        .map(|(ts, _, _)| (ts - 1_700_000_000_000) / 1000)
        .collect();
    let left: Vec<i64> = (0..8000).filter(|n| !lost.contains(n)).collect();
    assert_eq!(counts(&store, device).await, left);
    let counted = store.parts.engine.table.metrics.render();
    assert!(counted.contains("damaged_blocks_total 1\n"), "{counted}");
    // And the engine goes on.
    put(&store, device, messages(8000..8001)).await;
    assert_eq!(counts(&store, device).await.last(), Some(&8000));
}
