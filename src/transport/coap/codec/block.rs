//! The value of Block1 and Block2 (RFC 7959 section 2.2): number (20 bits), more, size exponent.
//!
//! ```text
//! |      NUM (4, 12 or 20 bits)      |M| SZX |     size = 16 << SZX bytes, SZX 7 is reserved
//! ```

/// One block of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Below 2^20.
    pub number: u32,
    pub more: bool,
    /// 0 to 6.
    pub exponent: u8,
}

impl Block {
    pub const LARGEST: u8 = 6;

    /// `None`: longer than three bytes, or the reserved size.
    pub fn read(value: &[u8]) -> Option<Block> {
        let bits = super::uint(value).filter(|_| value.len() <= 3)?;
        let exponent = (bits & 7) as u8;
        (exponent <= Self::LARGEST).then_some(Block {
            number: bits >> 4,
            more: bits & 8 != 0,
            exponent,
        })
    }

    /// Bytes of a whole block.
    pub fn size(self) -> usize {
        16 << self.exponent
    }

    /// Where it begins in its body.
    pub fn offset(self) -> usize {
        self.number as usize * self.size()
    }

    pub fn bits(self) -> u32 {
        self.number << 4 | u32::from(self.more) << 3 | u32::from(self.exponent)
    }

    /// The largest exponent whose blocks have at most `bytes`; 0 if none has.
    pub fn exponent_within(bytes: usize) -> u8 {
        (0..=Self::LARGEST)
            .rev()
            .find(|exponent| 16 << exponent <= bytes)
            .unwrap_or(0)
    }
}
