//! An aggregation under way: a turn aside at a time, one running answer at a time.

use super::super::engine::Engine;
use super::super::telemetry::block::Block;
use super::super::telemetry::walk::Walk;
use crate::model::ids::DeviceId;
use crate::model::query::{Aggregation, Order};
use crate::model::telemetry::Point;
use crate::model::value::Key;
use crate::model::Millis;
use crate::store::aggregate::{self, Fold};
use crate::store::error::StoreError;
use std::collections::VecDeque;
use std::ops::{Range, RangeInclusive};

/// Points that are folded in one turn.
const TURN: usize = 8 << 10;

pub struct Folding {
    pub walk: Walk,
    folds: Folds,
}

struct Folds {
    key: Key,
    aggregation: Aggregation,
    intervals: VecDeque<Range<Millis>>,
    /// Of the first interval that is left.
    fold: Fold,
    rows: Vec<Point>,
    /// Blocks that were not looked into.
    #[cfg(test)]
    summed: usize,
}

impl Folding {
    /// `intervals` are ascending and do not overlap.
    pub fn new(
        device: DeviceId,
        key: Key,
        intervals: &[Range<Millis>],
        aggregation: Aggregation,
    ) -> Self {
        let ends = intervals.first().zip(intervals.last());
        let whole = ends.map_or(0..0, |(first, last)| first.start..last.end);
        let folds = Folds {
            key: key.clone(),
            aggregation,
            intervals: intervals.iter().cloned().collect(),
            fold: Fold::new(aggregation),
            rows: Vec::new(),
            #[cfg(test)]
            summed: 0,
        };
        Self {
            walk: Walk::new(device, key, Order::Ascending, whole),
            folds,
        }
    }

    /// A turn aside.
    pub fn go_on(mut self, engine: &Engine) -> Result<Self, StoreError> {
        let mut points = Vec::new();
        let folds = &mut self.folds;
        let mut whole = |before: &mut Vec<Point>, times: RangeInclusive<Millis>, block: &Block| {
            folds.points(before);
            folds.block(times, block)
        };
        self.walk.fill_or(engine, TURN, &mut points, &mut whole)?;
        self.folds.points(&mut points);
        Ok(self)
    }

    #[cfg(test)]
    pub fn summed(&self) -> usize {
        self.folds.summed
    }

    pub fn finish(mut self) -> Vec<Point> {
        self.folds.next_interval();
        self.folds.rows
    }
}

impl Folds {
    fn points(&mut self, points: &mut Vec<Point>) {
        for Point { ts, value } in points.drain(..) {
            if self.interval_of(ts).is_some_and(|one| one.contains(&ts)) {
                self.fold.push(&value);
            }
        }
    }

    /// Whether the block could be taken by what it adds up to: all of it lies in one interval.
    fn block(&mut self, times: RangeInclusive<Millis>, block: &Block) -> bool {
        let interval = self.interval_of(*times.start());
        let inside = |one: Range<Millis>| one.contains(times.start()) && one.contains(times.end());
        let summary = match interval.is_some_and(inside) {
            true => block.summary(&self.key),
            false => None,
        };
        let taken = summary.is_some_and(|summary| self.fold.take(&summary));
        #[cfg(test)]
        {
            self.summed += usize::from(taken);
        }
        taken
    }

    /// The first interval that ends after this time; those before are finished.
    fn interval_of(&mut self, ts: Millis) -> Option<Range<Millis>> {
        while self.intervals.front()?.end <= ts {
            self.next_interval();
        }
        self.intervals.front().cloned()
    }

    fn next_interval(&mut self) {
        let fold = std::mem::replace(&mut self.fold, Fold::new(self.aggregation));
        let value = self.intervals.pop_front().zip(fold.finish());
        self.rows.extend(value.map(|(interval, value)| {
            let ts = aggregate::middle(&interval);
            Point { ts, value }
        }));
    }
}
