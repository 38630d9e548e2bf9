//! What retention asks: here each row is a block of its own, and a value takes 16 bytes.

use super::series::Series;
use super::MemoryStore;
use crate::model::ids::DeviceId;
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::retention::{Aged, Doomed, Extent, Limits, RetentionStore};
use async_trait::async_trait;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, StoreError>;

const BYTES: u64 = 16;

/// Time and number of values of each row.
fn rows(series: &Series) -> BTreeMap<Millis, u64> {
    let mut rows = BTreeMap::new();
    for ts in series.points.values().flat_map(|points| points.keys()) {
        *rows.entry(*ts).or_insert(0) += 1;
    }
    rows
}

fn before(series: &Series, before: Millis) -> Extent {
    let rows = rows(series);
    let gone = rows.range(..before).map(|(_, values)| Extent {
        blocks: 1,
        rows: 1,
        bytes: BYTES * values,
    });
    gone.sum()
}

#[async_trait]
impl RetentionStore for MemoryStore {
    async fn aged(&self, limits: &Limits, behind: Option<DeviceId>, count: usize) -> Result<Aged> {
        self.read(|tables| {
            let mut found = Aged::default();
            let mut devices = tables
                .devices
                .values()
                .filter(|device| behind.is_none_or(|behind| device.id > behind))
                .peekable();
            for device in devices.by_ref().take(count) {
                found.last = Some(device.id);
                let (Some(limit), Some(series)) =
                    (limits.of(device.profile), tables.series.get(&device.id))
                else {
                    continue;
                };
                let oldest = rows(series).into_keys().next();
                if oldest.is_some_and(|oldest| oldest < limit.due) {
                    found.doomed.push(Doomed {
                        device: device.id,
                        before: limit.before,
                        extent: before(series, limit.before),
                    });
                }
            }
            if devices.peek().is_none() {
                found.last = None;
            }
            found
        })
    }

    async fn disk_use(&self) -> Result<u64> {
        self.block_bytes().await
    }

    async fn block_bytes(&self) -> Result<u64> {
        self.read(|tables| {
            let series = tables.series.values();
            let points = series.flat_map(|series| series.points.values());
            points.map(|points| BYTES * points.len() as u64).sum()
        })
    }

    async fn oldest(&self, keep: u64) -> Result<Vec<Doomed>> {
        let all = self.block_bytes().await?;
        self.read(|tables| {
            let mut by_time = BTreeMap::new();
            for (ts, values) in tables.series.values().flat_map(rows) {
                *by_time.entry(ts).or_insert(0) += values * BYTES;
            }
            let mut surplus = all.saturating_sub(keep);
            let mut cut = Millis::MIN;
            for (ts, bytes) in by_time {
                if surplus == 0 {
                    break;
                }
                surplus = surplus.saturating_sub(bytes);
                cut = ts.saturating_add(1);
            }
            let doomed = tables.series.iter().map(|(device, series)| Doomed {
                device: *device,
                before: cut,
                extent: before(series, cut),
            });
            doomed.filter(|one| one.extent.blocks > 0).collect()
        })
    }
}
