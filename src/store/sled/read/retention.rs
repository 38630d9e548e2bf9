//! What retention asks: from the directory of blocks, without reading any of them.

use super::super::engine::Engine;
use super::super::table::Table;
use super::super::telemetry::directory::{self, BlockRange};
use super::super::{keys, record, SledStore};
use crate::model::device::Device;
use crate::model::ids::{DeviceId, PARTITIONS};
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::retention::{Aged, Doomed, Extent, Limit, Limits, RetentionStore};
use async_trait::async_trait;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, StoreError>;

/// Blocks that stand for all when a time is looked for: a megabyte of memory, exact below.
const SAMPLE: usize = 1 << 16;

#[async_trait]
impl RetentionStore for SledStore {
    async fn aged(&self, limits: &Limits, behind: Option<DeviceId>, count: usize) -> Result<Aged> {
        let limits = limits.clone();
        self.aside(move |engine| aged(engine, &limits, behind, count))
            .await
    }

    async fn disk_use(&self) -> Result<u64> {
        self.parts.directory.disk_use()
    }

    async fn block_bytes(&self) -> Result<u64> {
        self.aside(|engine| {
            let mut sum = 0;
            each_block(&engine.table, |_, block| sum += block.bytes)?;
            Ok(sum)
        })
        .await
    }

    async fn oldest(&self, keep: u64) -> Result<Vec<Doomed>> {
        self.aside(move |engine| oldest(&engine.table, keep)).await
    }
}

/// What counts here of a block.
struct Listed {
    min: Millis,
    max: Millis,
    rows: u64,
    bytes: u64,
}

impl Listed {
    fn extent(&self) -> Extent {
        Extent {
            blocks: 1,
            rows: self.rows,
            bytes: self.bytes,
        }
    }
}

fn aged(engine: &Engine, limits: &Limits, behind: Option<DeviceId>, count: usize) -> Result<Aged> {
    let mut found = Aged::default();
    for device in next_devices(&engine.table, behind, count)? {
        let value = engine.table.get(&keys::device(device))?;
        // One that cannot be read has been reported.
        let record = value.and_then(|value| record::decode::<Device>("device", &value).ok());
        let limit = record.and_then(|record| limits.of(record.profile));
        if let Some(limit) = limit {
            found.doomed.extend(doomed(engine, device, limit)?);
        }
        found.last = Some(device);
    }
    if next_devices(&engine.table, found.last, 1)?.is_empty() {
        found.last = None;
    }
    Ok(found)
}

/// In the order of their keys.
fn next_devices(table: &Table, behind: Option<DeviceId>, count: usize) -> Result<Vec<DeviceId>> {
    let mut found = Vec::new();
    let first = behind.map_or(0, |device| device.partition().0);
    for partition in first..PARTITIONS {
        let prefix = [partition, b'd'];
        let from = match behind {
            // The next possible key.
            Some(device) if device.partition().0 == partition => {
                [keys::device(device), vec![0]].concat()
            }
            _ => prefix.to_vec(),
        };
        let end = [partition, b'd' + 1].to_vec();
        for key in table.rows(from..end).keys() {
            let key = key?;
            if found.len() == count {
                return Ok(found);
            }
            found.extend(keys::trailing_id(&key).map(DeviceId));
        }
    }
    Ok(found)
}

/// `None` when nothing of the device is due.
fn doomed(engine: &Engine, device: DeviceId, limit: Limit) -> Result<Option<Doomed>> {
    let mut oldest = engine.heads.oldest(device);
    let mut extent = Extent::default();
    each_of(&engine.table, &keys::of_device(b'm', device), |_, block| {
        oldest = Some(oldest.map_or(block.min, |oldest| oldest.min(block.min)));
        if block.max < limit.before {
            extent.add(block.extent());
        }
    })?;
    let due = oldest.is_some_and(|oldest| oldest < limit.due);
    Ok(due.then_some(Doomed {
        device,
        before: limit.before,
        extent,
    }))
}

fn oldest(table: &Table, keep: u64) -> Result<Vec<Doomed>> {
    let Some(before) = cut(table, keep)? else {
        return Ok(Vec::new());
    };
    let mut devices: BTreeMap<DeviceId, (Millis, Extent)> = BTreeMap::new();
    each_block(table, |device, block| {
        if block.max < before {
            let (last, extent) = devices
                .entry(device)
                .or_insert((Millis::MIN, Extent::default()));
            *last = block.max.max(*last);
            extent.add(block.extent());
        }
    })?;
    let doomed = |(device, (last, extent)): (DeviceId, (Millis, Extent))| Doomed {
        device,
        before: last.saturating_add(1),
        extent,
    };
    Ok(devices.into_iter().map(doomed).collect())
}

/// Blocks that end before the given time hold what is above `keep`; `None` when nothing is.
fn cut(table: &Table, keep: u64) -> Result<Option<Millis>> {
    let (mut all, mut count) = (0, 0);
    each_block(table, |_, block| {
        all += block.bytes;
        count += 1;
    })?;
    // Every so-manieth block stands for those around it.
    let stride = count / SAMPLE + 1;
    let mut number = 0;
    let mut sample = Vec::with_capacity(count / stride + 1);
    each_block(table, |_, block| {
        if number % stride == 0 {
            sample.push((block.max, block.bytes * stride as u64));
        }
        number += 1;
    })?;
    sample.sort_unstable();
    let mut surplus = all.saturating_sub(keep);
    let mut before = None;
    for (max, bytes) in sample {
        if surplus == 0 {
            break;
        }
        surplus = surplus.saturating_sub(bytes);
        before = Some(max.saturating_add(1));
    }
    Ok(before)
}

fn each_block(table: &Table, mut visit: impl FnMut(DeviceId, Listed)) -> Result<()> {
    for partition in 0..PARTITIONS {
        each_of(table, &[partition, b'm'], &mut visit)?;
    }
    Ok(())
}

fn each_of(table: &Table, prefix: &[u8], mut visit: impl FnMut(DeviceId, Listed)) -> Result<()> {
    for row in directory::all(table, prefix) {
        let (device, _, block) = row?;
        let listed = Listed {
            min: block.min,
            max: block.max,
            rows: u64::from(block.rows),
            bytes: bytes(&block),
        };
        visit(device, listed);
    }
    Ok(())
}

/// Blocks of the first form do not tell: a full one had between 3 and 6 KiB.
fn bytes(block: &BlockRange) -> u64 {
    match block.bytes {
        0 => 4_500,
        bytes => u64::from(bytes),
    }
}
