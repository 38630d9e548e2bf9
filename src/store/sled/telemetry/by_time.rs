//! Which blocks of a device hold points of a time range, in the order in which they are read.
//!
//! The ranges stand by block number (`m` in `keys`) and, derived from it in the same sled batch, by
//! time (`M`): classed by width, a power of two, and in each class by first time. Blocks of a class
//! that reach into a range begin at most one width before it, so that the others are not looked at
//! however many they are.

use super::super::table::Table;
use super::super::{keys, record};
use super::directory::BlockRange;
use super::runs::place;
use crate::model::ids::DeviceId;
use crate::model::query::Order;
use crate::model::Millis;
use crate::store::error::StoreError;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Blocks that are listed at a time, unless more overlap.
const LISTED: usize = 256;
/// How often a listing is begun anew because blocks moved meanwhile.
const TRIES: usize = 16;
/// Ranges that [`complete`] enters in one sled batch.
const ENTERED: usize = 4_096;

type Result<T> = std::result::Result<T, StoreError>;

/// A block with the places (see `runs::place`) of its first and last row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listed {
    pub number: u32,
    /// See [`BlockRange::rank`].
    pub rank: u32,
    pub first: i64,
    pub last: i64,
}

impl Listed {
    fn new(order: Order, number: u32, range: BlockRange) -> Self {
        let (min, max) = (place(order, range.min), place(order, range.max));
        Self {
            number,
            rank: range.rank,
            first: min.min(max),
            last: min.max(max),
        }
    }
}

impl Listed {
    /// First and last time in it.
    pub fn times(&self, order: Order) -> RangeInclusive<Millis> {
        let ends = (place(order, self.first), place(order, self.last));
        ends.0.min(ends.1)..=ends.0.max(ends.1)
    }
}

/// What is asked for: blocks that overlap `places`.
#[derive(Clone)]
pub struct Wanted<'a> {
    pub table: &'a Table,
    pub device: DeviceId,
    pub order: Order,
    pub places: RangeInclusive<i64>,
}

/// Some blocks by their first place. All there are, or from `until` on nothing is said.
#[derive(Debug, Default)]
pub struct Listing {
    pub blocks: VecDeque<Listed>,
    pub until: Option<i64>,
}

