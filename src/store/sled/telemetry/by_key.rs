//! Values by key: what columns are made of.

use super::rows::Rows;
use std::ops::Range;

pub struct ByKey {
    /// Where each key's values end.
    ends: Vec<usize>,
    rows: Vec<u32>,
    tags: Vec<u8>,
    bits: Vec<i64>,
}

/// One key's values with their types (see `codec`) and the numbers of their rows, ascending.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    pub rows: &'a [u32],
    pub tags: &'a [u8],
    pub bits: &'a [i64],
}

impl ByKey {
    /// Of some of the rows, which are counted from the first of them.
    pub fn of(rows: &Rows, range: Range<usize>) -> Self {
        // First how many values each key has, then where they begin; the filling moves that to
        // where they end.
        let mut ends = vec![0usize; rows.keys.len()];
        let all = rows.slice(range.clone()).flat_map(|row| row.cells);
        all.for_each(|cell| ends[cell.key as usize] += 1);
        let mut sum = 0;
        for place in &mut ends {
            sum += std::mem::replace(place, sum);
        }
        let mut made = Self {
            ends,
            rows: vec![0; sum],
            tags: vec![0; sum],
            bits: vec![0; sum],
        };
        for (at, row) in (0u32..).zip(rows.slice(range)) {
            for cell in row.cells {
                let next = &mut made.ends[cell.key as usize];
                let place = *next;
                *next += 1;
                made.rows[place] = at;
                made.tags[place] = cell.tag;
                made.bits[place] = cell.bits as i64;
            }
        }
        made
    }

    pub fn values(&self, key: usize) -> Values<'_> {
        let start = key.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[key];
        Values {
            rows: &self.rows[range.clone()],
            tags: &self.tags[range.clone()],
            bits: &self.bits[range],
        }
    }
}
