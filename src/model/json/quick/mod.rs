//! The hot path: plain telemetry and attributes, read by hand in one pass over the text.
//!
//! It takes what devices nearly always send: strict JSON without escapes, keys that stand once,
//! `ts` before `values` and nothing beside them. Whatever else it meets, right or wrong, it gives
//! up (`None`) and the streaming visitors read the text from the start: they alone decide what is
//! refused, and how that is said. What it does return is, bit for bit, what they would
//! (`tests/quick`).

mod scan;

use super::value::{text, Conversion};
use crate::model::telemetry::{Row, Telemetry};
use crate::model::value::{Key, Value};
use crate::model::Millis;
use scan::{Cursor, Raw};
use smallvec::SmallVec;
use std::collections::HashSet;

/// Members of one object that are noted without allocating; once their number is known, its values
/// get a vector that is exactly as long as needed.
const FEW: usize = 16;
/// Above this many members, looking for a repeated key takes a hash set.
const COMPARED: usize = 48;
/// Rows that a vector gets room for on the strength of the first one's length.
const GUESSED: usize = 256;

/// As `super::telemetry`.
pub(super) fn telemetry(text: &str, now: Millis, how: Conversion<'_>) -> Option<Telemetry> {
    let mut plain = Plain::new(text, how);
    let rows = match plain.at.token()? {
        b'[' => plain.rows(now)?,
        _ => {
            let row = plain.row(1, now)?;
            let mut rows = Vec::with_capacity(usize::from(!row.values.is_empty()));
            if !row.values.is_empty() {
                rows.push(row);
            }
            rows
        }
    };
    plain.at.end()?;
    Some(Telemetry {
        rows,
        nulls_skipped: plain.nulls,
    })
}

/// As `super::attributes`.
pub(super) fn attributes(text: &str, how: Conversion<'_>) -> Option<(Vec<(Key, Value)>, u32)> {
    let mut plain = Plain::new(text, how);
    let values = plain.values(1)?;
    plain.at.end()?;
    Some((values, plain.nulls))
}

struct Plain<'t, 'r> {
    at: Cursor<'t>,
    how: Conversion<'r>,
    /// Members so far, of the whole message.
    points: usize,
    nulls: u32,
    /// Those of the object at hand.
    members: SmallVec<[(&'t str, Raw<'t>); FEW]>,
    /// A bit for each of its keys, by a rough hash: an unset one means a new key.
    seen: u64,
}

impl<'t, 'r> Plain<'t, 'r> {
    fn new(text: &'t str, how: Conversion<'r>) -> Self {
        Self {
            at: Cursor::new(text),
            how,
            points: 0,
            nulls: 0,
            members: SmallVec::new(),
            seen: 0,
        }
    }

    fn rows(&mut self, now: Millis) -> Option<Vec<Row>> {
        let mut rows = Vec::new();
        self.at.take(b'[')?;
        if self.at.take(b']').is_some() {
            return Some(rows);
        }
        loop {
            let before = self.at.left();
            let row = self.row(2, now)?;
            if !row.values.is_empty() {
                if rows.is_empty() {
                    let left = self.at.left();
                    let alike = left / (before - left).max(1);
                    rows.reserve_exact(1 + alike.min(GUESSED));
                }
                rows.push(row);
            }
            if self.at.take(b',').is_none() {
                self.at.take(b']')?;
                return Some(rows);
            }
        }
    }

    /// `{..}` of now, or exactly `{"ts":..,"values":{..}}`.
    fn row(&mut self, depth: usize, now: Millis) -> Option<Row> {
        self.open(depth)?;
        if self.at.take(b'}').is_some() {
            let values = Vec::new();
            return Some(Row { ts: now, values });
        }
        let first = self.name()?;
        if first == "ts" {
            let ts = self.timestamp()?;
            self.at.take(b',')?;
            if self.name()? != "values" {
                return None;
            }
            let values = self.values(depth + 1)?;
            self.at.take(b'}')?;
            return Some(Row { ts, values });
        }
        self.members(first, depth, |key| key == "ts" || key == "values")?;
        let values = self.settled()?;
        Some(Row { ts: now, values })
    }

