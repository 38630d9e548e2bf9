//! Numbers: their spelling decides their type (contract/data-model.md 2).
//!
//! Ours differs from ThingsBoard in one row: decimals of any length stay DOUBLE.

use crate::model::value::Value;
use compact_str::CompactString;

/// The typed value of a JSON number's text (its grammar has been checked before).
/// `None`: no type can hold it (`1e400`).
pub(super) fn typed(text: &str) -> Option<Value> {
    match text.find(['.', 'e', 'E']) {
        None => Some(whole(text)),
        Some(_) if text.contains(['e', 'E']) => exponent(text),
        Some(_) => double(text),
    }
}

/// A whole number: LONG, or STRING of its digits when it is outside i64.
fn whole(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) => Value::Long(number),
        Err(_) => Value::Text(CompactString::new(text)),
    }
}

fn double(text: &str) -> Option<Value> {
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(Value::Double(number))
}

/// Exponent form: an integral value is a LONG (or STRING of plain digits), all else a DOUBLE.
fn exponent(text: &str) -> Option<Value> {
    let (mantissa, power) = text.split_once(['e', 'E'])?;
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (int, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{int}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some(Value::Long(0));
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let zeros = clamped(power)
        .saturating_sub(length(fraction))
        .saturating_add(length_of(trailing));
    if zeros < 0 {
        return double(text);
    }
    // Also bounds the plain digits to the 309 that a finite double has.
    double(text)?;
    let zeros = "0".repeat(usize::try_from(zeros).ok()?);
    Some(whole(&format!("{sign}{significant}{zeros}")))
}

/// An exponent; one that does not even fit i64 is as good as the largest.
fn clamped(power: &str) -> i64 {
    power.parse().unwrap_or(if power.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    })
}

fn length(text: &str) -> i64 {
    length_of(text.len())
}

fn length_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A whole number of milliseconds in any spelling of JSON: `5`, `5e3`, `5.0`.
pub(super) fn integer(text: &str) -> Option<i64> {
    match typed(text)? {
        Value::Long(number) => Some(number),
        // Below 2^53 a double counts whole numbers exactly.
        Value::Double(number)
            if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 =>
        {
            #[allow(clippy::cast_possible_truncation)]
            Some(number as i64)
        }
        _ => None,
    }
}

/// ThingsBoard's cast of numeric strings, when a profile wants it: an optional `-`, digits, at
/// most one dot that is not the last character (and not right after the minus).
pub(super) fn cast(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (int, fraction) = match digits.split_once('.') {
        Some((int, fraction)) => (int, Some(fraction)),
        None => (digits, None),
    };
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match fraction {
        None if !int.is_empty() && plain(int) => Some(whole(text)),
        Some(fraction) if fraction.is_empty() || !plain(int) || !plain(fraction) => None,
        Some(_) if int.is_empty() && text.starts_with('-') => None,
        Some(_) => double(text),
        None => None,
    }
}
