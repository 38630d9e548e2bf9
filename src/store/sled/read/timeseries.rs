//! Keys, latest values, history and aggregates.

use super::super::engine::Engine;
use super::super::telemetry::series::{Latest, SeriesState};
use super::super::telemetry::walk::Walk;
use super::super::SledStore;
use crate::model::ids::DeviceId;
use crate::model::query::{Aggregation, HistoryQuery, Order};
use crate::model::telemetry::Point;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::aggregate::{self, Fold};
use crate::store::error::StoreError;
use crate::store::traits::TimeseriesStore;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl TimeseriesStore for SledStore {
    async fn telemetry_keys(&self, device: DeviceId) -> Result<Vec<Key>> {
        let head = self.engine().heads.keys(device);
        let mut keys: BTreeSet<Key> = head.into_iter().collect();
        if let Some(state) = SeriesState::load(&self.engine().table, device)? {
            keys.extend(state.latest.into_iter().map(|(key, _)| key));
        }
        Ok(keys.into_iter().collect())
    }

    async fn latest(&self, device: DeviceId, keys: Option<&[Key]>) -> Result<Vec<(Key, Point)>> {
        // The head first: what is sealed in between is seen twice, never missed.
        let head = self.engine().heads.rows(device);
        let state = SeriesState::load(&self.engine().table, device)?;
        let mut state = state.unwrap_or_default();
        if let Some(mut rows) = head {
            rows.normalise();
            state.take(&rows);
        }
        let wanted = keys.map(|keys| keys.iter().collect::<BTreeSet<_>>());
        let mut found = BTreeMap::new();
        for (key, latest) in state.latest {
            let asked = wanted.as_ref().is_none_or(|wanted| wanted.contains(&key));
            if let (true, Some(Latest { ts, value, .. })) = (asked, latest) {
                found.insert(key, Point { ts, value });
            }
        }
        Ok(found.into_iter().collect())
    }

    async fn history(
        &self,
        device: DeviceId,
        key: &str,
        query: &HistoryQuery,
    ) -> Result<Vec<Point>> {
        let mut points = Vec::new();
        if query.limit == 0 {
            return Ok(points);
        }
        walk(
            self.engine(),
            device,
            key,
            query.order,
            query.range.clone(),
            |ts, value| {
                points.push(Point { ts, value });
                if points.len() < query.limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        )?;
        Ok(points)
    }

    async fn aggregate(
        &self,
        device: DeviceId,
        key: &str,
        intervals: &[Range<Millis>],
        aggregation: Aggregation,
    ) -> Result<Vec<Point>> {
        let (Some(first), Some(last)) = (intervals.first(), intervals.last()) else {
            return Ok(Vec::new());
        };
        let whole = first.start..last.end;
        let (key, intervals) = (key.to_owned(), intervals.to_vec());
        // There may be millions of points in few intervals.
        self.aside(move |engine| {
            let mut folds = vec![Fold::new(aggregation); intervals.len()];
            walk(
                engine,
                device,
                &key,
                Order::Ascending,
                whole,
                |ts, value| {
                    let at = intervals.partition_point(|interval| interval.end <= ts);
                    let inside = intervals.get(at).is_some_and(|one| one.contains(&ts));
                    if let (true, Some(fold)) = (inside, folds.get_mut(at)) {
                        fold.push(&value);
                    }
                    ControlFlow::Continue(())
                },
            )?;
            let rows = intervals.iter().zip(folds).filter_map(|(interval, fold)| {
                let ts = aggregate::middle(interval);
                fold.finish().map(|value| Point { ts, value })
            });
            Ok(rows.collect())
        })
        .await
    }
}

fn walk(
    engine: &Engine,
    device: DeviceId,
    key: &str,
    order: Order,
    range: Range<Millis>,
    visit: impl FnMut(Millis, Value) -> ControlFlow<()>,
) -> Result<()> {
    if range.start >= range.end {
        return Ok(());
    }
    let walk = Walk {
        table: &engine.table,
        device,
        key,
        order,
    };
    walk.run(range, || engine.heads.series(device, key), visit)
}
