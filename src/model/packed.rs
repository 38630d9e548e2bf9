//! Rows of values in flat memory, as the log holds them: what a message brought is one piece of memory
//! from its payload to the disk, and no key or value is an allocation of its own.
//!
//! ```text
//!  row:    time, signed varint | number of values, varint | value ...
//!  value:  key: length, varint, and bytes | variant of `Value`, a byte |
//!          bool: a byte; long: signed varint; double: 8 bytes le; text, JSON: length, varint, and bytes
//! ```
//! Byte for byte postcard's form of each [`Row`], one behind the other.

use super::telemetry::Row;
use super::value::{Value, ValueRef};
use super::Millis;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// Which variant of `Value` a value is. Their order is the format (`model::value`).
const BOOL: u8 = 0;
const LONG: u8 = 1;
const DOUBLE: u8 = 2;
const TEXT: u8 = 3;
const JSON: u8 = 4;

/// The longest varint of 64 bits.
const VARINT: usize = 10;

/// Rows in the order in which they were sent. Equal where their rows are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PackedRows {
    bytes: Box<[u8]>,
    rows: u32,
    points: u32,
}

impl PackedRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Number of values in all rows.
    pub fn points(&self) -> usize {
        self.points as usize
    }

    /// The rows as the log holds them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn read(&self) -> Unpacking<'_> {
        Unpacking(&self.bytes)
    }

    /// The rows one by one, each with memory of its own.
    pub fn iter(&self) -> impl Iterator<Item = Row> + '_ {
        let mut rest = self.read();
        (0..self.rows).map_while(move |_| {
            let (ts, count) = rest.row()?;
            let values = (0..count).map_while(|_| {
                let (key, value) = rest.value()?;
                Some((text(key).into(), value.into()))
            });
            let values = values.collect();
            Some(Row { ts, values })
        })
    }
}

impl fmt::Debug for PackedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<Row> for PackedRows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let mut packer = Packer::default();
        rows.into_iter().for_each(|row| packer.put_row(&row));
        packer.finish()
    }
}

impl From<Vec<Row>> for PackedRows {
    fn from(rows: Vec<Row>) -> Self {
        rows.into_iter().collect()
    }
}

/// As a list of [`Row`].
impl Serialize for PackedRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<Row> = self.iter().collect();
        rows.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PackedRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Listed)
    }
}

struct Listed;

impl<'de> Visitor<'de> for Listed {
    type Value = PackedRows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<PackedRows, A::Error> {
        let mut packer = Packer::default();
        while let Some(row) = rows.next_element::<Row>()? {
            packer.put_row(&row);
        }
        Ok(packer.finish())
    }
}

/// Takes packed rows apart, in their order: a row, then each of its values. Ends early where the bytes
/// are not what a [`Packer`] writes.
pub struct Unpacking<'a>(&'a [u8]);

/// A value where it stands. Texts are UTF-8, since a [`Packer`] got them as such.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    Bool(bool),
    Long(i64),
    Double(f64),
    Text(&'a [u8]),
    Json(&'a [u8]),
}

impl<'a> Unpacking<'a> {
    /// Time of the next row, and how many values follow.
    #[inline(always)]
    pub fn row(&mut self) -> Option<(Millis, usize)> {
        let ts = self.signed()?;
        let count = usize::try_from(self.number()?).ok()?;
        Some((ts, count))
    }

    /// The next key and its value.
    #[inline(always)]
    pub fn value(&mut self) -> Option<(&'a [u8], Piece<'a>)> {
        let key = self.bytes()?;
        let value = match self.byte()? {
            BOOL => Piece::Bool(self.byte()? != 0),
            LONG => Piece::Long(self.signed()?),
            DOUBLE => {
                let (bits, rest) = self.0.split_first_chunk::<8>()?;
                self.0 = rest;
                Piece::Double(f64::from_bits(u64::from_le_bytes(*bits)))
            }
            TEXT => Piece::Text(self.bytes()?),
            JSON => Piece::Json(self.bytes()?),
            _ => return None,
        };
        Some((key, value))
    }

    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    #[inline(always)]
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline(always)]
    fn number(&mut self) -> Option<u64> {
        // Most are of one byte.
        match self.0.split_first() {
            Some((first, rest)) if *first < 0x80 => {
                self.0 = rest;
                Some(u64::from(*first))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline(always)]
    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some(((number >> 1) as i64) ^ -((number & 1) as i64))
    }
}

/// What a [`Packer`] got as text.
pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl From<Piece<'_>> for Value {
    fn from(piece: Piece<'_>) -> Self {
        Value::from(match piece {
            Piece::Bool(value) => ValueRef::Bool(value),
            Piece::Long(number) => ValueRef::Long(number),
            Piece::Double(number) => ValueRef::Double(number),
            Piece::Text(bytes) => ValueRef::Text(text(bytes)),
            Piece::Json(bytes) => ValueRef::Json(text(bytes)),
        })
    }
}

