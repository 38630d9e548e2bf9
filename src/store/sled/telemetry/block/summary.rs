//! What a key's column adds up to, so that aggregates need not look at its values.
//!
//! The sum of doubles is not in it: added one by one in the order of time, as `store::aggregate`
//! does, they round differently than sums of parts do.
//!
//! ```text
//!  LONGs:    least, most signed varints | sum, folded: lower 63 bits, upper bits, varints
//!  DOUBLEs:  least, most u64 le
//!  each only when there are such values
//! ```

use super::super::codec::{self, Reader, DOUBLE, LONG, TEXT};
pub use crate::store::aggregate::Summary;

impl Summary {
    /// Of all values of a column, by their tags and bits.
    pub fn of(tags: &[u8], bits: &[i64]) -> Self {
        let mut summary = Self::default();
        if tags.iter().all(|tag| *tag == LONG) {
            summary.long_extremes = ends(bits.iter().copied());
            summary.long_sum = sum(bits, summary.long_extremes);
            summary.longs = bits.len() as u64;
            summary.values = summary.longs;
            return summary;
        }
        if tags.iter().all(|tag| *tag == DOUBLE) {
            // Turned so that they sort as the numbers do.
            let ends = ends(bits.iter().map(|bits| turned(*bits)));
            let number = |bits| f64::from_bits(turned(bits) as u64);
            summary.double_extremes = ends.map(|(least, most)| (number(least), number(most)));
            summary.doubles = bits.len() as u64;
            summary.values = summary.doubles;
            return summary;
        }
        let values = tags.iter().zip(bits);
        values.for_each(|(tag, bits)| summary.add(*tag, *bits as u64));
        summary
    }

    /// Takes a value by its tag and bits.
    pub fn add(&mut self, tag: u8, bits: u64) {
        self.values += 1;
        match tag {
            LONG => {
                let number = bits as i64;
                self.longs += 1;
                self.long_sum += i128::from(number);
                let (least, most) = self.long_extremes.unwrap_or((number, number));
                self.long_extremes = Some((least.min(number), most.max(number)));
            }
            DOUBLE => {
                let number = f64::from_bits(bits);
                self.doubles += 1;
                let (least, most) = self.double_extremes.unwrap_or((number, number));
                let least = if number.total_cmp(&least).is_lt() {
                    number
                } else {
                    least
                };
                let most = if number.total_cmp(&most).is_gt() {
                    number
                } else {
                    most
                };
                self.double_extremes = Some((least, most));
            }
            TEXT => self.texts += 1,
            _ => {}
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        if let Some((least, most)) = self.long_extremes {
            codec::put_signed(out, least);
            codec::put_signed(out, most);
            let sum = ((self.long_sum << 1) ^ (self.long_sum >> 127)) as u128;
            codec::put_varint(out, sum as u64 & LOW);
            codec::put_varint(out, (sum >> 63) as u64 & LOW);
        }
        if let Some((least, most)) = self.double_extremes {
            out.extend_from_slice(&least.to_bits().to_le_bytes());
            out.extend_from_slice(&most.to_bits().to_le_bytes());
        }
    }

    /// Fills in what stands in the bytes; the counts are there already.
    pub fn decode(mut self, reader: &mut Reader<'_>) -> Option<Summary> {
        if self.longs > 0 {
            self.long_extremes = Some((reader.signed()?, reader.signed()?));
            let low = reader.varint()? & LOW;
            let sum = u128::from(low) | u128::from(reader.varint()?) << 63;
            self.long_sum = ((sum >> 1) as i128) ^ -((sum & 1) as i128);
        }
        if self.doubles > 0 {
            let mut double = || {
                let bits = reader.take(8)?.first_chunk::<8>()?;
                Some(f64::from_bits(u64::from_le_bytes(*bits)))
            };
            self.double_extremes = Some((double()?, double()?));
        }
        Some(self)
    }
}

/// Least and most.
fn ends(mut numbers: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    let first = numbers.next()?;
    let wider = |(least, most): (i64, i64), number: i64| (least.min(number), most.max(number));
    Some(numbers.fold((first, first), wider))
}

/// In 64 bits, which is much faster, if it fits into them.
fn sum(numbers: &[i64], ends: Option<(i64, i64)>) -> i128 {
    let largest = ends.map_or(0, |(least, most)| {
        least.unsigned_abs().max(most.unsigned_abs())
    });
    let fits = largest.checked_mul(numbers.len() as u64);
    match fits.is_some_and(|most| most <= i64::MAX as u64) {
        true => i128::from(numbers.iter().sum::<i64>()),
        false => numbers.iter().map(|number| i128::from(*number)).sum(),
    }
}

/// Bits of a double as an integer that sorts as `total_cmp` does, and back.
fn turned(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// The sum is written in two parts: the lower one of 63 bits.
const LOW: u64 = u64::MAX >> 1;
