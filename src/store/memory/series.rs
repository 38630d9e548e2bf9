//! One device's telemetry: points, and beside them the latest value of each key.

use crate::model::ids::Origin;
use crate::model::packed::PackedRows;
use crate::model::telemetry::Point;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::batch::DeleteSelection;
use std::collections::BTreeMap;

type Written = (Origin, Value);

/// Points and the latest value live apart, since a deletion may take the one and leave the other.
#[derive(Clone, Debug, Default)]
pub struct Series {
    pub points: BTreeMap<Key, BTreeMap<Millis, Written>>,
    latest: BTreeMap<Key, (Millis, Origin, Value)>,
}

impl Series {
    pub fn put(&mut self, origin: Origin, rows: &PackedRows) {
        for row in rows.iter() {
            for (key, value) in &row.values {
                self.put_point(key, row.ts, origin, value);
                self.put_latest(key, row.ts, origin, value);
            }
        }
    }

    fn put_point(&mut self, key: &Key, ts: Millis, origin: Origin, value: &Value) {
        let series = self.points.entry(key.clone()).or_default();
        let newer = series.get(&ts).is_none_or(|(held, _)| origin >= *held);
        if newer {
            series.insert(ts, (origin, value.clone()));
        }
    }

    fn put_latest(&mut self, key: &Key, ts: Millis, origin: Origin, value: &Value) {
        let held = self.latest.get(key);
        let newer = held.is_none_or(|(held_ts, held, _)| (ts, origin) >= (*held_ts, *held));
        if newer {
            self.latest.insert(key.clone(), (ts, origin, value.clone()));
        }
    }

    pub fn delete(&mut self, keys: &[Key], selection: &DeleteSelection) {
        let takes = |ts: Millis| {
            let range = selection.range;
            range.is_none_or(|(start, end)| start <= ts && ts < end)
        };
        for key in keys {
            if let Some(series) = self.points.get_mut(key) {
                series.retain(|ts, _| !takes(*ts));
                if series.is_empty() {
                    self.points.remove(key);
                }
            }
            let latest_inside = self.latest.get(key).is_some_and(|(ts, _, _)| takes(*ts));
            if latest_inside && selection.delete_latest {
                self.latest.remove(key);
                if selection.rewrite_latest {
                    self.rewrite_latest(key);
                }
            }
        }
    }

    pub fn expire(&mut self, before: Millis) {
        for series in self.points.values_mut() {
            series.retain(|ts, _| *ts >= before);
        }
        self.points.retain(|_, series| !series.is_empty());
    }

    fn rewrite_latest(&mut self, key: &Key) {
        let newest = self.points.get(key).and_then(BTreeMap::last_key_value);
        if let Some((ts, (origin, value))) = newest {
            self.latest
                .insert(key.clone(), (*ts, *origin, value.clone()));
        }
    }

    pub fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self
            .points
            .keys()
            .chain(self.latest.keys())
            .cloned()
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    pub fn latest(&self, wanted: impl Fn(&Key) -> bool) -> Vec<(Key, Point)> {
        let rows = self.latest.iter().filter(|(key, _)| wanted(key));
        rows.map(|(key, (ts, _, value))| {
            let value = value.clone();
            (key.clone(), Point { ts: *ts, value })
        })
        .collect()
    }
}
