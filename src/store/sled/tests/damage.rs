//! Records that cannot be read: each costs what stands in it and nothing else, and is counted.

use super::super::keys;
use super::{config, counts, edit, message, open, put};
use crate::model::ids::DeviceId;
use crate::model::value::{Key, Value};
use crate::store::sled::SledStore;
use crate::store::{Change, TimeseriesStore};
use tempfile::TempDir;

/// A message of so many keys.
fn wide(device: DeviceId, n: i64, keys: i64) -> Change {
    let mut wide = message(device, n);
    if let Change::Telemetry { rows, .. } = &mut wide {
        let values = (0..keys).map(|key| (name(key), Value::Long(n)));
        edit(rows, |rows| rows[0].values = values.collect());
    }
    wide
}

fn name(key: i64) -> Key {
    format!("key {key:03}").into()
}

/// Makes the first record with this prefix unreadable.
fn damage(store: &SledStore, prefix: &[u8]) {
    let tree = &store.parts.engine.table.tree();
    let (key, value) = tree.scan_prefix(prefix).next().unwrap().unwrap();
    let mut damaged = value.to_vec();
    damaged[0] = 0x7f;
    tree.insert(key, damaged).unwrap();
}

fn counted(store: &SledStore) -> u64 {
    let text = store.parts.engine.table.metrics.render();
    let mut lines = text.lines();
    let count = lines.find_map(|line| line.strip_prefix("damaged_blocks_total "));
    count.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_damaged_page_of_latest_values_is_left_out_and_the_others_are_served() {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let store = open(&config(directory.path()));
    put(&store, device, vec![wide(device, 1, 300)]).await;
    store.parts.checkpoint(true).unwrap();
    damage(&store, &keys::latest_pages(device));
    let left = store.latest(device, None).await.unwrap().len();
    assert!((100..300).contains(&left), "{left} left");
    assert_eq!(counted(&store), 1);
    // One of them asked for, and not there, is no error either.
    let asked: Vec<Key> = (0..300).map(name).collect();
    let found = store.latest(device, Some(&asked)).await.unwrap();
    assert_eq!(found.len(), left);
    // What comes next is known again.
    put(&store, device, vec![wide(device, 2, 300)]).await;
    store.parts.checkpoint(true).unwrap();
    let found = store.latest(device, None).await.unwrap();
    assert_eq!(found.len(), 300);
    assert!(found.iter().all(|(_, point)| point.value == Value::Long(2)));
}

#[tokio::test]
async fn a_damaged_series_state_costs_no_points_and_no_page_and_the_engine_goes_on() {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let store = open(&config(directory.path()));
    put(&store, device, vec![wide(device, 1, 300)]).await;
    put(&store, device, vec![message(device, 1)]).await;
    store.parts.checkpoint(true).unwrap();
    damage(&store, &keys::series(device));
    assert_eq!(store.latest(device, None).await.unwrap().len(), 303);
    assert_eq!(store.telemetry_keys(device).await.unwrap().len(), 303);
    assert_eq!(counts(&store, device).await, vec![1]);
    assert!(counted(&store) > 0);
    put(&store, device, vec![message(device, 2)]).await;
    store.parts.checkpoint(true).unwrap();
    let before = counted(&store);
    assert_eq!(store.latest(device, None).await.unwrap().len(), 303);
    assert_eq!(counts(&store, device).await, vec![1, 2]);
    assert_eq!(counted(&store), before, "it was written anew");
}

#[tokio::test]
async fn of_few_keys_a_damaged_series_state_takes_the_latest_values_and_leaves_the_head() {
    let directory = TempDir::new().unwrap();
    let (device, other) = (DeviceId::new(), DeviceId::new());
    let store = open(&config(directory.path()));
    for device in [device, other] {
        put(&store, device, vec![message(device, 1)]).await;
    }
    store.parts.checkpoint(true).unwrap();
    damage(&store, &keys::series(device));
    put(&store, device, vec![wide(device, 2, 2)]).await;
    assert_eq!(store.latest(device, None).await.unwrap().len(), 2);
    assert_eq!(store.latest(other, None).await.unwrap().len(), 3);
    assert_eq!(counts(&store, device).await, vec![1]);
}

#[tokio::test]
async fn a_long_block_that_lost_a_part_is_left_out_of_the_answer() {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let store = open(&config(directory.path()));
    // One row too long for one record: noise does not get shorter.
    let mut seed = 1u64;
    let mut noise = || {
        seed = seed
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405);
        char::from(b' ' + (seed >> 33) as u8 % 90)
    };
    let text: String = (0..20_000).map(|_| noise()).collect();
    let mut long = message(device, 2);
    if let Change::Telemetry { rows, .. } = &mut long {
        let text = Value::Text(text.as_str().into());
        edit(rows, |rows| rows[0].values.push(("long".into(), text)));
    }
    for change in [message(device, 1), long, message(device, 3)] {
        put(&store, device, vec![change]).await;
        store.parts.checkpoint(true).unwrap();
    }
    assert_eq!(counts(&store, device).await, vec![1, 2, 3]);
    // The last part of the block, not of the series state with its latest value.
    let tree = &store.parts.engine.table.tree();
    let block = [&[keys::CHUNK][..], &keys::of_device(b'b', device)].concat();
    let (key, _) = tree.scan_prefix(block).next_back().unwrap().unwrap();
    tree.remove(key).unwrap();
    assert_eq!(counts(&store, device).await, vec![1, 3]);
    assert!(counted(&store) > 0);
}
