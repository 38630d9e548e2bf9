//! Keys, latest values, history and aggregates.

use super::super::telemetry::latest;
use super::super::telemetry::series::Latest;
use super::super::telemetry::walk::Walk;
use super::super::SledStore;
use super::folding::Folding;
use super::points::Points;
use crate::model::ids::DeviceId;
use crate::model::query::{Aggregation, HistoryQuery};
use crate::model::telemetry::Point;
use crate::model::value::Key;
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::stream::PointStream;
use crate::store::traits::TimeseriesStore;
use ahash::AHashSet;
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::ops::Range;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl TimeseriesStore for SledStore {
    async fn telemetry_keys(&self, device: DeviceId) -> Result<Vec<Key>> {
        let head = self.engine().heads.keys(device);
        let mut keys: BTreeSet<Key> = head.into_iter().collect();
        keys.extend(latest::read(&self.engine().table, device, None)?.into_keys());
        Ok(keys.into_iter().collect())
    }

    async fn latest(&self, device: DeviceId, keys: Option<&[Key]>) -> Result<Vec<(Key, Point)>> {
        // The heads first: what is sealed in between is seen twice, never missed.
        let heads = self.engine().heads.rows(device);
        let mut found = latest::read(&self.engine().table, device, keys)?;
        let wanted: Option<AHashSet<&Key>> = keys.map(|keys| keys.iter().collect());
        for (key, newer) in heads.iter().flat_map(latest::newest) {
            let asked = wanted.as_ref().is_none_or(|wanted| wanted.contains(&key));
            let held = found.get(&key).and_then(Option::as_ref);
            if asked && !held.is_some_and(|held| latest::is_later(held, &newer)) {
                found.insert(key, Some(newer));
            }
        }
        let points = found.into_iter().filter_map(|(key, latest)| {
            let Latest { ts, value, .. } = latest?;
            Some((key, Point { ts, value }))
        });
        Ok(points.collect())
    }

    async fn stream(
        &self,
        device: DeviceId,
        key: &str,
        query: &HistoryQuery,
    ) -> Result<Box<dyn PointStream>> {
        let walk = Walk::new(device, key.into(), query.order, query.range.clone());
        let engine = &self.parts.engine;
        let points = Points::start(self.asides.clone(), engine, walk, query.limit);
        Ok(Box::new(points))
    }

    async fn aggregate(
        &self,
        device: DeviceId,
        key: &str,
        intervals: &[Range<Millis>],
        aggregation: Aggregation,
    ) -> Result<Vec<Point>> {
        let mut folding = Folding::new(device, key.into(), intervals, aggregation);
        while !folding.walk.is_done() {
            // There may be millions of points in few intervals.
            folding = self.aside(move |engine| folding.go_on(engine)).await?;
        }
        Ok(folding.finish())
    }
}