/// Packs rows, value by value: `begin`, `put` ..., `end`.
#[derive(Default)]
pub struct Packer {
    /// What is packed, and behind it room for more: a write is a look at the room and a store.
    bytes: Vec<u8>,
    /// Where the room begins.
    at: usize,
    rows: u32,
    points: u32,
    /// Where the open row begins, and where its number of values stands.
    open: (usize, usize),
    /// Values of the open row.
    values: u32,
}

impl Packer {
    /// Packs into this memory, which `dissolve` gives back.
    pub fn within(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }

    /// Opens a row.
    pub fn begin(&mut self, ts: Millis) {
        self.room(VARINT + 1);
        let from = self.at;
        self.signed(ts);
        self.open = (from, self.at);
        self.values = 0;
        // Nearly always the number of values is of one byte; `end` makes room for a longer one.
        self.array([0]);
    }

    /// Adds a value to the open row.
    #[inline(always)]
    pub fn put(&mut self, key: &str, value: ValueRef<'_>) {
        // Of the key's length, the variant, and a number or a text's length.
        self.room(key.len() + 2 * VARINT + 1);
        self.bytes(key.as_bytes());
        match value {
            ValueRef::Bool(value) => self.array([BOOL, u8::from(value)]),
            ValueRef::Long(number) => {
                self.array([LONG]);
                self.signed(number);
            }
            ValueRef::Double(number) => {
                self.array([DOUBLE]);
                self.array(number.to_bits().to_le_bytes());
            }
            ValueRef::Text(text) => self.text(TEXT, text),
            ValueRef::Json(text) => self.text(JSON, text),
        }
        self.values += 1;
    }

    #[inline(always)]
    fn text(&mut self, variant: u8, text: &str) {
        self.array([variant]);
        self.room(text.len() + VARINT);
        self.bytes(text.as_bytes());
    }

    /// Number of values in the open row.
    pub fn open_values(&self) -> u32 {
        self.values
    }

    /// Closes the open row.
    pub fn end(&mut self) {
        let (_, at) = self.open;
        if self.values < 0x80 {
            if let Some(count) = self.bytes.get_mut(at) {
                *count = self.values as u8;
            }
        } else {
            let mut count = Vec::with_capacity(VARINT);
            put_number(&mut count, u64::from(self.values));
            self.at += count.len() - 1;
            self.bytes.splice(at..=at, count);
        }
        self.rows += 1;
        self.points += self.values;
    }

    /// Takes the open row back.
    pub fn forget(&mut self) {
        self.at = self.open.0;
    }

    pub fn put_row(&mut self, row: &Row) {
        self.begin(row.ts);
        for (key, value) in &row.values {
            self.put(key, value.as_ref());
        }
        self.end();
    }

    /// The rows that were closed, in no more memory than they need.
    pub fn finish(&mut self) -> PackedRows {
        let bytes = self.bytes.get(..self.at).unwrap_or_default();
        let packed = PackedRows {
            bytes: Box::from(bytes),
            rows: std::mem::take(&mut self.rows),
            points: std::mem::take(&mut self.points),
        };
        self.at = 0;
        packed
    }

    /// Its memory.
    pub fn dissolve(self) -> Vec<u8> {
        self.bytes
    }

    /// Room for so many bytes.
    #[inline(always)]
    fn room(&mut self, more: usize) {
        if self.bytes.len() - self.at < more {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let length = (self.at + more).max(2 * self.bytes.len());
        self.bytes.resize(length, 0);
    }

    /// Writes into the room; there must be enough.
    #[inline(always)]
    fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        let room = self.bytes.get_mut(self.at..);
        if let Some(place) = room.and_then(<[u8]>::first_chunk_mut::<N>) {
            *place = bytes;
            self.at += N;
        }
    }

    /// The same, with their number in front. Short ones, as keys are, go in two overlapping pieces of a
    /// fixed size, which takes a third of what a call to copy any number does.
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        let length = bytes.len();
        self.number(length as u64);
        let end = self.at + length;
        if length > 16 {
            if let Some(place) = self.bytes.get_mut(self.at..end) {
                place.copy_from_slice(bytes);
            }
        } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk::<8>()) {
            self.array::<8>(*first);
            self.at = end - 8;
            self.array(*last);
        } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk::<4>()) {
            self.array::<4>(*first);
            self.at = end - 4;
            self.array(*last);
        } else {
            bytes.iter().for_each(|byte| self.array([*byte]));
        }
        self.at = end;
    }

    #[inline(always)]
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.array([number as u8 | 0x80]);
            number >>= 7;
        }
        self.array([number as u8]);
    }

    #[inline(always)]
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }
}

