//! One member's raw text to its typed value (contract/data-model.md 2).

use super::number;
use super::rules::Rules;
use crate::model::reject::{Reason, Rejection};
use crate::model::value::Value;
use compact_str::CompactString;
use std::borrow::Cow;

/// What to do with values: the payload rules and the profile's options, put together.
#[derive(Clone, Copy)]
pub(super) struct Conversion<'r> {
    pub rules: &'r Rules,
    /// Numeric strings become numbers.
    pub cast: bool,
}

/// The typed value of strict JSON text; `None` for `null`. `depth`: how deep its parent is.
pub(super) fn typed(
    raw: &str,
    depth: usize,
    how: Conversion<'_>,
) -> Result<Option<Value>, Rejection> {
    Ok(Some(match raw.as_bytes().first() {
        Some(b'n') => return Ok(None),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'"') => text(&string(raw)?, how),
        Some(b'{' | b'[') => Value::Json(compact(raw, depth, how.rules)?),
        _ => number::typed(raw).ok_or_else(|| {
            Rejection::new(Reason::BadValue, "the number is too large for any type")
        })?,
    }))
}

/// A string's value.
pub(super) fn text(text: &str, how: Conversion<'_>) -> Value {
    let cast = if how.cast { number::cast(text) } else { None };
    cast.unwrap_or_else(|| Value::Text(CompactString::new(text)))
}

/// The characters of a JSON string's text, quotes included in `raw`.
pub(super) fn string(raw: &str) -> Result<Cow<'_, str>, Rejection> {
    let inner = raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        // No escapes: the raw text is the string (control characters were refused before).
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => serde_json::from_str(raw).map(Cow::Owned).map_err(|_| {
            Rejection::new(
                Reason::BadJson,
                "the string holds an escape that is no character",
            )
        }),
    }
}

/// The text without white space between its tokens; order, numbers and strings stay as sent.
/// `depth`: how deep its parent is.
pub(super) fn compact(raw: &str, depth: usize, rules: &Rules) -> Result<Box<str>, Rejection> {
    let bytes = raw.as_bytes();
    let mut out = String::with_capacity(raw.len());
    let (mut depth, mut from, mut at) = (depth, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at)?,
            b' ' | b'\t' | b'\r' | b'\n' => {
                out.push_str(raw.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > rules.max_depth {
                    return Err(rules.too_deep());
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    out.push_str(raw.get(from..).unwrap_or_default());
    Ok(out.into_boxed_str())
}

/// Index of the quote that ends the string which begins at `start`. serde_json has checked the
/// string's grammar, but not that its `\u` escapes make characters.
fn string_end(bytes: &[u8], start: usize) -> Result<usize, Rejection> {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') | None => return Ok(at),
            Some(b'\\') if bytes.get(at + 1) == Some(&b'u') => at += unicode_escape(bytes, at)?,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// Length of the `\uXXXX` (or surrogate pair) at `at`.
fn unicode_escape(bytes: &[u8], at: usize) -> Result<usize, Rejection> {
    let unit = |at: usize| -> Option<u32> {
        let escape = std::str::from_utf8(bytes.get(at..at + 6)?).ok()?;
        u32::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()
    };
    match (unit(at), unit(at + 6)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => Ok(12),
        (Some(0xD800..=0xDFFF) | None, _) => Err(Rejection::new(
            Reason::BadJson,
            "a string holds an escape that is no character",
        )),
        (Some(_), _) => Ok(6),
    }
}
