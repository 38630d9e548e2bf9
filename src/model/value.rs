//! Typed values (contract/data-model.md 1): a value keeps the type it was sent with.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// A telemetry or attribute key: case-sensitive, not blank, at most 255 characters.
pub type Key = CompactString;

/// Bytes of memory of one value with its key, beside texts that are too long to stand in them.
pub const ENTRY: usize = size_of::<(Key, Value)>();
/// What an allocation costs beyond its bytes: the allocator's own word and its rounding.
pub const ALLOCATION: usize = 16;

/// One typed value. The order of variants is part of the on-disk format (append only).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    Bool(bool),
    Long(i64),
    /// Always finite: NaN and infinities are refused at the edge.
    Double(f64),
    Text(CompactString),
    /// Text of a JSON object or array: compact, key order kept.
    Json(Box<str>),
}

impl PartialEq for Value {
    /// Bit for bit: `-0.0` differs from `0.0`, so a changed sign is a changed value.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Long(a), Value::Long(b)) => a == b,
            (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Json(a), Value::Json(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// A value that is looked at where it stands.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    Bool(bool),
    Long(i64),
    Double(f64),
    Text(&'a str),
    Json(&'a str),
}

impl Value {
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Bool(value) => ValueRef::Bool(*value),
            Value::Long(number) => ValueRef::Long(*number),
            Value::Double(number) => ValueRef::Double(*number),
            Value::Text(text) => ValueRef::Text(text),
            Value::Json(text) => ValueRef::Json(text),
        }
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Bool(value) => Value::Bool(value),
            ValueRef::Long(number) => Value::Long(number),
            ValueRef::Double(number) => Value::Double(number),
            ValueRef::Text(text) => Value::Text(text.into()),
            ValueRef::Json(text) => Value::Json(text.into()),
        }
    }
}
