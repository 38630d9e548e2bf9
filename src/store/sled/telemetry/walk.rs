//! One series in the order of time: the head and the blocks merged, a stretch at a time, with rests
//! in between as long as the reader likes.
//!
//! Blocks may overlap (late data). For one time the higher (origin, rank) wins; the head
//! counts as the last block. What is sealed while we read is seen twice, never missed: the head is
//! read first, and cleared only after its block can be seen. When a block that was listed is gone,
//! its points have moved: the walk lists again from behind the last point it gave.

use super::super::engine::Engine;
use super::super::keys;
use super::block::Block;
use super::by_time::{Listed, Listing, Wanted};
use super::delete::report;
use super::runs::{normalise, place, Dated, Runs};
use crate::model::ids::DeviceId;
use crate::model::query::Order;
use crate::model::telemetry::Point;
use crate::model::value::Key;
use crate::model::Millis;
use crate::store::error::StoreError;
use std::collections::VecDeque;
use std::ops::{Range, RangeInclusive};

/// Blocks that one stretch reads at most: one that finds few points must end too.
const BLOCKS: usize = 64;
/// See [`Walk::held`].
const HELD: usize = 32 << 10;
/// The head's rank among the blocks.
const HEAD: u32 = u32::MAX;

type Result<T> = std::result::Result<T, StoreError>;

pub struct Walk {
    device: DeviceId,
    key: Key,
    order: Order,
    /// Places (see `runs::place`) that are still to be read.
    left: Option<RangeInclusive<i64>>,
    pass: Option<Pass>,
    /// A block that was listed and not there.
    missed: Option<u32>,
    /// Points of overlapping blocks that are held at once; what is beyond is read again later.
    held: usize,
}

/// The head and the directory as they were found.
struct Pass {
    runs: Runs,
    blocks: VecDeque<Listed>,
    /// From here on nothing is known.
    until: Option<i64>,
}

/// Points that were given, the time of a block that comes after them, and the block.
pub type Whole<'a> = dyn FnMut(&mut Vec<Point>, RangeInclusive<Millis>, &Block) -> bool + 'a;

impl Pass {
    /// Whether all of the block is asked for, and nothing else has a point between its ends.
    fn is_alone(&self, block: &Listed, left: &RangeInclusive<i64>) -> bool {
        let behind = |at: Option<i64>| at.is_none_or(|at| block.last < at);
        left.contains(&block.first)
            && left.contains(&block.last)
            && behind(self.runs.next())
            && behind(self.blocks.front().map(|next| next.first))
            && behind(self.until)
    }
}

enum Step {
    Full,
    Loaded,
    /// A block was moved while we read: look again from behind the last point given.
    Again,
    /// All that the pass knows has been given.
    End,
}

impl Walk {
    pub fn new(device: DeviceId, key: Key, order: Order, range: Range<Millis>) -> Self {
        // Inclusive: in descending order the place of an end may be outside of i64.
        let last = range.end.checked_sub(1);
        let last = last.filter(|last| range.start <= *last);
        let left = last.map(|last| {
            let ends = (place(order, range.start), place(order, last));
            ends.0.min(ends.1)..=ends.0.max(ends.1)
        });
        Self {
            device,
            key,
            order,
            left,
            pass: None,
            missed: None,
            held: HELD,
        }
    }

    #[cfg(test)]
    pub fn holding(self, held: usize) -> Self {
        Self { held, ..self }
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.left.is_none()
    }

    /// Adds the next points, until `out` holds `most` or enough blocks have been read.
    pub fn fill(&mut self, engine: &Engine, most: usize, out: &mut Vec<Point>) -> Result<()> {
        self.fill_or(engine, most, out, &mut |_, _, _| false)
    }

