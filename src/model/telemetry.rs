//! Telemetry: rows of values under one timestamp.

use super::value::{Key, Value, ALLOCATION, ENTRY};
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
    pub rows: Vec<Row>,
    /// How many `null` values were skipped: reported as an event, never silently.
    pub nulls_skipped: u32,
}

impl Telemetry {
    /// Bytes of memory that its rows take, beside texts that are too long to stand in them.
    pub fn memory(&self) -> usize {
        self.rows.len() * (size_of::<Row>() + ALLOCATION) + self.points() * ENTRY
    }

    /// Number of points (values) in all rows.
    pub fn points(&self) -> usize {
        self.rows.iter().map(|row| row.values.len()).sum()
    }
}

/// One point of one series as it is read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub ts: Millis,
    pub value: Value,
}
