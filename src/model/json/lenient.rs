//! JSON5 habits of old devices, `{temperature:25}` and 'single quotes', as strict JSON
//! (contract/mqtt.md 6, last point; design.md 4 "Wire").
//!
//! The json5 crate descends once per nesting level, so the depth is bounded before it sees
//! anything. It hands out numbers, not their text: here an exponent form becomes a DOUBLE, and so
//! does a whole number outside 64 bits.

use super::rules::Rules;
use super::write::{write_string, write_value};
use crate::model::reject::{Reason, Rejection};
use crate::model::value::Value;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write};

/// Deeper than this the json5 crate is never let, whatever the rules say.
const DEEPEST: usize = 128;

/// Longer text is not tried, in bytes: the habits are those of small devices, and the json5 crate
/// finds the line of an error anew for each nesting level.
const LONGEST: usize = 64 << 10;

/// JSON5 text as strict JSON; `Ok(None)` when it is no JSON5 either, or too long to try.
///
/// # Errors
/// `TooDeep`, and `BadValue` for NaN and infinities.
pub(super) fn to_strict(text: &str, rules: &Rules) -> Result<Option<String>, Rejection> {
    if text.len() > LONGEST {
        return Ok(None);
    }
    if deepest(text) > rules.max_depth.min(DEEPEST) {
        return Err(rules.too_deep());
    }
    match json5::from_str::<Strict>(text) {
        Ok(strict) if strict.endless => Err(Rejection::new(
            Reason::BadValue,
            "NaN and Infinity are no values",
        )),
        Ok(strict) => Ok(Some(strict.text)),
        Err(_) => Ok(None),
    }
}

/// How deep brackets nest, skipping strings and comments as JSON5 has them. Never less than what
/// the parser will descend before it finds an error.
fn deepest(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            '}' | ']' => depth = depth.saturating_sub(1),
            '"' | '\'' => skip_string(&mut chars, c),
            '/' if chars.next_if_eq(&'/').is_some() => {
                let ends = ['\n', '\r', '\u{2028}', '\u{2029}'];
                chars.by_ref().find(|c| ends.contains(c));
            }
            '/' if chars.next_if_eq(&'*').is_some() => {
                while let Some(c) = chars.next() {
                    if c == '*' && chars.next_if_eq(&'/').is_some() {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

fn skip_string(chars: &mut impl Iterator<Item = char>, quote: char) {
    while let Some(c) = chars.next() {
        if c == quote {
            return;
        }
        if c == '\\' {
            chars.next();
        }
    }
}

/// A document on its way from JSON5 to strict JSON.
#[derive(Default)]
struct Strict {
    text: String,
    /// It held NaN or an infinity.
    endless: bool,
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut strict = Strict::default();
        Copier(&mut strict).deserialize(deserializer)?;
        Ok(strict)
    }
}

/// Writes down one value.
struct Copier<'a>(&'a mut Strict);

impl<'de> DeserializeSeed<'de> for Copier<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copier<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.text.push_str("null");
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        write_value(&Value::Bool(value), &mut self.0.text);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        write_value(&Value::Long(value), &mut self.0.text);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        write!(self.0.text, "{value}").map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.endless |= !value.is_finite();
        write_value(&Value::Double(value), &mut self.0.text);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        write_string(value, &mut self.0.text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.text.push('[');
        let mut first = true;
        loop {
            let end = self.0.text.len();
            if !first {
                self.0.text.push(',');
            }
            first = false;
            if seq.next_element_seed(Copier(self.0))?.is_none() {
                self.0.text.truncate(end);
                break;
            }
        }
        self.0.text.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.text.push('{');
        let mut first = true;
        while let Some(key) = map.next_key::<String>()? {
            if !first {
                self.0.text.push(',');
            }
            first = false;
            write_string(&key, &mut self.0.text);
            self.0.text.push(':');
            map.next_value_seed(Copier(self.0))?;
        }
        self.0.text.push('}');
        Ok(())
    }
}