    /// The same, but a block that stands alone is shown first: to `whole`, with the points before
    /// it and its first and last time. If it takes the block, its points are not read.
    pub fn fill_or(
        &mut self,
        engine: &Engine,
        most: usize,
        out: &mut Vec<Point>,
        whole: &mut Whole<'_>,
    ) -> Result<()> {
        for _ in 0..BLOCKS {
            let Some(left) = self.left.clone() else {
                return Ok(());
            };
            let mut pass = match self.pass.take() {
                Some(pass) => pass,
                None => self.begin(engine, &left)?,
            };
            match self.step(engine, &mut pass, most, out, whole)? {
                Step::Again => {}
                Step::End => self.go_on(pass.until),
                Step::Loaded => self.pass = Some(pass),
                Step::Full => {
                    self.pass = Some(pass);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// What is before this place is done with; without one, everything is.
    fn go_on(&mut self, from: Option<i64>) {
        let end = self.left.take().map(|left| *left.end());
        let left = from.zip(end).map(|(from, end)| from..=end);
        self.left = left.filter(|left| !left.is_empty());
    }

    fn begin(&self, engine: &Engine, left: &RangeInclusive<i64>) -> Result<Pass> {
        let mut runs = Runs::new(self.order);
        let mut head = engine.heads.series(self.device, &self.key);
        head.retain(|point| left.contains(&place(self.order, point.0)));
        normalise(&mut head);
        runs.add(HEAD, head);
        let wanted = Wanted {
            table: &engine.table,
            device: self.device,
            order: self.order,
            places: left.clone(),
        };
        let Listing { blocks, until } = wanted.list()?;
        Ok(Pass {
            runs,
            blocks,
            until,
        })
    }

    /// Gives what no block that is still to be read can change, then reads the next block.
    fn step(
        &mut self,
        engine: &Engine,
        pass: &mut Pass,
        most: usize,
        out: &mut Vec<Point>,
        whole: &mut Whole<'_>,
    ) -> Result<Step> {
        let given = out.len();
        let next = pass.blocks.front().map(|block| block.first);
        let bound = next.into_iter().chain(pass.until).min();
        pass.runs.take(bound, most, out);
        if let Some(last) = out.get(given..).and_then(<[Point]>::last) {
            self.go_on(place(self.order, last.ts).checked_add(1));
        }
        if out.len() >= most {
            return Ok(Step::Full);
        }
        let Some(left) = self.left.clone() else {
            return Ok(Step::Loaded);
        };
        let block = pass.blocks.pop_front();
        let known = |block: &Listed| pass.until.is_none_or(|until| block.first < until);
        let Some(listed) = block.filter(known) else {
            return Ok(Step::End);
        };
        let number = listed.number;
        let bytes = engine.table.get(&keys::block(self.device, number))?;
        if bytes.is_none() && self.missed.replace(number) != Some(number) {
            return Ok(Step::Again);
        }
        let Some(block) = bytes.and_then(|bytes| Block::read(&bytes)) else {
            report(&engine.table, self.device, number);
            return Ok(Step::Loaded);
        };
        if pass.is_alone(&listed, &left) && whole(out, listed.times(self.order), &block) {
            self.go_on(listed.last.checked_add(1));
            return Ok(Step::Loaded);
        }
        match block.series(&self.key) {
            Some(points) => self.hold(pass, listed.rank, points, &left),
            None => report(&engine.table, self.device, number),
        }
        Ok(Step::Loaded)
    }

    fn hold(&self, pass: &mut Pass, rank: u32, mut points: Vec<Dated>, left: &RangeInclusive<i64>) {
        normalise(&mut points);
        let wanted = |point: &Dated| {
            let at = place(self.order, point.0);
            left.contains(&at) && pass.until.is_none_or(|until| at < until)
        };
        if !(points.first().is_none_or(wanted) && points.last().is_none_or(wanted)) {
            points.retain(wanted);
        }
        pass.runs.add(rank, points);
        let mut held = pass.runs.len();
        while held > self.held {
            pass.until = pass.runs.halve().or(pass.until);
            if std::mem::replace(&mut held, pass.runs.len()) == held {
                return;
            }
        }
    }
}
