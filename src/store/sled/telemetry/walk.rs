//! One series in the order of time: the head and the blocks merged, block by block.
//!
//! Blocks may overlap (late data). For one time the higher (origin, block number) wins; the head
//! counts as the last block. What is sealed while we read is seen twice, never missed: the head is
//! read first, and cleared only after its block can be seen.

use super::super::table::Table;
use super::super::{keys, record};
use super::block::Block;
use super::delete::report;
use super::series::BlockRange;
use crate::model::ids::{DeviceId, Origin};
use crate::model::query::Order;
use crate::model::value::Value;
use crate::model::Millis;
use crate::store::error::StoreError;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

/// Points that came out of the head, as they arrived.
pub type Arrived = Vec<(Millis, Origin, Value)>;

type Buffer = BTreeMap<Millis, (Origin, u32, Value)>;

pub struct Walk<'a> {
    pub table: &'a Table,
    pub device: DeviceId,
    pub key: &'a str,
    pub order: Order,
}

enum Step {
    Done,
    /// A block was moved while we read: look again from behind the last point given.
    Again,
}

impl Walk<'_> {
    /// Gives the points of `range` in order until the visitor breaks. `head` is asked for the
    /// head's points each time the blocks are listed.
    pub fn run(
        &self,
        range: Range<Millis>,
        head: impl Fn() -> Arrived,
        mut visit: impl FnMut(Millis, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut range = range;
        loop {
            let mut given = None;
            let step = self.pass(&range, head(), &mut |ts, value| {
                given = Some(ts);
                visit(ts, value)
            })?;
            match (step, given, self.order) {
                (Step::Done, ..) => return Ok(()),
                (Step::Again, Some(ts), Order::Ascending) => range.start = ts.saturating_add(1),
                (Step::Again, Some(ts), Order::Descending) => range.end = ts,
                (Step::Again, None, _) => {}
            }
        }
    }

    fn pass(
        &self,
        range: &Range<Millis>,
        head: Arrived,
        visit: &mut impl FnMut(Millis, Value) -> ControlFlow<()>,
    ) -> Result<Step, StoreError> {
        let mut buffer = Buffer::new();
        let inside = head.into_iter().filter(|(ts, ..)| range.contains(ts));
        inside.for_each(|point| keep(&mut buffer, u32::MAX, point));
        for (number, block) in self.candidates(range)? {
            if self.give(&mut buffer, Some(block), visit).is_break() {
                return Ok(Step::Done);
            }
            let Some(bytes) = self.table.get(&keys::block(self.device, number))? else {
                return Ok(Step::Again);
            };
            let series = Block::read(&bytes).and_then(|block| block.series(self.key));
            let Some(series) = series else {
                report(self.device, number);
                continue;
            };
            let inside = series.into_iter().filter(|(ts, ..)| range.contains(ts));
            inside.for_each(|point| keep(&mut buffer, number, point));
        }
        let _ = self.give(&mut buffer, None, visit);
        Ok(Step::Done)
    }

    /// Blocks that overlap the range, in the order in which their points begin.
    fn candidates(&self, range: &Range<Millis>) -> Result<Vec<(u32, BlockRange)>, StoreError> {
        let mut found = Vec::new();
        for row in self.table.scan(&keys::of_device(b'm', self.device)) {
            let (key, value) = row?;
            // A damaged entry is reported by `decode`.
            let Ok(block) = record::decode::<BlockRange>("directory", &value) else {
                continue;
            };
            let number = key.last_chunk::<4>().map(|n| u32::from_be_bytes(*n));
            if block.min < range.end && range.start <= block.max {
                found.extend(number.map(|number| (number, block)));
            }
        }
        match self.order {
            Order::Ascending => found.sort_by_key(|(_, block)| block.min),
            Order::Descending => found.sort_by_key(|(_, block)| std::cmp::Reverse(block.max)),
        }
        Ok(found)
    }

    /// Gives what no block from `next` on can change.
    fn give(
        &self,
        buffer: &mut Buffer,
        next: Option<BlockRange>,
        visit: &mut impl FnMut(Millis, Value) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        loop {
            let entry = match self.order {
                Order::Ascending => buffer.first_entry(),
                Order::Descending => buffer.last_entry(),
            };
            let Some(entry) = entry else {
                return ControlFlow::Continue(());
            };
            let settled = next.is_none_or(|next| match self.order {
                Order::Ascending => *entry.key() < next.min,
                Order::Descending => *entry.key() > next.max,
            });
            if !settled {
                return ControlFlow::Continue(());
            }
            let (ts, (_, _, value)) = entry.remove_entry();
            visit(ts, value)?;
        }
    }
}

fn keep(buffer: &mut Buffer, number: u32, point: (Millis, Origin, Value)) {
    let (ts, origin, value) = point;
    match buffer.entry(ts) {
        std::collections::btree_map::Entry::Vacant(place) => {
            place.insert((origin, number, value));
        }
        std::collections::btree_map::Entry::Occupied(mut held) => {
            let (held_origin, held_number, _) = held.get();
            if (origin, number) >= (*held_origin, *held_number) {
                held.insert((origin, number, value));
            }
        }
    }
}
