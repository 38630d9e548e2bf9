//! Attributes as a device posts them: one object; `ts` and `values` are plain keys here
//! (contract/mqtt.md 7).

use super::members::{settle, EntriesSeed, Reader};
use super::quick;
use super::read::{read, strict, Failure};
use super::value::Conversion;
use super::Rules;
use crate::model::device::ProfileOptions;
use crate::model::reject::Rejection;
use crate::model::value::{Key, Value};

/// An object of attributes; returns the entries and how many `null`s were skipped.
///
/// # Errors
/// `BadJson`, `BadShape` (no object), `TooDeep`, `TooLarge` (points), `BadKey`, `BadValue`.
pub fn attributes(
    body: &[u8],
    rules: &Rules,
    profile: ProfileOptions,
) -> Result<(Vec<(Key, Value)>, u32), Rejection> {
    let how = Conversion {
        rules,
        cast: profile.cast_numeric_strings,
    };
    read(body, rules, |text| match quick::attributes(text, how) {
        Some(entries) => Ok(entries),
        None => object(text, how),
    })
}

pub(super) fn object(text: &str, how: Conversion<'_>) -> Result<(Vec<(Key, Value)>, u32), Failure> {
    let reader = Reader::new(how);
    let seed = EntriesSeed {
        reader: &reader,
        depth: 1,
    };
    let shape = || "expected an object".to_string();
    Ok(settle(strict(text, seed, &reader.stopped, shape)?))
}
