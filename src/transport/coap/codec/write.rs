//! A message to its bytes. Options are added in ascending order.

use super::message::{Code, Kind, Token};

/// A message being written. The message id can be set last: see [`Writer::finish`].
pub struct Writer {
    bytes: Vec<u8>,
    last: u16,
}

impl Writer {
    pub fn new(kind: Kind, code: Code, id: u16, token: Token) -> Self {
        let token = token.as_slice();
        let mut bytes = Vec::with_capacity(4 + token.len());
        bytes.push(1 << 6 | (kind as u8) << 4 | token.len() as u8);
        bytes.push(code.0);
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(token);
        Self { bytes, last: 0 }
    }

    /// A message of four bytes: acknowledgement, reset, ping.
    pub fn empty(kind: Kind, id: u16) -> Vec<u8> {
        Self::new(kind, Code::EMPTY, id, Token::default()).finish(&[])
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// An option. One out of order, or longer than 65,804 bytes, is a fault of ours: left out.
    pub fn option(&mut self, number: u16, value: &[u8]) -> &mut Self {
        let Some(delta) = number.checked_sub(self.last) else {
            return self;
        };
        let Ok(length) = u32::try_from(value.len()) else {
            return self;
        };
        if length > 65_535 + 269 {
            return self;
        }
        let (delta, delta_tail) = nibble(u32::from(delta));
        let (length, length_tail) = nibble(length);
        self.bytes.push(delta << 4 | length);
        for (tail, used) in [delta_tail, length_tail] {
            self.bytes
                .extend_from_slice(tail.get(2 - used..).unwrap_or(&[]));
        }
        self.bytes.extend_from_slice(value);
        self.last = number;
        self
    }

    /// An unsigned number in as few bytes as it takes; 0 takes none.
    pub fn uint(&mut self, number: u16, value: u32) -> &mut Self {
        let bytes = value.to_be_bytes();
        let skip = (value.leading_zeros() / 8) as usize;
        self.option(number, bytes.get(skip..).unwrap_or(&[]))
    }

    pub fn finish(mut self, payload: &[u8]) -> Vec<u8> {
        if !payload.is_empty() {
            self.bytes.reserve_exact(payload.len() + 1);
            self.bytes.push(0xff);
            self.bytes.extend_from_slice(payload);
        }
        self.bytes
    }
}

/// The nibble of a delta or length, its extension, and how many bytes of that are written.
fn nibble(value: u32) -> (u8, ([u8; 2], usize)) {
    match value {
        0..=12 => (value as u8, ([0, 0], 0)),
        13..=268 => (13, ([0, (value - 13) as u8], 1)),
        _ => (14, (((value - 269) as u16).to_be_bytes(), 2)),
    }
}
