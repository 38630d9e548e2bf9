//! Packs rows, and writes what they are made of.

use super::{PackedRows, BOOL, DOUBLE, JSON, LONG, TEXT};
use crate::model::telemetry::Row;
use crate::model::value::ValueRef;
use crate::model::Millis;

/// The longest varint of 64 bits.
const VARINT: usize = 10;

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

#[cfg(test)]
mod tests {
    use super::super::same;
    use super::*;

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
}
