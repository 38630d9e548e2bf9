//! A sealed block: rows of one device by column. The version says how the body is laid out; each
//! version has a file that reads it, the newest also writes.
//!
//! ```text
//!  0    1         5
//!  +----+---------+------
//!  | v  | crc32   | body
//!  | u8 | u32 le  |
//!  +----+---------+------
//!  crc32 covers the body.
//! ```

mod column;
mod doubles;
mod flags;
mod integers;
mod packing;
pub mod points;
pub mod summary;
mod texts;
mod v1;
mod v2;

use super::columns::Columns;
use super::rows::Rows;
use crate::model::ids::Origin;
use crate::model::value::Value;
use crate::model::Millis;
use points::Points;
use std::ops::Range;
use summary::Summary;

/// What is written.
pub const VERSION: u8 = 2;

/// Most rows and values of a block as it is written. Regular ones take hardly a byte, but reading a
/// block takes memory for all. What the reader accepts is more.
pub const ROWS: usize = 1 << 14;
const VALUES: usize = 1 << 17;

/// In how many blocks these rows are to be written at least.
pub fn blocks(rows: &Columns, part: Range<usize>) -> usize {
    let (count, values) = (part.len(), rows.values_of(part));
    count.div_ceil(ROWS).max(values.div_ceil(VALUES))
}

/// Whether there are too many values for twice as much to fit into one block.
pub fn is_full(rows: &Columns, part: Range<usize>) -> bool {
    rows.values_of(part) > VALUES / 2
}

/// Encodes normalised rows for one block (see [`blocks`]; a single row is never too much).
pub fn encode(rows: &Rows) -> Vec<u8> {
    encode_part(&Columns::of(rows), 0..rows.len())
}

/// The same, of some of them.
pub fn encode_part(rows: &Columns, part: Range<usize>) -> Vec<u8> {
    let body = v2::encode(rows, part);
    let mut out = Vec::with_capacity(body.len() + 5);
    out.push(VERSION);
    out.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    out.extend_from_slice(&body);
    out
}

/// A block that has been read and checked; its columns are decoded when asked for.
pub enum Block {
    V1(v1::Block),
    V2(v2::Block),
}

impl Block {
    /// `None` for anything that is not a whole, undamaged block of a known version.
    pub fn read(bytes: &[u8]) -> Option<Block> {
        let (version, rest) = bytes.split_first()?;
        let (crc, body) = rest.split_first_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        match version {
            1 => v1::Block::read(body).map(Block::V1),
            2 => v2::Block::read(body).map(Block::V2),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<usize> {
        match self {
            Block::V1(block) => block.find(key),
            Block::V2(block) => block.find(key),
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.number(key).is_some()
    }

    /// Points of one key, by time. `None` when its column is damaged.
    pub fn points(&self, key: &str) -> Option<Points> {
        let Some(number) = self.number(key) else {
            return Some(Points::default());
        };
        match self {
            Block::V1(block) => block.points(number),
            Block::V2(block) => block.points(number),
        }
    }

    /// The same as values.
    pub fn series(&self, key: &str) -> Option<Vec<(Millis, Origin, Value)>> {
        let points = self.points(key)?;
        let points = points.iter();
        Some(
            points
                .map(|(ts, origin, value)| (ts, origin, value.into()))
                .collect(),
        )
    }

    /// What the values of one key add up to; without decoding them if there are many. `None` when
    /// its column is damaged, and for blocks of version 1, whose points have to be looked at.
    pub fn summary(&self, key: &str) -> Option<Summary> {
        let Some(number) = self.number(key) else {
            return Some(Summary::default());
        };
        match self {
            Block::V1(_) => None,
            Block::V2(block) => block.summary(number),
        }
    }

    /// All its rows by column. `None` when it is damaged.
    pub fn columns(&self) -> Option<Columns> {
        match self {
            Block::V1(block) => block.rows().map(|rows| Columns::of(&rows)),
            Block::V2(block) => block.columns(),
        }
    }

    /// All its rows. `None` when it is damaged.
    pub fn rows(&self) -> Option<Rows> {
        match self {
            Block::V1(block) => block.rows(),
            Block::V2(block) => block.rows(),
        }
    }
}
