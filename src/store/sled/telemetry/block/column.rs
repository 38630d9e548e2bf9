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
use super::super::columns::Values;
use super::summary::Summary;
use super::{doubles, flags, integers, texts};

const TYPES: u8 = 5;
const SOME_ROWS: u8 = 1 << 5;
const SUMMARY: u8 = 1 << 6;
/// Fewer values are summed up faster than a summary is worth its bytes.
const FEW: usize = 64;

/// A type's number in the format.
fn kind(tag: u8) -> u8 {
    tag.max(TRUE) - TRUE
}

/// Writes the columns of a block.
pub struct Writer<'a> {
    texts: &'a Texts,
    /// Number of rows.
    count: usize,
    /// Which rows the last column had that not every row has, and how that is written: keys of one
    /// message are in the same rows.
    held: (&'a [u32], Vec<u8>),
}

impl<'a> Writer<'a> {
    pub fn new(texts: &'a Texts, count: usize) -> Self {
        let held = (&[][..], Vec::new());
        Self { texts, count, held }
    }

    /// Writes the values of one key, of which there are some.
    pub fn encode<'v: 'a>(&mut self, out: &mut Vec<u8>, values: Values<'v>) {
        let Values { tags, bits, .. } = values;
        let rows = values.rows;
        let types = tags.iter().fold(0, |all, tag| all | 1u8 << kind(*tag));
        let every = rows.len() == self.count;
        let sums = rows.len() >= FEW;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(types | flag(!every, SOME_ROWS) | flag(sums, SUMMARY));
        if !every {
            self.places(out, values.first, rows);
        }
        let several = types.count_ones() > 1;
        if several {
            let kinds = tags.iter().map(|tag| i64::from(kind(*tag)));
            integers::encode(out, &kinds.collect::<Vec<_>>());
        }
        if sums {
            Summary::of(tags, bits).encode(out);
        }
        if !several {
            return self.stream(out, types.trailing_zeros() as u8, tags, bits);
        }
        for number in (0..TYPES).filter(|number| types & 1 << number != 0) {
            let both = tags.iter().zip(bits);
            let of_type = both.filter(|(tag, _)| kind(**tag) == number);
            let (tags, bits): (Vec<u8>, Vec<i64>) = of_type.unzip();
            self.stream(out, number, &tags, &bits);
        }
    }

    /// Writes which rows have values.
    fn places(&mut self, out: &mut Vec<u8>, first: u32, rows: &'a [u32]) {
        if self.held.0 != rows {
            let places: Vec<i64> = rows.iter().map(|row| i64::from(row - first)).collect();
            let mut written = Vec::new();
            flags::encode(&mut written, self.count, &places);
            self.held = (rows, written);
        }
        out.extend_from_slice(&self.held.1);
    }

    /// Writes the values of one type.
    fn stream(&self, out: &mut Vec<u8>, number: u8, tags: &[u8], bits: &[i64]) {
        match number + TRUE {
            LONG => integers::encode(out, bits),
            DOUBLE => doubles::encode(out, bits),
            TEXT | JSON => texts::encode(out, self.texts, bits),
            _ => {
                let yes = (0i64..).zip(tags).filter(|(_, tag)| **tag == TRUE);
                let places: Vec<i64> = yes.map(|(place, _)| place).collect();
                flags::encode(out, tags.len(), &places);
            }
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
    pub fn cells(self, key: u32, texts: &mut Texts) -> Option<Vec<Cell>> {
        let (tags, bits) = self.values(texts)?;
        let cell = |(tag, bits): (u8, i64)| {
            let bits = bits as u64;
            Cell { key, tag, bits }
        };
        Some(tags.into_iter().zip(bits).map(cell).collect())
    }

    /// The values' types and bits, their texts added to `texts`.
    pub fn values(mut self, texts: &mut Texts) -> Option<(Vec<u8>, Vec<i64>)> {
        self.summary()?;
        let mut streams: [Vec<i64>; TYPES as usize] = Default::default();
        for (number, stream) in (0..TYPES).zip(&mut streams) {
            if self.types & 1 << number != 0 {
                let count = self.counts.get(usize::from(number)).copied()?;
                read(&mut self.reader, number, count, texts, stream)?;
            }
        }
        // A BOOL's value is in its tag.
        let value = |number: u8, bits: i64| match number {
            0 => (FALSE + bits as u8, 0),
            number => (TRUE + number, bits),
        };
        if self.kinds.is_empty() {
            let number = self.types.trailing_zeros() as u8;
            let bits = std::mem::take(streams.get_mut(usize::from(number))?);
            if number == 0 {
                return Some(bits.into_iter().map(|bits| value(0, bits)).unzip());
            }
            return Some((vec![TRUE + number; bits.len()], bits));
        }
        let mut streams = streams.map(Vec::into_iter);
        let merged = self.kinds.iter().map(|kind| {
            let stream = streams.get_mut(usize::try_from(*kind).ok()?)?;
            Some(value(*kind as u8, stream.next()?))
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
