//! Options of a message (RFC 7252 section 3.1):
//!
//! ```text
//!   0   1   2   3   4   5   6   7
//! +---------------+---------------+
//! |  Option Delta | Option Length |   1 byte
//! +---------------+---------------+
//! |  Delta - 13 (1) or - 269 (2)  |   0 to 2 bytes
//! |  Length - 13 (1) or - 269 (2) |   0 to 2 bytes
//! |  Value                        |
//! +-------------------------------+
//! ```

use super::error::DecodeError;

/// Option numbers (RFC 7252 section 5.10, RFC 7641, 7959, 9175, 7967).
pub mod number {
    pub const URI_HOST: u16 = 3;
    pub const ETAG: u16 = 4;
    pub const OBSERVE: u16 = 6;
    pub const URI_PORT: u16 = 7;
    pub const URI_PATH: u16 = 11;
    pub const CONTENT_FORMAT: u16 = 12;
    pub const MAX_AGE: u16 = 14;
    pub const URI_QUERY: u16 = 15;
    pub const ACCEPT: u16 = 17;
    pub const BLOCK2: u16 = 23;
    pub const BLOCK1: u16 = 27;
    pub const SIZE2: u16 = 28;
    pub const PROXY_URI: u16 = 35;
    pub const PROXY_SCHEME: u16 = 39;
    pub const SIZE1: u16 = 60;
    pub const ECHO: u16 = 252;
    pub const NO_RESPONSE: u16 = 258;
}

/// Options that have been checked; iterate for (number, value), in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options<'a> {
    bytes: &'a [u8],
}

impl<'a> Options<'a> {
    /// Checks all options, at most `most`; returns them and the payload (RFC 7252 section 3).
    pub(super) fn read(bytes: &'a [u8], most: usize) -> Result<(Self, &'a [u8]), DecodeError> {
        let mut rest = bytes;
        let mut number = 0;
        let mut count = 0;
        loop {
            let options = &bytes[..bytes.len() - rest.len()];
            match rest {
                [] => return Ok((Self { bytes: options }, &[])),
                [0xff] => return Err(DecodeError::NoPayload),
                [0xff, payload @ ..] => return Ok((Self { bytes: options }, payload)),
                _ => {}
            }
            let (next, _, tail) = one(number, rest)?;
            count += 1;
            if count > most {
                return Err(DecodeError::TooManyOptions);
            }
            number = next;
            rest = tail;
        }
    }

    /// Options that have been checked before, from their bytes.
    pub fn again(bytes: &'a [u8]) -> Self {
        Self::read(bytes, usize::MAX).map_or(Self::default(), |(options, _)| options)
    }

    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut number = 0;
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (next, value, tail) = one(number, rest).ok()?;
            number = next;
            rest = tail;
            Some((next, value))
        })
    }

    /// The first value of one number.
    pub fn get(&self, wanted: u16) -> Option<&'a [u8]> {
        self.iter()
            .take_while(|(number, _)| *number <= wanted)
            .find(|(number, _)| *number == wanted)
            .map(|(_, value)| value)
    }

    /// All values of one number.
    pub fn all(&self, wanted: u16) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(number, _)| *number == wanted)
            .map(|(_, value)| value)
    }

    /// An unsigned number of at most `longest` bytes. `Err`: the value is longer.
    pub fn uint(&self, wanted: u16, longest: usize) -> Result<Option<u32>, ()> {
        match self.get(wanted) {
            None => Ok(None),
            Some(value) if value.len() > longest => Err(()),
            Some(value) => Ok(uint(value)),
        }
    }
}

/// A value of at most four bytes, in network order; the empty one is 0.
pub fn uint(value: &[u8]) -> Option<u32> {
    (value.len() <= 4).then(|| {
        value
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    })
}

/// The option at the start of `bytes`: its number, its value, and what follows.
fn one(before: u16, bytes: &[u8]) -> Result<(u16, &[u8], &[u8]), DecodeError> {
    let (head, rest) = bytes.split_first().ok_or(DecodeError::Option)?;
    let (delta, rest) = extended(head >> 4, rest)?;
    let (length, rest) = extended(head & 15, rest)?;
    let number = u32::from(before) + delta;
    let number = u16::try_from(number).map_err(|_| DecodeError::OptionNumber)?;
    let (value, rest) = rest
        .split_at_checked(length as usize)
        .ok_or(DecodeError::Option)?;
    Ok((number, value, rest))
}

fn extended(nibble: u8, bytes: &[u8]) -> Result<(u32, &[u8]), DecodeError> {
    match (nibble, bytes) {
        (0..=12, _) => Ok((u32::from(nibble), bytes)),
        (13, [one, rest @ ..]) => Ok((u32::from(*one) + 13, rest)),
        (14, [high, low, rest @ ..]) => {
            Ok((u32::from(u16::from_be_bytes([*high, *low])) + 269, rest))
        }
        (15, _) => Err(DecodeError::OptionNibble),
        _ => Err(DecodeError::Option),
    }
}
