//! Telemetry: rows of values under one timestamp.

use super::packed::PackedRows;
use super::value::{Key, Value, ALLOCATION};
use super::Millis;
use serde::{Deserialize, Serialize};

/// Values that share one timestamp: one element of a telemetry message. No key stands twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub ts: Millis,
    pub values: Vec<(Key, Value)>,
}

/// One telemetry message, already typed. Rows keep the order in which they were sent.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Telemetry {
    pub rows: PackedRows,
    /// How many `null` values were skipped: reported as an event, never silently.
    pub nulls_skipped: u32,
}

impl Telemetry {
    /// Bytes of memory that its rows take.
    pub fn memory(&self) -> usize {
        self.rows.bytes().len() + ALLOCATION
    }

    /// Number of points (values) in all rows.
    pub fn points(&self) -> usize {
        self.rows.points()
    }
}

/// One point of one series as it is read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub ts: Millis,
    pub value: Value,
}
