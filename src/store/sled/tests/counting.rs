//! What the records take is counted as if each had been read.

use super::{config, edit, merge_all, message, noisy, open, put};
use crate::model::attributes::Scope;
use crate::model::ids::DeviceId;
use crate::model::value::Value;
use crate::store::sled::count::{count, Count};
use crate::store::sled::table::Table;
use crate::store::sled::telemetry::{directory, seal};
use crate::store::Change;
use std::cell::Cell;
use tempfile::TempDir;

fn read_one_by_one(table: &Table) -> Count {
    let rows = table.tree().iter().map(|row| row.unwrap());
    rows.fold(Count::default(), |count, (key, value)| Count {
        bytes: count.bytes + (key.len() + value.len()) as u64,
        records: count.records + 1,
    })
}

/// A message with a text longer than a record of sled's.
fn long(device: DeviceId, n: i64) -> Change {
    let mut message = message(device, n);
    if let Change::Telemetry { rows, .. } = &mut message {
        let noise = (0..9_000u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
        let text: String = noise.map(|n| format!("{n:x}")).collect();
        edit(rows, |rows| {
            rows[0]
                .values
                .push(("text".into(), Value::Text(text.into())))
        });
    }
    message
}

/// Of these a block is full when they take next to nothing.
fn flags(device: DeviceId, n: i64) -> Change {
    let mut message = message(device, n);
    if let Change::Telemetry { rows, .. } = &mut message {
        let flag = |n: usize| (format!("flag {n}").into(), Value::Bool(true));
        edit(rows, |rows| rows[0].values = (0..8).map(flag).collect());
    }
    message
}

#[tokio::test]
async fn what_all_records_take_is_counted_to_the_byte() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let table = &store.parts.engine.table;
    assert_eq!(
        count(table, || false).unwrap(),
        Some(read_one_by_one(table))
    );
    for n in 0..40 {
        let device = DeviceId::new();
        put(&store, device, (0..500).map(|n| noisy(device, n)).collect()).await;
        let attribute = ("name".into(), Value::Text("x".repeat(n * 300).into()));
        let attributes = Change::AttributesPut {
            device,
            scope: Scope::Server,
            at: 1,
            entries: vec![attribute],
        };
        put(&store, device, vec![attributes]).await;
    }
    let device = DeviceId::new();
    for part in 0..12 {
        put(
            &store,
            device,
            (0..1_000)
                .map(|n| flags(device, part * 1_000 + n))
                .collect(),
        )
        .await;
    }
    put(&store, device, vec![long(device, 90_000)]).await;
    store.parts.checkpoint(true).unwrap();
    merge_all(&store);
    let counted = count(table, || false).unwrap();
    assert_eq!(counted, Some(read_one_by_one(table)));
    assert!(counted.unwrap().records > 100, "{counted:?}");
    let blocks = directory::list(table, device).unwrap();
    let bytes: Vec<u32> = blocks.iter().map(|(_, range)| range.bytes).collect();
    assert!(bytes.contains(&(seal::LEAST as u32)), "{bytes:?}");
    assert!(bytes.iter().any(|bytes| *bytes > 9_000), "{bytes:?}");
}

#[tokio::test]
async fn counting_ends_when_told_to() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let device = DeviceId::new();
    put(&store, device, vec![message(device, 1)]).await;
    store.parts.checkpoint(true).unwrap();
    let asked = Cell::new(0);
    let stop = |at: u32| {
        asked.set(0);
        count(&store.parts.engine.table, || {
            asked.set(asked.get() + 1);
            asked.get() == at
        })
    };
    assert!(stop(u32::MAX).unwrap().is_some());
    for at in 1..=asked.get() {
        assert_eq!(stop(at).unwrap(), None, "at {at}");
    }
}