impl Wanted<'_> {
    pub fn list(&self) -> Result<Listing> {
        // Sled's scans are no snapshots: a block that moves forward in time would be missed.
        for _ in 0..TRIES {
            let moves = self.table.moves(self.device.partition());
            let listing = self.by_time()?;
            if moves.is_some() && moves == self.table.moves(self.device.partition()) {
                return Ok(listing);
            }
            std::thread::yield_now();
        }
        self.by_number()
    }

    /// All ranges looked at. A block that moves gets a higher number, so none is missed.
    pub fn by_number(&self) -> Result<Listing> {
        let mut listing = Listing::default();
        let mut blocks = Vec::new();
        for row in self.table.scan(&keys::of_device(b'm', self.device)) {
            let (key, value) = row?;
            let number = key.last_chunk::<4>().map(|n| u32::from_be_bytes(*n));
            blocks.extend(number.and_then(|number| self.wanted(number, &value)));
        }
        blocks.sort_by_key(|block| block.first);
        listing.blocks = blocks.into();
        Ok(listing)
    }

    fn by_time(&self) -> Result<Listing> {
        let mut found = Vec::new();
        let mut until = None;
        let mut class = Some(0);
        while let Some(width) = class {
            class = match self.class_from(width)? {
                Some(width) => {
                    until = self
                        .of_width(width, &mut found)?
                        .into_iter()
                        .chain(until)
                        .min();
                    width.checked_add(1)
                }
                None => None,
            };
        }
        found.retain(|block| until.is_none_or(|until| block.first < until));
        found.sort_by_key(|block| block.first);
        Ok(Listing {
            blocks: found.into(),
            until,
        })
    }

    /// The lowest width at or above this one that the device has blocks of.
    fn class_from(&self, width: u8) -> Result<Option<u8>> {
        let from = keys::blocks_from(self.device, width, Millis::MIN);
        let device = keys::of_device(b'M', self.device);
        let end = keys::behind(&device).unwrap_or_default();
        let key = self.table.rows(from..end).keys().next().transpose()?;
        let found = key.and_then(|key| keys::width_and_block(&key));
        Ok(found.map(|(width, _)| width))
    }

    /// Adds the class's first blocks to `found`; the place from which on others follow.
    fn of_width(&self, width: u8, found: &mut Vec<Listed>) -> Result<Option<i64>> {
        // A block of this class lasts at most this long.
        let most = u64::MAX.checked_shr(64 - u32::from(width)).unwrap_or(0);
        let ends = [*self.places.start(), *self.places.end()].map(|at| place(self.order, at));
        let (first, last) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        let from = keys::blocks_from(self.device, width, first.saturating_sub_unsigned(most));
        let to = keys::blocks_from(self.device, width, last);
        let rows = self.table.rows(from..behind(to));
        let rows = match self.order {
            Order::Ascending => rows,
            Order::Descending => rows.backwards(),
        };
        let mut count = 0;
        for row in rows {
            let (key, value) = row?;
            let Some((_, number)) = keys::width_and_block(&key) else {
                continue;
            };
            let Ok(range) = BlockRange::decode(number, &value) else {
                continue;
            };
            // No block that follows has a row before this place.
            let ahead = match self.order {
                Order::Ascending => place(self.order, range.min),
                Order::Descending => place(self.order, range.min.saturating_add_unsigned(most)),
            };
            if count >= LISTED && ahead > *self.places.start() {
                return Ok(Some(ahead));
            }
            count += 1;
            found.extend(self.overlapping(number, range));
        }
        Ok(None)
    }

    fn wanted(&self, number: u32, value: &[u8]) -> Option<Listed> {
        // A damaged entry is reported by `decode`.
        let range = BlockRange::decode(number, value).ok()?;
        self.overlapping(number, range)
    }

    fn overlapping(&self, number: u32, range: BlockRange) -> Option<Listed> {
        let block = Listed::new(self.order, number, range);
        let overlaps = block.first <= *self.places.end() && *self.places.start() <= block.last;
        overlaps.then_some(block)
    }
}

/// What comes behind all keys that begin with `prefix` and a block number.
fn behind(mut prefix: Vec<u8>) -> Vec<u8> {
    prefix.extend_from_slice(&u32::MAX.to_be_bytes());
    prefix.push(0);
    prefix
}

fn by_time(key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let number = u32::from_be_bytes(*key.last_chunk::<4>()?);
    let range = BlockRange::decode(number, value).ok()?;
    let length = range.max.wrapping_sub(range.min) as u64;
    let width = (u64::BITS - length.leading_zeros()) as u8;
    keys::block_by_time(key, width, range.min)
}

/// What goes and what comes in the order of time when a block's range changes, whose key, old and
/// new value these are.
pub fn follow(
    key: &[u8],
    old: Option<&[u8]>,
    new: Option<&[u8]>,
) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
    let gone = old.and_then(|old| by_time(key, old));
    let come = new.and_then(|new| Some((by_time(key, new)?, Some(new.to_vec()))));
    // One that stays where it is goes first.
    gone.map(|key| (key, None)).into_iter().chain(come)
}

/// Enters all ranges in the order of time, once: stores of the first version did not have it.
pub fn complete(table: &Table) -> Result<()> {
    if table.get(keys::BY_TIME)?.is_some() {
        return Ok(());
    }
    for prefix in keys::all_block_ranges() {
        let mut rows = table.scan(&prefix).peekable();
        while rows.peek().is_some() {
            let mut come = Vec::new();
            for row in rows.by_ref().take(ENTERED) {
                let (key, value) = row?;
                come.extend(by_time(&key, &value).map(|key| (key, Some(value.to_vec()))));
            }
            table.write(come)?;
        }
    }
    let done = record::encode(&())?;
    table.write(vec![(keys::BY_TIME.to_vec(), Some(done))])
}
