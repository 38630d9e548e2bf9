//! The hot path: plain telemetry and attributes, read by hand in one pass over the text.
//!
//! It takes what devices nearly always send: strict JSON without escapes, keys that stand once,
//! `ts` before `values` and nothing beside them. Whatever else it meets, right or wrong, it gives
//! up (`None`) and the streaming visitors read the text from the start: they alone decide what is
//! refused, and how that is said. What it does return is, bit for bit, what they would
//! (`tests/quick`).

mod scan;

use super::value::{text, Conversion};
use crate::model::packed::Packer;
use crate::model::telemetry::Telemetry;
use crate::model::value::{Key, Value, ValueRef};
use crate::model::Millis;
use scan::{Cursor, Raw};
use smallvec::SmallVec;
use std::cell::Cell;
use std::collections::HashSet;

/// Members of one object that are noted without allocating.
const FEW: usize = 16;
/// Above this many members, looking for a repeated key takes a hash set.
const COMPARED: usize = 48;
/// Bytes that a thread keeps to pack the next message in.
const KEPT: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// As `super::telemetry`.
pub(super) fn telemetry(text: &str, now: Millis, how: Conversion<'_>) -> Option<Telemetry> {
    let mut packer = Packer::within(SCRATCH.take());
    let telemetry = packed(text, now, how, &mut packer);
    let scratch = packer.dissolve();
    if scratch.capacity() <= KEPT {
        SCRATCH.set(scratch);
    }
    telemetry
}

fn packed(text: &str, now: Millis, how: Conversion<'_>, packer: &mut Packer) -> Option<Telemetry> {
    let mut plain = Plain::new(text, how);
    match plain.at.token()? {
        b'[' => plain.rows(now, packer)?,
        _ => plain.row(1, now, packer)?,
    }
    plain.at.end()?;
    Some(Telemetry {
        rows: packer.finish(),
        nulls_skipped: plain.nulls,
    })
}

