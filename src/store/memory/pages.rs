//! A series of the oracle streamed: a chunk at a time, each read when it is asked for. A time stands
//! once in a series, so the next chunk begins right after the last point.

use super::MemoryStore;
use crate::model::ids::DeviceId;
use crate::model::query::{HistoryQuery, Order};
use crate::model::telemetry::Point;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::stream::{PointStream, CHUNK};
use async_trait::async_trait;
use std::sync::atomic::Ordering;

pub(super) struct Pages {
    store: MemoryStore,
    device: DeviceId,
    key: Key,
    left: HistoryQuery,
}

impl Pages {
    pub fn new(store: &MemoryStore, device: DeviceId, key: Key, query: HistoryQuery) -> Self {
        store.inner.open_streams.fetch_add(1, Ordering::SeqCst);
        Self {
            store: store.clone(),
            device,
            key,
            left: query,
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.store.inner.open_streams.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl PointStream for Pages {
    async fn next(&mut self) -> Result<Option<Vec<Point>>, StoreError> {
        let left = &mut self.left;
        let most = left.limit.min(CHUNK);
        let point = |(ts, value): (Millis, &Value)| Point {
            ts,
            value: value.clone(),
        };
        let range = &left.range;
        let found = self
            .store
            .points(self.device, &self.key, range, |points| match left.order {
                Order::Ascending => points.take(most).map(point).collect(),
                Order::Descending => points.rev().take(most).map(point).collect::<Vec<_>>(),
            });
        let found = found.inspect_err(|_| left.limit = 0)?;
        left.limit -= found.len();
        match (found.last(), left.order) {
            (Some(last), Order::Ascending) => left.range.start = last.ts.saturating_add(1),
            (Some(last), Order::Descending) => left.range.end = last.ts,
            (None, _) => return Ok(None),
        }
        self.store.inner.chunks.fetch_add(1, Ordering::SeqCst);
        Ok(Some(found))
    }
}
