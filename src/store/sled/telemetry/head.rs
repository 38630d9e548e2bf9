//! A device's points that are not sealed yet, encoded row after row as they arrived.
//!
//! ```text
//!  row:  ts - previous ts | epoch - previous | sequence - previous | values | value ...
//!        signed varint      signed varint      signed varint         varint
//!  value:  key number * 8 + tag, varint | as in `codec`, or with the tag DECIMAL: the number under a
//!          power of ten, folded, * 4 + power, varint
//! ```
//! About a tenth of what the rows take as values: 100,000 devices have an open head each.

use super::codec::{self, Reader};
use super::columns::Columns;
use super::decimals;
use super::dictionary::Dictionary;
use super::rows::Rows;
use super::vocabulary;
use crate::model::ids::{Epoch, Origin};
use crate::model::packed::{self, PackedRows, Piece};
use crate::model::value::{Key, Value, ValueRef};
use crate::model::Millis;
use crate::store::traits::LogSequence;
use std::sync::Arc;
use std::time::Instant;

/// A tag that only heads have, besides those of `codec`.
const DECIMAL: u8 = 6;

pub struct Head {
    /// Shared with heads of the same keys (see `vocabulary`), unless there are very many.
    pub keys: Arc<Dictionary>,
    encoded: Vec<u8>,
    /// Of the rows in it, and of their values.
    counts: (u32, u32),
    last: (Millis, Origin),
    /// The earliest time in it.
    pub oldest: Millis,
    /// Sequence of the first change in it: the journal is needed from there on.
    pub first: LogSequence,
    /// Sequence of the last change in it.
    pub through: LogSequence,
    pub since: Instant,
}

impl Head {
    pub fn new(first: LogSequence) -> Self {
        Self {
            keys: Arc::default(),
            encoded: Vec::new(),
            counts: (0, 0),
            last: (0, Origin::default()),
            oldest: Millis::MAX,
            first,
            through: first,
            since: Instant::now(),
        }
    }

    /// Bytes of memory it takes, about, without keys that are shared.
    pub fn weight(&self) -> usize {
        let keys = match vocabulary::is_shareable(&self.keys) {
            true => 0,
            false => self.keys.weight(),
        };
        std::mem::size_of::<Self>() + 32 + keys + self.encoded.capacity()
    }

    /// Bytes of memory that go with it.
    pub fn freed(&self) -> usize {
        self.weight() + vocabulary::freed_with(&self.keys)
    }

    /// Bytes of its rows.
    pub fn encoded_bytes(&self) -> usize {
        self.encoded.len()
    }

    pub fn push(&mut self, sequence: LogSequence, origin: Origin, rows: &PackedRows) {
        self.through = sequence;
        let mut unpacking = rows.read();
        for _ in 0..rows.len() {
            let Some((ts, count)) = unpacking.row() else {
                break;
            };
            let (last_ts, last) = self.last;
            let out = &mut self.encoded;
            codec::put_signed(out, ts.wrapping_sub(last_ts));
            codec::put_signed(out, origin.epoch.0.wrapping_sub(last.epoch.0) as i64);
            codec::put_signed(out, origin.sequence.wrapping_sub(last.sequence) as i64);
            codec::put_varint(out, count as u64);
            let mut guess = 0;
            for _ in 0..count {
                let Some((key, value)) = unpacking.value() else {
                    break;
                };
                let number = number_at(&mut self.keys, guess, key);
                guess = number + 1;
                put_piece(out, number, value);
            }
            self.counts.0 = self.counts.0.saturating_add(1);
            self.counts.1 = self.counts.1.saturating_add(count as u32);
            self.last = (ts, origin);
            self.oldest = self.oldest.min(ts);
        }
    }

    pub fn keys(&self) -> &[Key] {
        self.keys.keys()
    }

    /// Its rows as they arrived.
    pub fn rows(&self) -> Rows {
        let mut rows = Rows::of((*self.keys).clone());
        rows.reserve(self.counts.0 as usize, self.counts.1 as usize);
        let mut reader = Reader(&self.encoded);
        let mut last = (0, Origin::default());
        while let Some(stamp) = read_row(&mut reader, last, |key, value| rows.put(key, value)) {
            last = stamp;
            rows.end_row(stamp.0, stamp.1);
        }
        debug_assert!(reader.is_empty(), "a head reads what it wrote");
        rows
    }

    /// The same by column.
    pub fn columns(&self) -> Columns {
        let (rows, values) = (self.counts.0 as usize, self.counts.1 as usize);
        let mut columns = Columns::of_keys(self.keys.keys(), rows, values);
        let mut reader = Reader(&self.encoded);
        let mut last = (0, Origin::default());
        while let Some((stamp, count)) = read_stamp(&mut reader, last) {
            last = stamp;
            columns.begin_row(stamp.0, stamp.1);
            let values = (0..count).map_while(|_| read_raw(&mut reader));
            values.for_each(|(key, value)| match value {
                Raw::Short(short) => columns.put_bits(key, DECIMAL, short as i64),
                Raw::Value(value) => columns.put(key, value),
            });
        }
        debug_assert!(reader.is_empty(), "a head reads what it wrote");
        // A division each, for those that are left only.
        columns.change_bits(DECIMAL, codec::DOUBLE, |short| {
            decimals::long(short as u64).to_bits() as i64
        });
        columns
    }

