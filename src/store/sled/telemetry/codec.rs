//! Varints and values in bytes, for heads and blocks. Reading takes any input.

use crate::model::value::ValueRef;

/// Type tags of the format (append only).
pub const FALSE: u8 = 0;
pub const TRUE: u8 = 1;
pub const LONG: u8 = 2;
pub const DOUBLE: u8 = 3;
pub const TEXT: u8 = 4;
pub const JSON: u8 = 5;

/// Seven bits a byte, lowest first, the top bit set on all but the last.
#[inline(always)]
pub fn put_varint(out: &mut Vec<u8>, number: u64) {
    // Most are of one byte.
    if number < 0x80 {
        return out.push(number as u8);
    }
    put_long_varint(out, number);
}

fn put_long_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small magnitudes of either sign become small varints.
#[inline(always)]
pub fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_varint(out, ((number << 1) ^ (number >> 63)) as u64);
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub fn tag(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Bool(false) => FALSE,
        ValueRef::Bool(true) => TRUE,
        ValueRef::Long(_) => LONG,
        ValueRef::Double(_) => DOUBLE,
        ValueRef::Text(_) => TEXT,
        ValueRef::Json(_) => JSON,
    }
}

/// A value without its tag.
pub fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Bool(_) => {}
        ValueRef::Long(number) => put_signed(out, number),
        ValueRef::Double(number) => out.extend_from_slice(&number.to_bits().to_le_bytes()),
        ValueRef::Text(text) | ValueRef::Json(text) => put_bytes(out, text.as_bytes()),
    }
}

/// Takes bytes from the front; `None` when they are not there or not what they should be.
#[derive(Clone)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline]
    pub fn varint(&mut self) -> Option<u64> {
        // Most are of one byte.
        match self.0.split_first() {
            Some((first, rest)) if *first < 0x80 => {
                self.0 = rest;
                Some(u64::from(*first))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for (at, byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.0 = self.0.get(at + 1..)?;
                return Some(number);
            }
        }
        None
    }

    /// A varint that counts things of at least one byte (or one bit) each: never absurdly large.
    pub fn count(&mut self, most: usize) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= most).then_some(count)
    }

    pub fn signed(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some(((number >> 1) as i64) ^ -((number & 1) as i64))
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count(self.0.len())?;
        self.take(length)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    #[inline]
    pub fn value(&mut self, tag: u8) -> Option<ValueRef<'a>> {
        Some(match tag {
            FALSE => ValueRef::Bool(false),
            TRUE => ValueRef::Bool(true),
            LONG => ValueRef::Long(self.signed()?),
            DOUBLE => {
                let (bits, rest) = self.0.split_first_chunk::<8>()?;
                self.0 = rest;
                ValueRef::Double(f64::from_bits(u64::from_le_bytes(*bits)))
            }
            TEXT => ValueRef::Text(self.text()?),
            JSON => ValueRef::Json(self.text()?),
            _ => return None,
        })
    }
}
