//! Runs of points that may overlap, given as one. Where one run has a stretch of time to itself its
//! points go straight through; for one time the higher (origin, run number) wins.
//!
//! Times are compared by their [`place`], so that both orders are one.

use crate::model::ids::Origin;
use crate::model::query::Order;
use crate::model::telemetry::Point;
use crate::model::value::Value;
use crate::model::Millis;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::vec::IntoIter;

/// A point with what decides between two of one time.
pub type Dated = (Millis, Origin, Value);

/// Where a time stands in this order: ascending places are the order of reading.
pub fn place(order: Order, ts: Millis) -> i64 {
    match order {
        Order::Ascending => ts,
        Order::Descending => !ts,
    }
}

/// Sorts points by time and leaves of each time the highest origin, of equal ones the last.
pub fn normalise(points: &mut Vec<Dated>) {
    if points.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    points.sort_by_key(|(ts, origin, _)| (*ts, *origin));
    points.reverse();
    points.dedup_by_key(|(ts, ..)| *ts);
    points.reverse();
}

/// What is left of one block or of the head, ascending by time, each time once.
struct Run {
    number: u32,
    points: IntoIter<Dated>,
    /// Place of the first point that is left.
    next: i64,
}

impl Run {
    fn new(order: Order, number: u32, points: Vec<Dated>) -> Option<Self> {
        let run = Run {
            number,
            points: points.into_iter(),
            next: 0,
        };
        run.renewed(order)
    }

    /// `None` when nothing is left.
    fn renewed(mut self, order: Order) -> Option<Self> {
        let (ts, ..) = match order {
            Order::Ascending => self.points.as_slice().first()?,
            Order::Descending => self.points.as_slice().last()?,
        };
        self.next = place(order, *ts);
        Some(self)
    }

    /// How many points stand before `bound` (all without one).
    fn before(&self, order: Order, bound: Option<i64>) -> usize {
        let points = self.points.as_slice();
        let Some(bound) = bound else {
            return points.len();
        };
        let is_before = |point: &Dated| place(order, point.0) < bound;
        match order {
            Order::Ascending => points.partition_point(is_before),
            Order::Descending => points.len() - points.partition_point(|point| !is_before(point)),
        }
    }

    fn give(&mut self, order: Order, count: usize, out: &mut Vec<Point>) {
        let points = self.points.by_ref();
        let point = |(ts, _, value)| Point { ts, value };
        match order {
            Order::Ascending => out.extend(points.take(count).map(point)),
            Order::Descending => out.extend(points.rev().take(count).map(point)),
        }
    }

    fn pop(&mut self, order: Order) -> Option<Dated> {
        match order {
            Order::Ascending => self.points.next(),
            Order::Descending => self.points.next_back(),
        }
    }
}

impl Ord for Run {
    /// The heap has the greatest on top: that is the run with the lowest place.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.next, other.number).cmp(&(self.next, self.number))
    }
}

impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Run {}

pub struct Runs {
    order: Order,
    runs: BinaryHeap<Run>,
}

impl Runs {
    pub fn new(order: Order) -> Self {
        let runs = BinaryHeap::new();
        Self { order, runs }
    }

    /// Takes in a run: normalised points. No two runs have one number.
    pub fn add(&mut self, number: u32, points: Vec<Dated>) {
        self.runs.extend(Run::new(self.order, number, points));
    }

    /// Place of the first point.
    pub fn next(&self) -> Option<i64> {
        self.runs.peek().map(|run| run.next)
    }

    /// Points that are held.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.points.len()).sum()
    }

    /// Gives the points that stand before `bound` (all without one), until `out` holds `most`.
    pub fn take(&mut self, bound: Option<i64>, most: usize, out: &mut Vec<Point>) {
        while out.len() < most {
            let Some(mut first) = self.runs.pop() else {
                return;
            };
            let second = self.runs.peek().map(|run| run.next);
            if bound.is_some_and(|bound| first.next >= bound) {
                self.runs.push(first);
                return;
            }
            if second == Some(first.next) {
                self.settle(first, out);
                continue;
            }
            let until = bound.into_iter().chain(second).min();
            let count = first.before(self.order, until).min(most - out.len());
            first.give(self.order, count, out);
            self.runs.extend(first.renewed(self.order));
        }
    }

    /// Gives one point of those that runs have at the same time.
    fn settle(&mut self, first: Run, out: &mut Vec<Point>) {
        let at = first.next;
        let mut best: Option<(Origin, u32, Point)> = None;
        let mut rival = Some(first);
        while let Some(mut run) = rival.take() {
            if let Some((ts, origin, value)) = run.pop(self.order) {
                let better = best
                    .as_ref()
                    .is_none_or(|(held, number, _)| (origin, run.number) >= (*held, *number));
                if better {
                    best = Some((origin, run.number, Point { ts, value }));
                }
            }
            self.runs.extend(run.renewed(self.order));
            if self.next() == Some(at) {
                rival = self.runs.pop();
            }
        }
        out.extend(best.map(|(_, _, point)| point));
    }

    /// Lets the later half or so go, and says from which place on points are missing now. The first
    /// place stays, so that whoever comes back from there has come further.
    pub fn halve(&mut self) -> Option<i64> {
        let first = self.next()?;
        let longest = self.runs.iter().max_by_key(|run| run.points.len())?;
        let (middle, ..) = longest.points.as_slice().get(longest.points.len() / 2)?;
        let bound = place(self.order, *middle).max(first.checked_add(1)?);
        let runs = std::mem::take(&mut self.runs).into_iter();
        let cut = runs.filter_map(|run| {
            let keep = run.before(self.order, Some(bound));
            let mut points: Vec<Dated> = run.points.collect();
            if self.order == Order::Ascending {
                points.truncate(keep);
            } else {
                points.drain(..points.len() - keep);
            }
            Run::new(self.order, run.number, points)
        });
        self.runs = cut.collect();
        Some(bound)
    }
}
