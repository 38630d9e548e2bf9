//! Blocks of version 2: rows of one device by column, with one time column for all keys. A column
//! is found without reading the others, and what it adds up to without reading its values.
//!
//! ```text
//!  body:  rows varint | keys varint | names | lengths | times | epochs | sequences | key ...
//!    names      length varint, bytes ... of all keys, packed as in `texts`
//!    lengths    bytes of each part behind, varints: times, epochs, sequences, key ...
//!    times      `integers`; next to nothing while they are regular
//!    epochs     `integers`; a few bytes while one actor lives
//!    sequences  `integers`; a few bytes while each row is a message
//!    key        `column`
//! ```
//! Rows are sorted by (time, origin), and no (time, key) stands twice.

use super::super::cells::Texts;
use super::super::codec::{self, Reader};
use super::super::columns::{Column, Columns};
use super::super::dictionary::Dictionary;
use super::super::rows::Rows;
use super::points::Points;
use super::summary::Summary;
use super::{column, integers, texts};
use crate::model::ids::{Epoch, Origin};
use crate::model::value::Key;
use crate::model::Millis;
use std::ops::Range;

/// Most rows of a block, as regular ones take hardly a byte: guards the reader's memory.
pub const MOST_ROWS: usize = 1 << 16;
/// Most values of a block, besides one for each of its bytes.
pub const MOST_CELLS: usize = 1 << 20;
/// Bytes of most blocks.
const PARTS: usize = 8 << 10;
/// Parts before the keys' columns.
const STAMPS: usize = 3;

/// Writes some of joined rows, at most [`MOST_ROWS`] and [`MOST_CELLS`].
pub fn encode(rows: &Columns, part: Range<usize>) -> Vec<u8> {
    let count = part.len();
    let mut parts = Vec::with_capacity(PARTS);
    let mut ends = Vec::with_capacity(rows.columns().len() + STAMPS);
    let mut numbers = Vec::with_capacity(count);
    let mut stamps = |number: fn(Millis, Origin) -> i64| {
        numbers.clear();
        let all = rows.stamps(part.clone()).iter();
        numbers.extend(all.map(|(ts, origin)| number(*ts, *origin)));
        integers::encode(&mut parts, &numbers);
        ends.push(parts.len());
    };
    stamps(|ts, _| ts);
    stamps(|_, origin| origin.epoch.0 as i64);
    stamps(|_, origin| origin.sequence as i64);
    let mut columns = column::Writer::new(rows.texts(), count);
    let mut names = Vec::new();
    for column in rows.columns() {
        let values = column.values(part.clone());
        if !values.rows.is_empty() {
            columns.encode(&mut parts, values);
            ends.push(parts.len());
            codec::put_bytes(&mut names, column.key.as_bytes());
        }
    }
    let mut out = Vec::with_capacity(parts.len() + names.len() + 4 * ends.len() + 16);
    codec::put_varint(&mut out, count as u64);
    codec::put_varint(&mut out, (ends.len() - STAMPS) as u64);
    texts::put_packed(&mut out, &names);
    let mut start = 0;
    for end in ends {
        codec::put_varint(&mut out, (end - start) as u64);
        start = end;
    }
    out.extend_from_slice(&parts);
    out
}

/// A block whose parts have been found; they are decoded when asked for.
pub struct Block {
    body: Vec<u8>,
    rows: usize,
    /// Of the keys: length, bytes ...
    names: Vec<u8>,
    /// Where each part stands in `body`.
    places: Vec<Range<usize>>,
}

impl Block {
    /// `None` when the body is not what it should be.
    pub fn read(body: &[u8]) -> Option<Block> {
        let mut reader = Reader(body);
        let rows = reader.count(MOST_ROWS)?;
        // Each has a length below.
        let count = reader.count(body.len())?;
        let names = texts::packed(&mut reader)?.into_owned();
        let mut places = Vec::with_capacity(count + STAMPS);
        let mut end = 0usize;
        for _ in 0..count + STAMPS {
            let start = end;
            end = start.checked_add(reader.count(body.len())?)?;
            places.push(start..end);
        }
        let body = reader.0.to_vec();
        (end == body.len()).then_some(Block {
            body,
            rows,
            names,
            places,
        })
    }

