//! What devices send, row by row of the contract, and what hostile peers send.

mod conversion;
mod hostile;
mod lenient;
mod properties;
mod quick;
mod requests;
mod shapes;
mod written;

use super::*;
use crate::model::device::ProfileOptions;
use crate::model::reject::{Reason, Rejection};
use crate::model::telemetry::Telemetry;
use crate::model::value::{Key, Value};

const NOW: i64 = 1_700_000_000_000;
const PLAIN: ProfileOptions = ProfileOptions {
    ack_malformed: false,
    cast_numeric_strings: false,
};
const CAST: ProfileOptions = ProfileOptions {
    ack_malformed: false,
    cast_numeric_strings: true,
};

fn rules() -> Rules {
    Rules {
        max_depth: 32,
        max_key: 255,
        max_points: 1000,
        lenient: true,
    }
}

fn strict_rules() -> Rules {
    Rules {
        lenient: false,
        ..rules()
    }
}

fn read(body: impl AsRef<[u8]>) -> Result<Telemetry, Rejection> {
    telemetry(body.as_ref(), NOW, &rules(), PLAIN)
}

/// Rows as (ts, entries), for comparing at a glance.
fn rows(body: &str) -> Vec<(i64, Vec<(Key, Value)>)> {
    let telemetry = read(body).unwrap_or_else(|no| panic!("{body}: {no}"));
    let rows = telemetry.rows.iter();
    rows.map(|row| (row.ts, row.values)).collect()
}

fn refused(body: impl AsRef<[u8]>) -> (Reason, String) {
    match read(body.as_ref()) {
        Err(no) => (no.reason, no.detail.into_owned()),
        Ok(telemetry) => panic!(
            "{} gave {telemetry:?}",
            String::from_utf8_lossy(body.as_ref())
        ),
    }
}

fn long(value: i64) -> Value {
    Value::Long(value)
}

fn double(value: f64) -> Value {
    Value::Double(value)
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn json(value: &str) -> Value {
    Value::Json(value.into())
}

fn entry(key: &str, value: Value) -> (Key, Value) {
    (key.into(), value)
}
