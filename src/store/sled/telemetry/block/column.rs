//! One key's values in a block: which rows have it, of which types they are, and the values of
//! each type in a stream of their own.
//!
//! ```text
//!  head u8 | rows `flags` | types `integers` | summary | BOOL `flags` | LONG `integers`
//!          | DOUBLE `doubles` | TEXT `texts` | JSON `texts`
//!  head:  bits 0-4  types there are: BOOL, LONG, DOUBLE, TEXT, JSON
//!         bit 5     not every row has it: rows are written
//!         bit 6     there is a summary
//!  types: only when there are several: the number (0-4) of the type of each value
//! ```

use super::super::cells::{Cell, Texts};
use super::super::codec::{Reader, DOUBLE, FALSE, JSON, LONG, TEXT, TRUE};
use super::super::rows::Rows;
use super::summary::Summary;
use super::{doubles, flags, integers, texts};
use crate::model::value::ValueRef;

const TYPES: u8 = 5;
const SOME_ROWS: u8 = 1 << 5;
const SUMMARY: u8 = 1 << 6;
/// Fewer values are summed up faster than a summary is worth its bytes.
const FEW: usize = 64;

/// A type's number in the format.
fn kind(tag: u8) -> u8 {
    tag.max(TRUE) - TRUE
}

/// Writes the cells of one key, each with the number of its row, ascending.
pub fn encode(out: &mut Vec<u8>, rows: &Rows, cells: &[(u32, Cell)]) {
    let types = cells.iter().fold(0, |all, (_, c)| all | 1u8 << kind(c.tag));
    let every = cells.len() == rows.len();
    let sums = cells.len() >= FEW;
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(types | flag(!every, SOME_ROWS) | flag(sums, SUMMARY));
    if !every {
        let places: Vec<i64> = cells.iter().map(|(row, _)| i64::from(*row)).collect();
        flags::encode(out, rows.len(), &places);
    }
    if types.count_ones() > 1 {
        let kinds = cells.iter().map(|(_, cell)| i64::from(kind(cell.tag)));
        integers::encode(out, &kinds.collect::<Vec<_>>());
    }
    if sums {
        let mut summary = Summary::default();
        cells.iter().for_each(|(_, c)| summary.add(c.tag, c.bits));
        summary.encode(out);
    }
    for number in (0..TYPES).filter(|number| types & 1 << number != 0) {
        let of_type = cells.iter().map(|(_, cell)| cell);
        let of_type = of_type.filter(|cell| kind(cell.tag) == number);
        stream(out, number, rows, of_type);
    }
}

/// Writes the values of one type.
fn stream<'a>(out: &mut Vec<u8>, number: u8, rows: &Rows, cells: impl Iterator<Item = &'a Cell>) {
    match number + TRUE {
        LONG => integers::encode(out, &cells.map(|c| c.bits as i64).collect::<Vec<_>>()),
        DOUBLE => doubles::encode(out, &cells.map(|c| c.bits as i64).collect::<Vec<_>>()),
        TEXT | JSON => {
            let texts = cells.map(|cell| match rows.value(cell) {
                ValueRef::Text(text) | ValueRef::Json(text) => text,
                _ => "",
            });
            texts::encode(out, texts);
        }
        _ => {
            let (mut count, mut places) = (0, Vec::new());
            for cell in cells {
                if cell.tag == TRUE {
                    places.push(count as i64);
                }
                count += 1;
            }
            flags::encode(out, count, &places);
        }
    }
}

/// A column as far as it is read: its streams follow.
pub struct Opening<'a> {
    reader: Reader<'a>,
    /// Numbers of the rows that have a value; `None` = all.
    pub rows: Option<Vec<u32>>,
    types: u8,
    /// The type of each value, when there are several.
    kinds: Vec<i64>,
    counts: [usize; TYPES as usize],
    summary: bool,
}

/// Reads what stands before the values. `rows`: number of rows, which the caller has bounded.
pub fn open(bytes: &[u8], rows: usize) -> Option<Opening<'_>> {
    let mut reader = Reader(bytes);
    let head = reader.byte()?;
    let types = head & ((1 << TYPES) - 1);
    if head & !(types | SOME_ROWS | SUMMARY) != 0 || types == 0 {
        return None;
    }
    let places = match head & SOME_ROWS {
        0 => None,
        _ => Some(flags::decode(&mut reader, rows)?),
    };
    let count = places.as_ref().map_or(rows, Vec::len);
    let (mut kinds, mut counts) = (Vec::new(), [0; TYPES as usize]);
    if types.count_ones() > 1 {
        integers::decode(&mut reader, count, &mut kinds)?;
        for kind in &kinds {
            *counts.get_mut(usize::try_from(*kind).ok()?)? += 1;
        }
    } else {
        *counts.get_mut(types.trailing_zeros() as usize)? = count;
    }
    Some(Opening {
        reader,
        rows: places,
        types,
        kinds,
        counts,
        summary: head & SUMMARY != 0,
    })
}

impl Opening<'_> {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.counts.iter().sum()
    }

    /// What is written of it; `None` inside when nothing is, because there are few values.
    pub fn summary(&mut self) -> Option<Option<Summary>> {
        if !self.summary {
            return Some(None);
        }
        let [_, longs, doubles, texts, _] = self.counts.map(|count| count as u64);
        let known = Summary {
            values: self.len() as u64,
            longs,
            doubles,
            texts,
            ..Summary::default()
        };
        known.decode(&mut self.reader).map(Some)
    }

    /// The values as cells of `key`, their texts added to `texts`.
    pub fn cells(mut self, key: u32, texts: &mut Texts) -> Option<Vec<Cell>> {
        self.summary()?;
        let mut streams: [Vec<i64>; TYPES as usize] = Default::default();
        for (number, stream) in (0..TYPES).zip(&mut streams) {
            if self.types & 1 << number != 0 {
                let count = self.counts.get(usize::from(number)).copied()?;
                read(&mut self.reader, number, count, texts, stream)?;
            }
        }
        let cell = |number: u8, bits: i64| {
            // A BOOL's value is in its tag.
            let (tag, bits) = match number {
                0 => (FALSE + bits as u8, 0),
                number => (TRUE + number, bits as u64),
            };
            Cell { key, tag, bits }
        };
        if self.kinds.is_empty() {
            let number = self.types.trailing_zeros() as u8;
            let stream = streams.get(usize::from(number))?;
            return Some(stream.iter().map(|bits| cell(number, *bits)).collect());
        }
        let mut streams = streams.map(Vec::into_iter);
        let merged = self.kinds.iter().map(|kind| {
            let stream = streams.get_mut(usize::try_from(*kind).ok()?)?;
            Some(cell(*kind as u8, stream.next()?))
        });
        merged.collect()
    }
}

/// Reads the values of one type as bits.
fn read(
    reader: &mut Reader<'_>,
    number: u8,
    count: usize,
    texts: &mut Texts,
    out: &mut Vec<i64>,
) -> Option<()> {
    match number + TRUE {
        LONG => integers::decode(reader, count, out),
        DOUBLE => doubles::decode(reader, count, out),
        TEXT | JSON => texts::decode(reader, count, texts, out),
        _ => {
            out.resize(count, 0);
            for place in flags::decode(reader, count)? {
                *out.get_mut(place as usize)? = 1;
            }
            Some(())
        }
    }
}
