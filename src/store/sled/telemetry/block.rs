//! A sealed block: rows of one device by column, with one time column for all keys.
//!
//! ```text
//!  0    1         5
//!  +----+---------+----------------------+------------------
//!  | v  | crc32   | length of the columns | columns (lz4)
//!  | u8 | u32 le  | varint                |
//!  +----+---------+----------------------+------------------
//!  crc32 covers everything behind it.
//!
//!  columns:  rows varint | keys varint | key (length, bytes) ... | column (length, bytes) ...
//!    times       first value, then differences of differences, signed varints
//!    epochs      differences, signed varints: a run of zeros while one actor lives
//!    sequences   differences of differences, signed varints: a run of zeros mostly
//!    each key    0 (in every row) or 1 and a bitmap | tag, or 0xFF and a tag for each value | values
//!                LONG values as differences; the others as in `codec`
//! ```
//! Rows are sorted by (time, origin), and no (time, key) stands twice.

use super::codec::{self, Reader};
use super::rows::{ByKey, Cell, Rows};
use crate::model::ids::{Epoch, Origin};
use crate::model::value::{Key, Value, ValueRef};
use crate::model::Millis;

pub const VERSION: u8 = 1;
/// Most bytes that a block's columns may claim to have: guards the decoder.
const MOST: usize = 64 << 20;
const MIXED: u8 = 0xff;
const EVERY_ROW: u8 = 0;
const BITMAP: u8 = 1;

/// Encodes normalised rows.
pub fn encode(rows: &Rows) -> Vec<u8> {
    let mut columns = Vec::new();
    codec::put_varint(&mut columns, rows.len() as u64);
    codec::put_varint(&mut columns, rows.keys.len() as u64);
    for key in rows.keys.keys() {
        codec::put_bytes(&mut columns, key.as_bytes());
    }
    let times = rows.iter().map(|row| row.ts);
    codec::put_bytes(&mut columns, &second_differences(times));
    codec::put_bytes(&mut columns, &epochs(rows));
    let sequences = rows.iter().map(|row| row.origin.sequence as i64);
    codec::put_bytes(&mut columns, &second_differences(sequences));
    let by_key = ByKey::of(rows);
    for key in 0..rows.keys.len() {
        codec::put_bytes(&mut columns, &column(rows, by_key.cells(key)));
    }
    let mut body = Vec::new();
    codec::put_varint(&mut body, columns.len() as u64);
    body.extend_from_slice(&lz4_flex::block::compress(&columns));
    let mut out = vec![VERSION];
    out.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    out.extend_from_slice(&body);
    out
}

fn second_differences(numbers: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut last, mut last_step) = (0i64, 0i64);
    for number in numbers {
        let step = number.wrapping_sub(last);
        codec::put_signed(&mut out, step.wrapping_sub(last_step));
        (last, last_step) = (number, step);
    }
    out
}

fn epochs(rows: &Rows) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = 0u64;
    for row in rows.iter() {
        codec::put_signed(&mut out, row.origin.epoch.0.wrapping_sub(last) as i64);
        last = row.origin.epoch.0;
    }
    out
}

fn column(rows: &Rows, cells: &[(u32, Cell)]) -> Vec<u8> {
    let mut out = Vec::new();
    if cells.len() == rows.len() {
        out.push(EVERY_ROW);
    } else {
        out.push(BITMAP);
        let mut bits = vec![0u8; rows.len().div_ceil(8)];
        for (row, _) in cells {
            if let Some(byte) = bits.get_mut(*row as usize / 8) {
                *byte |= 1 << (row % 8);
            }
        }
        out.extend_from_slice(&bits);
    }
    let mut tags = cells.iter().map(|(_, cell)| cell.tag);
    match tags.next() {
        Some(first) if tags.all(|tag| tag == first) => out.push(first),
        _ => {
            out.push(MIXED);
            out.extend(cells.iter().map(|(_, cell)| cell.tag));
        }
    }
    let mut last = 0i64;
    for (_, cell) in cells {
        match rows.value(cell) {
            ValueRef::Long(number) => {
                codec::put_signed(&mut out, number.wrapping_sub(last));
                last = number;
            }
            other => codec::put_value(&mut out, other),
        }
    }
    out
}

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
    /// `None` for anything that is not a whole, undamaged block of a known version.
    pub fn read(bytes: &[u8]) -> Option<Block> {
        let (version, rest) = bytes.split_first()?;
        let (crc, body) = rest.split_first_chunk::<4>()?;
        if *version != VERSION || crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
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

    pub fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|held| held == key)
    }

    /// Points of one key, by time. `None` when its column is damaged.
    pub fn series(&self, key: &str) -> Option<Vec<(Millis, Origin, Value)>> {
        let Some(number) = self.keys.iter().position(|held| held == key) else {
            return Some(Vec::new());
        };
        let cells = self.cells(number)?;
        let rows = self.times.iter().zip(&self.origins).zip(cells);
        let points = rows.filter_map(|((ts, origin), cell)| Some((*ts, *origin, cell?.into())));
        Some(points.collect())
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
