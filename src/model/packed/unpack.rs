//! Takes packed rows apart where they stand.

use super::{BOOL, DOUBLE, JSON, LONG, TEXT};
use crate::model::value::{Value, ValueRef};
use crate::model::Millis;

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
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

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