/// As `super::attributes`.
pub(super) fn attributes(text: &str, how: Conversion<'_>) -> Option<(Vec<(Key, Value)>, u32)> {
    let mut plain = Plain::new(text, how);
    // Once their number is known, they get a vector that is exactly as long as needed.
    let mut members: SmallVec<[(&str, Raw<'_>); FEW]> = SmallVec::new();
    plain.values(1, |name, raw| members.push((name, raw)))?;
    plain.at.end()?;
    Some((settled(&members, how), plain.nulls))
}

struct Plain<'t, 'r> {
    at: Cursor<'t>,
    how: Conversion<'r>,
    /// Members so far, of the whole message.
    points: usize,
    nulls: u32,
    /// The names of those of the object at hand.
    names: SmallVec<[&'t str; FEW]>,
    /// A bit for each of them, by a rough hash: an unset one means a new name.
    seen: u64,
}

impl<'t, 'r> Plain<'t, 'r> {
    fn new(text: &'t str, how: Conversion<'r>) -> Self {
        Self {
            at: Cursor::new(text),
            how,
            points: 0,
            nulls: 0,
            names: SmallVec::new(),
            seen: 0,
        }
    }

    fn rows(&mut self, now: Millis, packer: &mut Packer) -> Option<()> {
        self.at.take(b'[')?;
        if self.at.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.row(2, now, packer)?;
            if self.at.take(b',').is_none() {
                return self.at.take(b']');
            }
        }
    }

    /// `{..}` of now, or exactly `{"ts":..,"values":{..}}`. One without a value is not kept.
    fn row(&mut self, depth: usize, now: Millis, packer: &mut Packer) -> Option<()> {
        self.open(depth)?;
        if self.at.take(b'}').is_some() {
            return Some(());
        }
        let how = self.how;
        let first = self.name()?;
        if first.0 == "ts" {
            packer.begin(self.timestamp()?);
            self.at.take(b',')?;
            if self.name()?.0 != "values" {
                return None;
            }
            self.values(depth + 1, |name, raw| pack(packer, name, raw, how))?;
            self.at.take(b'}')?;
        } else {
            packer.begin(now);
            let special = |key: &str| key == "ts" || key == "values";
            self.members(first, depth, special, |name, raw| {
                pack(packer, name, raw, how);
            })?;
        }
        match packer.open_values() {
            0 => packer.forget(),
            _ => packer.end(),
        }
        Some(())
    }

    fn timestamp(&mut self) -> Option<Millis> {
        self.at.token()?;
        match self.at.number()? {
            Raw::Long(ts) => Some(ts),
            _ => None,
        }
    }

    /// An object whose members are all values; those that are not `null` are taken.
    fn values(&mut self, depth: usize, take: impl FnMut(&'t str, Raw<'t>)) -> Option<()> {
        self.open(depth)?;
        if self.at.take(b'}').is_some() {
            return Some(());
        }
        let first = self.name()?;
        self.members(first, depth, |_| false, take)
    }

    fn open(&mut self, depth: usize) -> Option<()> {
        self.at.take(b'{')?;
        (depth <= self.how.rules.max_depth).then_some(())
    }

    /// A member's name, whether it is seen to be a good one, and the colon behind it.
    #[inline(always)]
    fn name(&mut self) -> Option<(&'t str, bool)> {
        self.at.token()?;
        let name = self.at.name()?;
        self.at.take(b':')?;
        Some(name)
    }

    /// All members of an object, whose first name has been read, to its end. `special`: names
    /// that are not just values.
    fn members(
        &mut self,
        first: (&'t str, bool),
        depth: usize,
        special: impl Fn(&str) -> bool,
        mut take: impl FnMut(&'t str, Raw<'t>),
    ) -> Option<()> {
        self.seen = 0;
        self.names.clear();
        let room = self.how.rules.max_depth.checked_sub(depth)?;
        let (mut name, mut good) = first;
        loop {
            if special(name) {
                return None;
            }
            self.note(name, good)?;
            match self.at.value(room)? {
                Raw::Null => self.nulls = self.nulls.saturating_add(1),
                raw => take(name, raw),
            }
            if self.at.take(b',').is_none() {
                self.at.take(b'}')?;
                return self.are_different();
            }
            (name, good) = self.name()?;
        }
    }

    /// Another member of this name, which is a good one, and, as far as it is looked at now, a new one.
    #[inline(always)]
    fn note(&mut self, name: &'t str, good: bool) -> Option<()> {
        self.points += 1;
        if self.points > self.how.rules.max_points {
            return None;
        }
        if !good || name.is_empty() || name.len() > self.how.rules.max_key {
            self.how.rules.check_key(name).ok()?;
        }
        let bit = rough(name);
        if self.seen & bit != 0 && self.names.len() < COMPARED && self.names.contains(&name) {
            return None;
        }
        self.seen |= bit;
        self.names.push(name);
        Some(())
    }

    /// Of so many members that they were not compared one by one, no two have one name.
    fn are_different(&self) -> Option<()> {
        if self.names.len() <= COMPARED {
            return Some(());
        }
        let mut seen =
            HashSet::with_capacity_and_hasher(self.names.len(), ahash::RandomState::new());
        let all = self.names.iter().all(|name| seen.insert(*name));
        all.then_some(())
    }
}

/// Adds a value to the open row. Each arm puts it there itself: one that is put together in one place
/// and moved to another costs more than reading it.
#[inline(always)]
fn pack(packer: &mut Packer, name: &str, raw: Raw<'_>, how: Conversion<'_>) {
    match raw {
        Raw::Bool(value) => packer.put(name, ValueRef::Bool(value)),
        Raw::Long(number) => packer.put(name, ValueRef::Long(number)),
        Raw::Double(number) => packer.put(name, ValueRef::Double(number)),
        Raw::Text(characters) if how.cast => packer.put(name, text(characters, how).as_ref()),
        Raw::Text(characters) => packer.put(name, ValueRef::Text(characters)),
        Raw::Json(text) => packer.put(name, ValueRef::Json(text)),
        Raw::Spaced(text) => packer.put(name, ValueRef::Json(&scan::compact(text))),
        Raw::Null => {}
    }
}

/// Members with their values typed.
fn settled(members: &[(&str, Raw<'_>)], how: Conversion<'_>) -> Vec<(Key, Value)> {
    let mut values = Vec::with_capacity(members.len());
    for (name, raw) in members {
        let value = match *raw {
            Raw::Bool(value) => Value::Bool(value),
            Raw::Long(number) => Value::Long(number),
            Raw::Double(number) => Value::Double(number),
            Raw::Text(characters) => text(characters, how),
            Raw::Json(text) => Value::Json(text.into()),
            Raw::Spaced(text) => Value::Json(scan::compact(text)),
            Raw::Null => continue,
        };
        values.push((Key::new(name), value));
    }
    values
}

/// One of 64 bits.
fn rough(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let (first, middle, last) = match bytes {
        [only] => (*only, 0, 0),
        [first, middle @ .., last] => {
            let middle = middle.get(middle.len() / 2).copied().unwrap_or(0);
            (*first, middle, *last)
        }
        [] => (0, 0, 0),
    };
    let sum =
        bytes.len() + 3 * usize::from(first) + 5 * usize::from(middle) + 7 * usize::from(last);
    1 << (sum % 64)
}