    fn timestamp(&mut self) -> Option<Millis> {
        self.at.token()?;
        match self.at.number()? {
            Raw::Long(ts) => Some(ts),
            _ => None,
        }
    }

    /// An object whose members are all values.
    fn values(&mut self, depth: usize) -> Option<Vec<(Key, Value)>> {
        self.open(depth)?;
        if self.at.take(b'}').is_some() {
            return Some(Vec::new());
        }
        let first = self.name()?;
        self.members(first, depth, |_| false)?;
        self.settled()
    }

    fn open(&mut self, depth: usize) -> Option<()> {
        self.at.take(b'{')?;
        (depth <= self.how.rules.max_depth).then_some(())
    }

    /// A member's name and the colon behind it.
    fn name(&mut self) -> Option<&'t str> {
        self.at.token()?;
        let name = self.at.string()?;
        self.at.take(b':')?;
        Some(name)
    }

    /// All members of an object, whose first name has been read, to its end. `special`: names
    /// that are not just values.
    fn members(
        &mut self,
        first: &'t str,
        depth: usize,
        special: impl Fn(&str) -> bool,
    ) -> Option<()> {
        self.seen = 0;
        let mut name = first;
        loop {
            if special(name) {
                return None;
            }
            self.member(name, depth)?;
            if self.at.take(b',').is_none() {
                return self.at.take(b'}');
            }
            name = self.name()?;
        }
    }

    fn member(&mut self, name: &'t str, depth: usize) -> Option<()> {
        self.points += 1;
        if self.points > self.how.rules.max_points {
            return None;
        }
        if !is_plain(name, self.how.rules.max_key) {
            self.how.rules.check_key(name).ok()?;
        }
        let bit = rough(name);
        if self.seen & bit != 0
            && self.members.len() < COMPARED
            && self.members.iter().any(|(earlier, _)| *earlier == name)
        {
            return None;
        }
        self.seen |= bit;
        let room = self.how.rules.max_depth.checked_sub(depth)?;
        let raw = self.at.value(room)?;
        self.members.push((name, raw));
        Some(())
    }

    /// The members that were noted, typed, without the `null`s.
    fn settled(&mut self) -> Option<Vec<(Key, Value)>> {
        let members = &self.members;
        if members.len() > COMPARED {
            let mut seen =
                HashSet::with_capacity_and_hasher(members.len(), ahash::RandomState::new());
            if !members.iter().all(|(name, _)| seen.insert(*name)) {
                return None;
            }
        }
        let mut values = Vec::with_capacity(members.len());
        for (name, raw) in members {
            let key = Key::new(name);
            // Each arm pushes for itself: a value that is put together in one place and moved to
            // another costs more than reading it.
            match *raw {
                Raw::Bool(value) => values.push((key, Value::Bool(value))),
                Raw::Long(number) => values.push((key, Value::Long(number))),
                Raw::Double(number) => values.push((key, Value::Double(number))),
                Raw::Text(characters) => values.push((key, text(characters, self.how))),
                Raw::Json(text) => values.push((key, Value::Json(text.into()))),
                Raw::Spaced(text) => values.push((key, Value::Json(scan::compact(text)))),
                Raw::Null => self.nulls = self.nulls.saturating_add(1),
            }
        }
        self.members.clear();
        Some(values)
    }
}

/// A key that needs no closer look: ASCII, not blank, short, and nothing that opens markup. (Control
/// characters do not get this far.)
fn is_plain(key: &str, longest: usize) -> bool {
    let bytes = key.as_bytes();
    if bytes.is_empty() || bytes.len() > longest {
        return false;
    }
    // Eight at a time; the last eight may overlap those before them.
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().all(|byte| scan::is_visible(*byte));
    };
    let whole = bytes.chunks_exact(8);
    let words = whole.filter_map(|chunk| chunk.first_chunk::<8>());
    words.chain([last]).all(|word| scan::are_visible(*word))
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