    /// Points of one key as they arrived.
    pub fn series(&self, key: &str) -> Vec<(Millis, Origin, Value)> {
        let mut found = Vec::new();
        let Some(number) = self.keys.find(key) else {
            return found;
        };
        let mut reader = Reader(&self.encoded);
        let mut last = (0, Origin::default());
        loop {
            // The last of a row counts.
            let mut held = None;
            let stamp = read_row(&mut reader, last, |key, value| {
                if key == number {
                    held = Some(value);
                }
            });
            let Some(stamp) = stamp else {
                return found;
            };
            last = stamp;
            found.extend(held.map(|value| (stamp.0, stamp.1, value.into())));
        }
    }
}

/// As [`Dictionary::number_at`]: keys that are shared are copied before another is added.
#[inline(always)]
fn number_at(keys: &mut Arc<Dictionary>, guess: u32, key: &[u8]) -> u32 {
    match keys.is_at(guess, key) {
        true => guess,
        false => number_of(keys, key),
    }
}

fn number_of(keys: &mut Arc<Dictionary>, key: &[u8]) -> u32 {
    let key = packed::text(key);
    match keys.find(key) {
        Some(number) => number,
        None => Arc::make_mut(keys).number(&key.into()),
    }
}

#[inline(always)]
fn put_piece(out: &mut Vec<u8>, key: u32, value: Piece<'_>) {
    let key = u64::from(key) << 3;
    match value {
        Piece::Bool(value) => {
            codec::put_varint(out, key | u64::from(codec::tag(ValueRef::Bool(value))));
        }
        Piece::Long(number) => {
            codec::put_varint(out, key | u64::from(codec::LONG));
            codec::put_signed(out, number);
        }
        Piece::Double(number) => match decimals::short(number) {
            Some(short) => {
                codec::put_varint(out, key | u64::from(DECIMAL));
                codec::put_varint(out, short);
            }
            None => {
                codec::put_varint(out, key | u64::from(codec::DOUBLE));
                codec::put_value(out, ValueRef::Double(number));
            }
        },
        Piece::Text(bytes) => {
            codec::put_varint(out, key | u64::from(codec::TEXT));
            codec::put_bytes(out, bytes);
        }
        Piece::Json(bytes) => {
            codec::put_varint(out, key | u64::from(codec::JSON));
            codec::put_bytes(out, bytes);
        }
    }
}

/// Reads one row: its values to the visitor, its time and origin as the answer.
fn read_row<'a>(
    reader: &mut Reader<'a>,
    last: (Millis, Origin),
    mut visit: impl FnMut(u32, ValueRef<'a>),
) -> Option<(Millis, Origin)> {
    let (stamp, count) = read_stamp(reader, last)?;
    for _ in 0..count {
        let (key, value) = read_value(reader)?;
        visit(key, value);
    }
    Some(stamp)
}

/// Time and origin of a row, and how many values follow.
#[inline]
fn read_stamp(
    reader: &mut Reader<'_>,
    (ts, origin): (Millis, Origin),
) -> Option<((Millis, Origin), u64)> {
    if reader.is_empty() {
        return None;
    }
    let ts = ts.wrapping_add(reader.signed()?);
    let epoch = Epoch(origin.epoch.0.wrapping_add(reader.signed()? as u64));
    let sequence = origin.sequence.wrapping_add(reader.signed()? as u64);
    Some(((ts, Origin { epoch, sequence }), reader.varint()?))
}

/// Number of its key, and the value.
fn read_value<'a>(reader: &mut Reader<'a>) -> Option<(u32, ValueRef<'a>)> {
    let (key, value) = read_raw(reader)?;
    let value = match value {
        Raw::Short(short) => ValueRef::Double(decimals::long(short)),
        Raw::Value(value) => value,
    };
    Some((key, value))
}

/// A value as it stands there.
enum Raw<'a> {
    /// Of a [`DECIMAL`].
    Short(u64),
    Value(ValueRef<'a>),
}

/// As [`read_value`].
#[inline]
fn read_raw<'a>(reader: &mut Reader<'a>) -> Option<(u32, Raw<'a>)> {
    let head = reader.varint()?;
    let value = match (head & 7) as u8 {
        DECIMAL => Raw::Short(reader.varint()?),
        tag => Raw::Value(reader.value(tag)?),
    };
    Some((u32::try_from(head >> 3).ok()?, value))
}
