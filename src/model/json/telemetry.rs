//! Telemetry in any of its shapes (contract/mqtt.md 6):
//!
//! ```text
//! {"t":25.5,"on":true}                          values of now
//! {"ts":1451649600512,"values":{"t":25}}        timed: only if both `ts` and `values` exist
//! [{"t":1},{"ts":1451649600512,"values":{..}}]  either, mixed
//! ```

use super::members::{settle, EntriesSeed, Entry, KeySeed, Place, Reader};
use super::read::{read, strict, Failure};
use super::value::{string, Conversion};
use super::{number, quick, Rules};
use crate::model::device::ProfileOptions;
use crate::model::packed::Packer;
use crate::model::reject::{Reason, Rejection};
use crate::model::telemetry::{Row, Telemetry};
use crate::model::Millis;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Telemetry in any of its shapes. `now`: the receive time for rows without `ts`. Rows that are
/// left without a value are not kept; `{}` and `[]` are fine and hold nothing. What stands beside
/// `ts` and `values` in a timed row is ignored.
///
/// # Errors
/// `BadJson`, `BadShape`, `TooDeep`, `TooLarge` (points), `BadKey`, `BadValue`, `BadTimestamp`.
pub fn telemetry(
    body: &[u8],
    now: Millis,
    rules: &Rules,
    profile: ProfileOptions,
) -> Result<Telemetry, Rejection> {
    let how = Conversion {
        rules,
        cast: profile.cast_numeric_strings,
    };
    read(body, rules, |text| match quick::telemetry(text, now, how) {
        Some(telemetry) => Ok(telemetry),
        None => message(text, now, how),
    })
}

pub(super) fn message(text: &str, now: Millis, how: Conversion<'_>) -> Result<Telemetry, Failure> {
    let reader = Reader::new(how);
    let shape = || match reader.place.get() {
        Place {
            element: None,
            values: false,
        } => "expected an object, or an array of objects".to_string(),
        place => format!("{place}: expected an object"),
    };
    let rows = if text.trim_ascii_start().starts_with('[') {
        let seed = RowsSeed {
            reader: &reader,
            now,
        };
        strict(text, seed, &reader.stopped, shape)?
    } else {
        let seed = RowSeed {
            reader: &reader,
            depth: 1,
            now,
        };
        let mut all = All::default();
        all.add(strict(text, seed, &reader.stopped, shape)?);
        all
    };
    Ok(rows.telemetry())
}

/// Rows so far, and how many nulls they held.
#[derive(Default)]
struct All {
    rows: Packer,
    nulls: u32,
}

impl All {
    fn add(&mut self, (row, nulls): (Row, u32)) {
        self.nulls = self.nulls.saturating_add(nulls);
        if !row.values.is_empty() {
            self.rows.put_row(&row);
        }
    }

    fn telemetry(mut self) -> Telemetry {
        Telemetry {
            rows: self.rows.finish(),
            nulls_skipped: self.nulls,
        }
    }
}

/// An array of rows.
struct RowsSeed<'a, 'r> {
    reader: &'a Reader<'r>,
    now: Millis,
}

impl<'de> DeserializeSeed<'de> for RowsSeed<'_, '_> {
    type Value = All;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<All, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_, '_> {
    type Value = All;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<All, A::Error> {
        let mut all = All::default();
        for index in 0.. {
            self.reader.place.set(Place {
                element: Some(index),
                values: false,
            });
            let seed = RowSeed {
                reader: self.reader,
                depth: 2,
                now: self.now,
            };
            let Some(row) = seq.next_element_seed(seed)? else {
                break;
            };
            all.add(row);
        }
        Ok(all)
    }
}

/// One row, plain or timed, and how many nulls it held.
struct RowSeed<'a, 'r> {
    reader: &'a Reader<'r>,
    depth: usize,
    now: Millis,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = (Row, u32);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(Row, u32), D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// What `values` was: its order relative to `ts` decides when it can be understood.
enum Values<'de> {
    Absent,
    /// Came before `ts`: perhaps an ordinary key.
    Raw(&'de str),
    /// Came after `ts`: certainly the timed form.
    Read(Vec<Entry>),
}

impl<'de> Visitor<'de> for RowSeed<'_, '_> {
    type Value = (Row, u32);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(Row, u32), A::Error> {
        let reader = self.reader;
        reader.enter(self.depth).map_err(|no| reader.stop(no))?;
        let mut plain = Vec::new();
        let (mut ts, mut values) = (None, Values::Absent);
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key.as_str() {
                "ts" => ts = Some(map.next_value::<&RawValue>()?.get()),
                "values" if ts.is_some() => {
                    self.inside_values(true);
                    values = Values::Read(map.next_value_seed(self.values_seed())?);
                    self.inside_values(false);
                }
                "values" => values = Values::Raw(map.next_value::<&RawValue>()?.get()),
                _ => {
                    let raw: &RawValue = map.next_value()?;
                    let entry = reader.entry(key, raw.get(), self.depth);
                    plain.push(entry.map_err(|no| reader.stop(no))?);
                }
            }
        }
        let row = self.row(ts, values, plain);
        row.map_err(|no| reader.stop(no))
    }
}

impl<'a, 'r> RowSeed<'a, 'r> {
    fn values_seed(&self) -> EntriesSeed<'a, 'r> {
        EntriesSeed {
            reader: self.reader,
            depth: self.depth + 1,
        }
    }

    fn inside_values(&self, inside: bool) {
        let place = self.reader.place.get();
        self.reader.place.set(Place {
            values: inside,
            ..place
        });
    }

    /// Decides between the plain and the timed form, now that all members are known.
    fn row(
        &self,
        ts: Option<&str>,
        values: Values<'_>,
        mut plain: Vec<Entry>,
    ) -> Result<(Row, u32), Rejection> {
        let lone = match (ts, values) {
            (Some(ts), Values::Read(entries)) => return self.timed(ts, entries),
            (Some(ts), Values::Raw(raw)) => return self.timed(ts, self.late_values(raw)?),
            (Some(ts), Values::Absent) => Some(("ts", ts)),
            (None, Values::Raw(raw)) => Some(("values", raw)),
            (None, _) => None,
        };
        if let Some((key, raw)) = lone {
            plain.push(self.reader.entry(key.into(), raw, self.depth)?);
        }
        let (values, nulls) = settle(plain);
        let ts = self.now;
        Ok((Row { ts, values }, nulls))
    }

    fn timed(&self, ts: &str, entries: Vec<Entry>) -> Result<(Row, u32), Rejection> {
        let ts = timestamp(ts).ok_or_else(|| {
            let rejection = Rejection::new(
                Reason::BadTimestamp,
                "not a whole number of milliseconds in 64 bits",
            );
            self.reader.located(Some("ts"), rejection)
        })?;
        let (values, nulls) = settle(entries);
        Ok((Row { ts, values }, nulls))
    }

    /// `values` that came before `ts`.
    fn late_values(&self, raw: &str) -> Result<Vec<Entry>, Rejection> {
        self.inside_values(true);
        let stopped = &self.reader.stopped;
        let shape = || format!("{}: expected an object", self.reader.place.get());
        let entries = strict(raw, self.values_seed(), stopped, shape);
        self.inside_values(false);
        entries.map_err(|failure| match failure {
            Failure::Syntax(rejection) | Failure::Refused(rejection) => rejection,
        })
    }
}

/// A number, or a string of digits, of epoch milliseconds.
fn timestamp(raw: &str) -> Option<Millis> {
    if !raw.starts_with('"') {
        return number::integer(raw);
    }
    let text = string(raw).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(&text);
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}
