//! Rows of one device by column: what heads and blocks are taken apart into, and what blocks are
//! made of. Joining them is sorting the rows' stamps; a key's values then follow their rows, most
//! often all at once.
//!
//! ```text
//!  stamps   time and origin of each row
//!  columns  key: rows that have it, ascending | types | bits          texts: ends ──┐
//!                                      bits: the number; of a text its place ──▶    arena
//! ```

use super::cells::{is_text, value, Cell, Texts};
use super::codec::tag;
use super::dictionary::Dictionary;
use super::rows::Rows;
use crate::model::ids::Origin;
use crate::model::value::{Key, ValueRef};
use crate::model::Millis;
use std::ops::Range;

#[derive(Debug, Default)]
pub struct Columns {
    stamps: Vec<(Millis, Origin)>,
    columns: Vec<Column>,
    texts: Texts,
    /// The first of the last rows that are of one time, each of the origin of the one before or of a
    /// higher one.
    run: u32,
}

/// One key's values with their types (see `codec`).
#[derive(Debug, Default)]
pub struct Column {
    pub key: Key,
    rows: Vec<u32>,
    tags: Vec<u8>,
    bits: Vec<i64>,
}

/// Some of a column's values and the numbers of their rows, ascending, counted from `first`.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    pub first: u32,
    pub rows: &'a [u32],
    pub tags: &'a [u8],
    pub bits: &'a [i64],
}

/// In place of a row's number: it is left out.
const LEFT_OUT: u32 = u32::MAX;

/// Where the rows of a part come to stand.
#[derive(Clone, Copy)]
enum Fit {
    /// Behind each other, the first one there.
    Run(u32),
    /// All of them somewhere.
    All,
    /// Some are left out.
    Some,
    None,
}

impl Columns {
    /// Of these keys, with room for so many rows and values, and without any.
    pub fn of_keys(keys: &[Key], rows: usize, values: usize) -> Self {
        let each = values / keys.len().max(1);
        Self {
            stamps: Vec::with_capacity(rows),
            columns: keys.iter().map(|key| Column::of_key(key, each)).collect(),
            ..Self::default()
        }
    }

    pub fn of(rows: &Rows) -> Self {
        let mut made = Self::of_keys(rows.keys.keys(), rows.len(), rows.values());
        for row in rows.iter() {
            made.begin_row(row.ts, row.origin);
            row.values().for_each(|(key, value)| made.put(key, value));
        }
        made
    }

    /// Out of parts that fit: each column has fewer rows than there are stamps.
    pub fn of_parts(stamps: Vec<(Millis, Origin)>, columns: Vec<Column>, texts: Texts) -> Self {
        Self {
            stamps,
            columns,
            texts,
            run: 0,
        }
    }

    pub fn begin_row(&mut self, ts: Millis, origin: Origin) {
        let last = self.stamps.last();
        if last.is_none_or(|(held, before)| *held != ts || *before > origin) {
            self.run = self.stamps.len() as u32;
        }
        self.stamps.push((ts, origin));
    }

    /// Adds a value to the last row, in place of one of the same time that it outdoes (see
    /// [`Columns::joined`]). `key` is the number of one of the columns.
    #[inline]
    pub fn put(&mut self, key: u32, value: ValueRef<'_>) {
        let bits = match value {
            ValueRef::Bool(_) => 0,
            ValueRef::Long(number) => number,
            ValueRef::Double(number) => number.to_bits() as i64,
            ValueRef::Text(text) | ValueRef::Json(text) => {
                let column = self.columns.get(key as usize);
                column.map_or(0, |column| column.text(text, &mut self.texts))
            }
        };
        self.put_bits(key, tag(value), bits);
    }

    /// The same, with a type and bits of the caller's, who is to change them (see
    /// [`Columns::change_bits`]).
    #[inline]
    pub fn put_bits(&mut self, key: u32, tag: u8, bits: i64) {
        let Some(column) = self.columns.get_mut(key as usize) else {
            debug_assert!(false, "a key without a column");
            return;
        };
        let row = (self.stamps.len() as u32).saturating_sub(1);
        match column.rows.last() {
            Some(last) if *last >= self.run => column.replace(row, tag, bits),
            _ => column.push(row, tag, bits),
        }
    }

