//! Blocks found by time: as many as a look at all of them finds, whatever the ranges.

use super::super::keys;
use super::super::packed;
use super::super::table::Table;
use super::super::telemetry::by_time::{complete, Listed, Wanted};
use super::super::telemetry::directory::BlockRange;
use super::super::tx::Tx;
use crate::model::ids::DeviceId;
use crate::model::query::Order;
use proptest::prelude::*;
use std::ops::RangeInclusive;
use std::time::Instant;

const RANGE: BlockRange = BlockRange {
    min: 0,
    max: 0,
    rows: 1,
    bytes: 100,
    rank: 0,
    side: true,
};
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

fn table() -> Table {
    let db = sled::Config::new().temporary(true).open().unwrap();
    Table::new(db, crate::observability::Metrics::new())
}

fn put(table: &Table, device: DeviceId, ranges: impl IntoIterator<Item = (u32, BlockRange)>) {
    let mut tx = Tx::new(table);
    for (number, range) in ranges {
        tx.put(keys::block_range(device, number), range.encode().unwrap());
    }
    tx.commit().unwrap();
}

fn wanted(
    table: &Table,
    device: DeviceId,
    order: Order,
    places: RangeInclusive<i64>,
) -> Wanted<'_> {
    Wanted {
        table,
        device,
        order,
        places,
    }
}

fn sorted(blocks: impl IntoIterator<Item = Listed>) -> Vec<(i64, u32)> {
    let mut blocks: Vec<_> = blocks.into_iter().map(|b| (b.first, b.number)).collect();
    blocks.sort_unstable();
    blocks
}

/// Lists all that overlaps, window by window, and compares each with a look at all ranges.
fn compare(table: &Table, device: DeviceId, order: Order, places: RangeInclusive<i64>) -> usize {
    let mut from = *places.start();
    let mut windows = 0;
    loop {
        let wanted = wanted(table, device, order, from..=*places.end());
        let listing = wanted.list().unwrap();
        let inside = |block: &Listed| listing.until.is_none_or(|until| block.first < until);
        let all = wanted.by_number().unwrap();
        let expected = sorted(all.blocks.into_iter().filter(inside));
        assert_eq!(sorted(listing.blocks), expected, "{order:?} from {from}");
        windows += 1;
        match listing.until {
            None => return windows,
            Some(until) if until > *places.end() => return windows,
            Some(until) => {
                assert!(until > from, "a window that ends where it begins");
                from = until;
            }
        }
    }
}

fn range() -> impl Strategy<Value = BlockRange> {
    let narrow = (0i64..2_000, 0i64..5).prop_map(|(min, length)| (min, min + length));
    let wide = (0i64..2_000, 0i64..3_000).prop_map(|(min, length)| (min, min + length));
    let any = (any::<i64>(), any::<i64>()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![30 => narrow, 2 => wide, 1 => any].prop_map(|(min, max)| BlockRange {
        min,
        max,
        ..RANGE
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 40,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_look_by_time_finds_what_a_look_at_all_finds(
        ranges in proptest::collection::vec(range(), 0..1_500),
        moved in proptest::collection::vec((0u32..1_500, proptest::option::of(range())), 0..100),
        asked in proptest::collection::vec((-10i64..2_500, 0i64..2_500), 3),
    ) {
        let (table, device) = (table(), DeviceId::new());
        put(&table, device, (0..).zip(ranges));
        // Another device's blocks are no concern.
        put(&table, DeviceId::new(), [(7, BlockRange { min: 0, max: 3_000, ..RANGE })]);
        let mut tx = Tx::new(&table);
        for (number, range) in moved {
            let key = keys::block_range(device, number);
            match range {
                Some(range) => tx.put(key, range.encode().unwrap()),
                None => tx.remove(key),
            }
        }
        tx.commit().unwrap();
        for order in ORDERS {
            for (start, length) in &asked {
                compare(&table, device, order, *start..=start + length);
            }
            compare(&table, device, order, i64::MIN..=i64::MAX);
        }
    }
}

#[test]
fn many_blocks_come_in_several_windows_and_overlapping_ones_in_one() {
    let (table, device) = (table(), DeviceId::new());
    let range = |n: u32| BlockRange {
        min: i64::from(n) * 10,
        max: i64::from(n) * 10 + 9,
        ..RANGE
    };
    put(&table, device, (0..2_000).map(|n| (n, range(n))));
    for order in ORDERS {
        assert!(compare(&table, device, order, i64::MIN..=i64::MAX) > 4);
    }
    let heap = DeviceId::new();
    put(&table, heap, (0..2_000).map(|n| (n, range(7))));
    for order in ORDERS {
        assert!(compare(&table, heap, order, i64::MIN..=i64::MAX) <= 2);
    }
}

#[test]
fn a_store_of_the_first_version_is_completed_once() {
    let (table, device) = (table(), DeviceId::new());
    // First and last time, rows.
    let value = super::super::record::encode(&(5i64, 900i64, 1u32)).unwrap();
    for number in 0..10_000 {
        let key = keys::block_range(device, number);
        table.tree().insert(key, value.clone()).unwrap();
    }
    let find = || {
        wanted(&table, device, Order::Ascending, 5..=10)
            .list()
            .unwrap()
    };
    // They stand alone, and not by time.
    assert_eq!(find().blocks.len(), 0);
    packed::complete(&table).unwrap();
    assert_eq!(find().blocks.len(), 0);
    complete(&table).unwrap();
    assert_eq!(find().blocks.len(), 10_000);
    table.tree().clear().unwrap();
}

#[test]
#[ignore = "prints figures"]
fn a_hundred_thousand_blocks() {
    let (table, device) = (table(), DeviceId::new());
    let range = |n: u32| BlockRange {
        min: i64::from(n) * 1_000,
        max: i64::from(n) * 1_000 + 900 + i64::from(n % 90),
        ..RANGE
    };
    for part in 0..100 {
        put(
            &table,
            device,
            (part * 1_000..(part + 1) * 1_000).map(|n| (n, range(n))),
        );
    }
    for order in ORDERS {
        for at in [0i64, 50_000_000, 99_000_000] {
            let ends = [at, at + 10_000].map(|ts| super::super::telemetry::runs::place(order, ts));
            let places = ends[0].min(ends[1])..=ends[0].max(ends[1]);
            let wanted = wanted(&table, device, order, places);
            let begun = Instant::now();
            let found = wanted.list().unwrap().blocks.len();
            let by_time = begun.elapsed();
            let begun = Instant::now();
            wanted.by_number().unwrap();
            let by_number = begun.elapsed();
            println!("{order:?} {at}: {found} blocks, by time {by_time:?}, all {by_number:?}");
        }
    }
}