    /// The names of all keys, as far as they are whole.
    fn names(&self) -> impl Iterator<Item = &str> {
        let mut names = Reader(&self.names);
        let count = self.places.len().saturating_sub(STAMPS);
        (0..count).map_while(move |_| names.text())
    }

    /// Number of a key.
    pub fn find(&self, key: &str) -> Option<usize> {
        self.names().position(|held| held == key)
    }

    fn part(&self, number: usize) -> Option<&[u8]> {
        self.body.get(self.places.get(number)?.clone())
    }

    fn numbers(&self, part: usize) -> Option<Vec<i64>> {
        let mut numbers = Vec::new();
        integers::decode(&mut Reader(self.part(part)?), self.rows, &mut numbers)?;
        Some(numbers)
    }

    fn stamps(&self) -> Option<Vec<(Millis, Origin)>> {
        let (times, epochs, sequences) = (self.numbers(0)?, self.numbers(1)?, self.numbers(2)?);
        let origins = epochs.iter().zip(&sequences);
        let origins = origins.map(|(epoch, sequence)| Origin {
            epoch: Epoch(*epoch as u64),
            sequence: *sequence as u64,
        });
        Some(times.into_iter().zip(origins).collect())
    }

    fn column(&self, key: usize) -> Option<column::Opening<'_>> {
        column::open(self.part(key + STAMPS)?, self.rows)
    }

    /// Points of the key with this number, by time. `None` when they are damaged.
    pub fn points(&self, key: usize) -> Option<Points> {
        let mut stamps = self.stamps()?;
        let mut column = self.column(key)?;
        if let Some(rows) = column.rows.take() {
            let of_row = |row: &u32| stamps.get(*row as usize).copied();
            stamps = rows.iter().map(of_row).collect::<Option<_>>()?;
        }
        let mut texts = Texts::default();
        let cells = column.cells(0, &mut texts)?;
        Some(Points {
            stamps,
            cells,
            texts,
        })
    }

    /// What the values of the key with this number add up to. `None` when they are damaged.
    #[cfg_attr(not(test), allow(dead_code))]
    pub fn summary(&self, key: usize) -> Option<Summary> {
        let mut column = self.column(key)?;
        if let Some(summary) = column.summary()? {
            return Some(summary);
        }
        let mut summary = Summary::default();
        let cells = column.cells(0, &mut Texts::default())?;
        cells
            .iter()
            .for_each(|cell| summary.add(cell.tag, cell.bits));
        Some(summary)
    }

    /// All its rows by column.
    pub fn columns(&self) -> Option<Columns> {
        let stamps = self.stamps()?;
        let mut texts = Texts::default();
        let keys: Dictionary = self.names().map(Key::from).collect();
        if keys.len() != self.places.len().checked_sub(STAMPS)? {
            return None;
        }
        let mut columns = Vec::with_capacity(keys.len());
        let mut room = MOST_CELLS + self.body.len();
        for (number, key) in keys.keys().iter().enumerate() {
            let mut column = self.column(number)?;
            room = room.checked_sub(column.len())?;
            let every = || (0..self.rows as u32).collect();
            let rows = column.rows.take().unwrap_or_else(every);
            let (tags, bits) = column.values(&mut texts)?;
            columns.push(Column::of_parts(key.clone(), rows, tags, bits)?);
        }
        Some(Columns::of_parts(stamps, columns, texts))
    }

    /// All its rows.
    pub fn rows(&self) -> Option<Rows> {
        let stamps = self.stamps()?;
        let mut texts = Texts::default();
        let keys: Dictionary = self.names().map(Key::from).collect();
        let mut columns = Vec::with_capacity(keys.len());
        let mut room = MOST_CELLS + self.body.len();
        for key in 0..self.places.len().saturating_sub(STAMPS) {
            let mut column = self.column(key)?;
            room = room.checked_sub(column.len())?;
            let rows = column.rows.take();
            columns.push((rows, column.cells(key as u32, &mut texts)?));
        }
        Rows::of_columns(keys, &stamps, columns, texts)
    }
}