    /// Makes all values of one type values of another.
    pub fn change_bits(&mut self, from: u8, to: u8, change: impl Fn(i64) -> i64) {
        for column in &mut self.columns {
            for (tag, bits) in column.tags.iter_mut().zip(&mut column.bits) {
                if *tag == from {
                    (*tag, *bits) = (to, change(*bits));
                }
            }
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.stamps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }

    /// Times of the first and the last row.
    pub fn ends(&self) -> Option<(Millis, Millis)> {
        Some((self.stamps.first()?.0, self.stamps.last()?.0))
    }

    /// Of some of the rows; `range` ends at [`Columns::len`] at the latest.
    pub fn stamps(&self, range: Range<usize>) -> &[(Millis, Origin)] {
        self.stamps.get(range).unwrap_or_default()
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Number of values of some of the rows.
    pub fn values_of(&self, range: Range<usize>) -> usize {
        let columns = self.columns.iter();
        let counts = columns.map(|column| column.range(range.clone()).len());
        counts.sum()
    }

    /// Each key's last value.
    pub fn last(&self) -> impl Iterator<Item = (&Key, Millis, Origin, ValueRef<'_>)> {
        self.columns.iter().filter_map(|column| {
            let (ts, origin) = *self.stamps.get(*column.rows.last()? as usize)?;
            let (key, tag, bits) = (0, *column.tags.last()?, *column.bits.last()? as u64);
            let value = value(&self.texts, &Cell { key, tag, bits });
            Some((&column.key, ts, origin, value))
        })
    }

    /// The rows of all parts whose times are picked, by time and origin, with one value for each
    /// (time, key): that of the highest origin, among equals the last to arrive. Later parts
    /// arrived after earlier ones. Rows and keys without a value are left out.
    pub fn joined(parts: &[Columns], picks: impl Fn(Millis) -> bool) -> Columns {
        let (stamps, places) = sorted(parts, picks);
        let mut made = Columns {
            stamps,
            ..Columns::default()
        };
        let mut keys = Dictionary::default();
        let mut counts = Vec::new();
        for column in parts.iter().flat_map(|part| &part.columns) {
            let number = keys.number(&column.key) as usize;
            counts.resize(keys.len(), 0usize);
            counts[number] += column.rows.len();
        }
        let most = made.stamps.len();
        let columns = keys.keys().iter().zip(counts);
        let columns = columns.map(|(key, count)| Column::of_key(key, count.min(most)));
        made.columns = columns.collect();
        let mut rest = &places[..];
        for part in parts {
            let (places, others) = rest.split_at(part.len());
            rest = others;
            let fit = Fit::of(places);
            if matches!(fit, Fit::None) {
                continue;
            }
            let texts = made.texts.append(&part.texts) as i64;
            for (at, column) in (0..).zip(&part.columns) {
                if let Some(number) = keys.find_at(at, &column.key) {
                    made.columns[number as usize].take(column, (places, fit), texts);
                }
            }
        }
        let twice = made.stamps.windows(2).any(|two| two[0].0 == two[1].0);
        for column in &mut made.columns {
            column.sort();
            if twice {
                column.keep_last(&made.stamps);
            }
        }
        made.columns.retain(|column| !column.rows.is_empty());
        made.drop_empty_rows();
        made
    }

    fn drop_empty_rows(&mut self) {
        let mut empty = vec![true; self.stamps.len()];
        for column in &self.columns {
            column
                .rows
                .iter()
                .for_each(|row| empty[*row as usize] = false);
        }
        if !empty.contains(&true) {
            return;
        }
        let mut next = 0;
        let places = empty.iter().map(|empty| {
            let place = next;
            next += u32::from(!empty);
            place
        });
        let places: Vec<u32> = places.collect();
        for column in &mut self.columns {
            let rows = column.rows.iter_mut();
            rows.for_each(|row| *row = places[*row as usize]);
        }
        let mut empty = empty.into_iter();
        self.stamps.retain(|_| empty.next() == Some(false));
    }
}

/// The stamps of what is picked, sorted, and for each row of all parts where it stands among them.
fn sorted(parts: &[Columns], picks: impl Fn(Millis) -> bool) -> (Vec<(Millis, Origin)>, Vec<u32>) {
    let count = parts.iter().map(Columns::len).sum();
    let mut stamps = Vec::with_capacity(count);
    let mut places = Vec::with_capacity(count);
    for stamp in parts.iter().flat_map(|part| &part.stamps) {
        if picks(stamp.0) {
            places.push(stamps.len() as u32);
            stamps.push(*stamp);
        } else {
            places.push(LEFT_OUT);
        }
    }
    if stamps.is_sorted() {
        return (stamps, places);
    }
    let mut order: Vec<u32> = (0..stamps.len() as u32).collect();
    order.sort_by_key(|at| stamps[*at as usize]);
    let mut moved = vec![LEFT_OUT; stamps.len()];
    for (place, at) in (0u32..).zip(&order) {
        moved[*at as usize] = place;
    }
    for place in places.iter_mut().filter(|place| **place != LEFT_OUT) {
        *place = moved[*place as usize];
    }
    let stamps = order.iter().map(|at| stamps[*at as usize]);
    (stamps.collect(), places)
}

impl Fit {
    fn of(places: &[u32]) -> Self {
        let out = places.iter().filter(|place| **place == LEFT_OUT).count();
        if out > 0 {
            return if out < places.len() {
                Fit::Some
            } else {
                Fit::None
            };
        }
        let first = places.first().copied().unwrap_or(0);
        match places.iter().zip(first..).all(|(place, run)| *place == run) {
            true => Fit::Run(first),
            false => Fit::All,
        }
    }
}

impl Column {
    fn of_key(key: &Key, room: usize) -> Self {
        Self {
            key: key.clone(),
            rows: Vec::with_capacity(room),
            tags: Vec::with_capacity(room),
            bits: Vec::with_capacity(room),
        }
    }

    /// `None` when there are not as many of each.
    pub fn of_parts(key: Key, rows: Vec<u32>, tags: Vec<u8>, bits: Vec<i64>) -> Option<Self> {
        let fits = rows.len() == tags.len() && rows.len() == bits.len();
        fits.then_some(Self {
            key,
            rows,
            tags,
            bits,
        })
    }

    /// The number of a text, which often is that of the last value.
    fn text(&self, text: &str, texts: &mut Texts) -> i64 {
        let is_text = self.tags.last().is_some_and(|tag| is_text(*tag));
        let held = self.bits.last().filter(|_| is_text);
        match held.filter(|held| texts.get(**held as u64) == Some(text)) {
            Some(held) => *held,
            None => texts.push(text) as i64,
        }
    }

    #[inline]
    fn push(&mut self, row: u32, tag: u8, bits: i64) {
        self.rows.push(row);
        self.tags.push(tag);
        self.bits.push(bits);
    }

    /// In place of the last one.
    #[inline]
    fn replace(&mut self, row: u32, tag: u8, bits: i64) {
        let (tags, all) = (self.tags.last_mut(), self.bits.last_mut());
        if let ((Some(last), Some(held)), Some(place)) = ((self.rows.last_mut(), tags), all) {
            (*last, *held, *place) = (row, tag, bits);
        }
    }

    /// Those of some rows.
    pub fn values(&self, rows: Range<usize>) -> Values<'_> {
        let range = self.range(rows.clone());
        Values {
            first: rows.start as u32,
            rows: &self.rows[range.clone()],
            tags: &self.tags[range.clone()],
            bits: &self.bits[range],
        }
    }

    /// Where the values of some rows stand.
    fn range(&self, rows: Range<usize>) -> Range<usize> {
        let place = |end: usize| self.rows.partition_point(|row| (*row as usize) < end);
        place(rows.start)..place(rows.end)
    }

    /// Adds another's values, of rows that have moved to these places. `texts` is where the others'
    /// texts begin now.
    fn take(&mut self, other: &Column, (places, fit): (&[u32], Fit), texts: i64) {
        let before = self.bits.len();
        match fit {
            Fit::None => return,
            Fit::Run(first) => self.rows.extend(other.rows.iter().map(|row| first + row)),
            Fit::All => {
                let rows = other.rows.iter().map(|row| places[*row as usize]);
                self.rows.extend(rows);
            }
            Fit::Some => {
                let values = other.tags.iter().zip(&other.bits);
                for (row, (tag, bits)) in other.rows.iter().zip(values) {
                    let place = places[*row as usize];
                    if place != LEFT_OUT {
                        self.push(place, *tag, *bits);
                    }
                }
            }
        }
        if !matches!(fit, Fit::Some) {
            self.tags.extend_from_slice(&other.tags);
            self.bits.extend_from_slice(&other.bits);
        }
        if texts > 0 {
            let values = self.tags.iter().zip(&mut self.bits).skip(before);
            let texts_of = values.filter(|(tag, _)| is_text(**tag));
            texts_of.for_each(|(_, bits)| *bits += texts);
        }
    }

    /// By row.
    fn sort(&mut self) {
        if self.rows.is_sorted() {
            return;
        }
        let numbered = self.rows.iter().zip(0u64..);
        let mut order: Vec<u64> = numbered
            .map(|(row, at)| u64::from(*row) << 32 | at)
            .collect();
        order.sort();
        let places = || order.iter().map(|both| *both as u32 as usize);
        self.rows = order.iter().map(|both| (both >> 32) as u32).collect();
        self.tags = places().map(|at| self.tags[at]).collect();
        self.bits = places().map(|at| self.bits[at]).collect();
    }

    /// Of the values of one time the last.
    fn keep_last(&mut self, stamps: &[(Millis, Origin)]) {
        let ts = |row: u32| stamps[row as usize].0;
        let mut pairs = self.rows.windows(2);
        let Some(mut kept) = pairs.position(|two| ts(two[0]) == ts(two[1])) else {
            return;
        };
        for at in kept + 1..self.rows.len() {
            kept += usize::from(ts(self.rows[at]) != ts(self.rows[kept]));
            self.rows[kept] = self.rows[at];
            self.tags[kept] = self.tags[at];
            self.bits[kept] = self.bits[at];
        }
        self.rows.truncate(kept + 1);
        self.tags.truncate(kept + 1);
        self.bits.truncate(kept + 1);
    }
}
