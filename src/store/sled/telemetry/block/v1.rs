//! Blocks of version 1, which is not written any more: rows of one device by column, with one time
//! column for all keys, packed with lz4 as one.
//!
//! ```text
//!  body:     length of the columns varint | columns (lz4)
//!  columns:  rows varint | keys varint | key (length, bytes) ... | column (length, bytes) ...
//!    times       first value, then differences of differences, signed varints
//!    epochs      differences, signed varints: a run of zeros while one actor lives
//!    sequences   differences of differences, signed varints: a run of zeros mostly
//!    each key    0 (in every row) or 1 and a bitmap | tag, or 0xFF and a tag for each value | values
//!                LONG values as differences; the others as in `codec`
//! ```
//! Rows are sorted by (time, origin), and no (time, key) stands twice.

use super::super::codec::Reader;
use super::super::rows::Rows;
use super::points::Points;
use crate::model::ids::{Epoch, Origin};
use crate::model::value::{Key, ValueRef};
use crate::model::Millis;

/// Most bytes that a block's columns may claim to have: guards the decoder.
const MOST: usize = 64 << 20;
const MIXED: u8 = 0xff;
const EVERY_ROW: u8 = 0;
const BITMAP: u8 = 1;

/// A block that has been read, checked and unpacked; its columns are decoded when asked for.
pub struct Block {
    columns: Vec<u8>,
    keys: Vec<Key>,
    times: Vec<Millis>,
    origins: Vec<Origin>,
    /// Where each key's column stands in `columns`.
    places: Vec<std::ops::Range<usize>>,
}

impl Block {
    /// `None` when the body is not what it should be.
    pub fn read(body: &[u8]) -> Option<Block> {
        let mut reader = Reader(body);
        let length = reader.count(MOST)?;
        let columns = lz4_flex::block::decompress(reader.0, length).ok()?;
        Self::unpack(columns)
    }

    fn unpack(columns: Vec<u8>) -> Option<Block> {
        let mut reader = Reader(&columns);
        let rows = reader.count(columns.len())?;
        let count = reader.count(columns.len())?;
        let mut keys = Vec::with_capacity(count);
        for _ in 0..count {
            keys.push(Key::from(reader.text()?));
        }
        let times = sums_of_sums(reader.bytes()?, rows)?;
        let epochs = sums(reader.bytes()?, rows)?;
        let sequences = sums_of_sums(reader.bytes()?, rows)?;
        let origin = |(epoch, sequence): (u64, i64)| Origin {
            epoch: Epoch(epoch),
            sequence: sequence as u64,
        };
        let origins = epochs.into_iter().zip(sequences).map(origin).collect();
        let mut places = Vec::with_capacity(count);
        for _ in 0..count {
            let length = reader.bytes()?.len();
            let end = columns.len() - reader.0.len();
            places.push(end - length..end);
        }
        Some(Block {
            keys,
            times,
            origins,
            places,
            columns,
        })
    }

    /// Number of a key.
    pub fn find(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|held| held == key)
    }

    /// Points of the key with this number, by time. `None` when they are damaged.
    pub fn points(&self, key: usize) -> Option<Points> {
        let mut points = Points::default();
        let stamps = self.times.iter().zip(&self.origins);
        for ((ts, origin), value) in stamps.zip(self.cells(key)?) {
            if let Some(value) = value {
                points.push(*ts, *origin, value);
            }
        }
        Some(points)
    }

    /// All its rows.
    pub fn rows(&self) -> Option<Rows> {
        let columns: Option<Vec<_>> = (0..self.keys.len()).map(|n| self.cells(n)).collect();
        let mut columns: Vec<_> = columns?.into_iter().map(Vec::into_iter).collect();
        let mut rows = Rows::of(self.keys.iter().cloned().collect());
        if rows.keys.len() != self.keys.len() {
            return None;
        }
        for (ts, origin) in self.times.iter().zip(&self.origins) {
            for (number, column) in columns.iter_mut().enumerate() {
                if let Some(value) = column.next().flatten() {
                    rows.put(number as u32, value);
                }
            }
            rows.end_row(*ts, *origin);
        }
        Some(rows)
    }

    fn cells(&self, number: usize) -> Option<Vec<Option<ValueRef<'_>>>> {
        let place = self.places.get(number)?.clone();
        let mut reader = Reader(self.columns.get(place)?);
        let rows = self.times.len();
        let present: Vec<bool> = match reader.byte()? {
            EVERY_ROW => vec![true; rows],
            BITMAP => {
                let bits = reader.take(rows.div_ceil(8))?;
                let bit = |row: usize| bits.get(row / 8).is_some_and(|b| b >> (row % 8) & 1 == 1);
                (0..rows).map(bit).collect()
            }
            _ => return None,
        };
        let count = present.iter().filter(|present| **present).count();
        let first = reader.byte()?;
        let tags = match first {
            MIXED => Some(reader.take(count)?),
            _ => None,
        };
        let mut last = 0i64;
        let mut read = 0;
        let mut cells = Vec::with_capacity(rows);
        for present in present {
            if !present {
                cells.push(None);
                continue;
            }
            let tag = tags.map_or(Some(first), |tags| tags.get(read).copied())?;
            read += 1;
            let mut value = reader.value(tag)?;
            if let ValueRef::Long(number) = &mut value {
                *number = number.wrapping_add(last);
                last = *number;
            }
            cells.push(Some(value));
        }
        Some(cells)
    }
}

fn sums(bytes: &[u8], count: usize) -> Option<Vec<u64>> {
    let mut reader = Reader(bytes);
    let mut last = 0u64;
    let mut next = || {
        last = last.wrapping_add(reader.signed()? as u64);
        Some(last)
    };
    (0..count).map(|_| next()).collect()
}

fn sums_of_sums(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let mut reader = Reader(bytes);
    let (mut last, mut step) = (0i64, 0i64);
    let mut next = || {
        step = step.wrapping_add(reader.signed()?);
        last = last.wrapping_add(step);
        Some(last)
    };
    (0..count).map(|_| next()).collect()
}