/// Seven bits a byte, lowest first, the top bit set on all but the last.
#[inline(always)]
pub fn put_number(out: &mut Vec<u8>, number: u64) {
    if number < 0x80 {
        return out.push(number as u8);
    }
    put_long_number(out, number);
}

fn put_long_number(out: &mut Vec<u8>, mut number: u64) {
    let mut bytes = [0; VARINT];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        if number < 0x80 {
            *byte = number as u8;
            break;
        }
        *byte = number as u8 | 0x80;
        number >>= 7;
    }
    out.extend_from_slice(bytes.get(..length).unwrap_or_default());
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Whether two keys are one; short ones are compared in two overlapping pieces.
#[inline(always)]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if one.len() > 16 {
        return one == other;
    }
    if let (Some(first), Some(last)) = (one.first_chunk::<8>(), one.last_chunk::<8>()) {
        return Some(first) == other.first_chunk() && Some(last) == other.last_chunk();
    }
    if let (Some(first), Some(last)) = (one.first_chunk::<4>(), one.last_chunk::<4>()) {
        return Some(first) == other.first_chunk() && Some(last) == other.last_chunk();
    }
    one.iter().zip(other).all(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Long),
            any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
            ".{0,200}".prop_map(|text| Value::Text(text.into())),
            ".{0,40}".prop_map(|text| Value::Json(text.into())),
        ]
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let values = prop::collection::vec((".{0,40}", value()), 0..6).prop_map(|values| {
            let keyed = values.into_iter();
            keyed.map(|(key, value)| (key.into(), value)).collect()
        });
        let row = (any::<i64>(), values).prop_map(|(ts, values)| Row { ts, values });
        prop::collection::vec(row, 0..5)
    }

    proptest! {
        #[test]
        fn packed_rows_are_what_postcard_writes_and_come_back_as_they_were(rows in rows()) {
            let packed = PackedRows::from(rows.clone());
            let mut theirs = Vec::new();
            for row in &rows {
                theirs.extend(postcard::to_stdvec(row).unwrap());
            }
            prop_assert_eq!(packed.bytes(), theirs);
            let points = rows.iter().map(|row| row.values.len()).sum::<usize>();
            prop_assert_eq!((packed.len(), packed.points()), (rows.len(), points));
            prop_assert_eq!(&packed.iter().collect::<Vec<Row>>(), &rows);
            let listed = postcard::to_stdvec(&rows).unwrap();
            prop_assert_eq!(&postcard::to_stdvec(&packed).unwrap(), &listed);
            prop_assert_eq!(postcard::from_bytes::<PackedRows>(&listed).unwrap(), packed);
        }

        #[test]
        fn whatever_the_bytes_are_taking_them_apart_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let packed = PackedRows { bytes: bytes.into(), rows: u32::MAX, points: 0 };
            prop_assert!(packed.iter().count() <= 200);
        }
    }

    #[test]
    fn short_bytes_are_copied_and_compared_like_any() {
        let bytes: Vec<u8> = (0..40).collect();
        for length in 0..40 {
            let mut packer = Packer::within(vec![0xff; 50]);
            packer.bytes(&bytes[..length]);
            let out = &packer.bytes[..packer.at];
            assert_eq!(out, [&[length as u8], &bytes[..length]].concat());
            assert!(same(&bytes[..length], &out[1..]));
            assert!(!same(&bytes[..length], &bytes[..length + 1]));
            for at in 0..length {
                let mut other = bytes[..length].to_vec();
                other[at] ^= 0x80;
                assert!(!same(&bytes[..length], &other), "{length} {at}");
            }
        }
    }

    #[test]
    fn a_row_of_very_many_values_is_counted_in_as_many_bytes_as_it_takes() {
        for count in [127, 128, 129, 20_000] {
            let row = |ts| Row {
                ts,
                values: (0..count)
                    .map(|n| (format!("k{n}").into(), Value::Long(n)))
                    .collect(),
            };
            let rows = vec![row(1), row(2)];
            let packed = PackedRows::from(rows.clone());
            let listed = postcard::to_stdvec(&rows).unwrap();
            assert_eq!(&listed[1..], packed.bytes());
            assert_eq!(packed.iter().collect::<Vec<_>>(), rows);
        }
    }

    #[test]
    fn a_row_that_is_taken_back_leaves_nothing() {
        let mut packer = Packer::default();
        let row = |ts| Row {
            ts,
            values: vec![("a".into(), Value::Long(ts))],
        };
        packer.put_row(&row(1));
        packer.begin(2);
        packer.put("gone", ValueRef::Bool(true));
        packer.forget();
        packer.put_row(&row(3));
        assert_eq!(packer.finish(), PackedRows::from(vec![row(1), row(3)]));
        assert_eq!(packer.finish(), PackedRows::default());
    }
}
