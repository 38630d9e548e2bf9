//! Typed values in flat memory: a number or, of a text, its place among all texts.

use super::codec::{tag, DOUBLE, FALSE, JSON, LONG, TEXT};
use crate::model::value::ValueRef;

/// A value under the number of its key. Its type is a tag of `codec`.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub key: u32,
    pub tag: u8,
    pub bits: u64,
}

impl Cell {
    pub fn of(key: u32, value: ValueRef<'_>, texts: &mut Texts) -> Self {
        let bits = match value {
            ValueRef::Bool(_) => 0,
            ValueRef::Long(number) => number as u64,
            ValueRef::Double(number) => number.to_bits(),
            ValueRef::Text(text) | ValueRef::Json(text) => texts.push(text),
        };
        let tag = tag(value);
        Self { key, tag, bits }
    }
}

/// Texts behind each other. Several cells may share one.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    arena: String,
    ends: Vec<usize>,
}

impl Texts {
    pub fn push(&mut self, text: &str) -> u64 {
        self.arena.push_str(text);
        self.ends.push(self.arena.len());
        self.ends.len() as u64 - 1
    }

    pub fn get(&self, number: u64) -> Option<&str> {
        let at = usize::try_from(number).ok()?;
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before));
        self.arena.get(start.copied().unwrap_or(0)..end)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds all of another; returns what to add to its numbers.
    pub fn append(&mut self, later: &Texts) -> u64 {
        let (texts, bytes) = (self.ends.len() as u64, self.arena.len());
        self.arena.push_str(&later.arena);
        self.ends.extend(later.ends.iter().map(|end| bytes + end));
        texts
    }
}

/// What a cell holds.
pub fn value<'a>(texts: &'a Texts, cell: &Cell) -> ValueRef<'a> {
    // A number without a text cannot be: only `Rows` hands them out.
    let text = || texts.get(cell.bits).unwrap_or_default();
    match cell.tag {
        LONG => ValueRef::Long(cell.bits as i64),
        DOUBLE => ValueRef::Double(f64::from_bits(cell.bits)),
        TEXT => ValueRef::Text(text()),
        JSON => ValueRef::Json(text()),
        tag => ValueRef::Bool(tag != FALSE),
    }
}

pub fn is_text(tag: u8) -> bool {
    tag == TEXT || tag == JSON
}
