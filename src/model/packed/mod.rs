//! Rows of values in flat memory, as the log holds them: what a message brought is one piece of memory
//! from its payload to the disk, and no key or value is an allocation of its own.
//!
//! ```text
//!  row:    time, signed varint | number of values, varint | value ...
//!  value:  key: length, varint, and bytes | variant of `Value`, a byte |
//!          bool: a byte; long: signed varint; double: 8 bytes le; text, JSON: length, varint, and bytes
//! ```
//! Byte for byte postcard's form of each [`Row`], one behind the other.

mod pack;
mod unpack;

pub use pack::{put_bytes, put_number, Packer};
pub use unpack::{same, text, Piece, Unpacking};

use super::telemetry::Row;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// Which variant of `Value` a value is. Their order is the format (`model::value`).
const BOOL: u8 = 0;
const LONG: u8 = 1;
const DOUBLE: u8 = 2;
const TEXT: u8 = 3;
const JSON: u8 = 4;

/// Rows in the order in which they were sent. Equal where their rows are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PackedRows {
    bytes: Box<[u8]>,
    rows: u32,
    points: u32,
}

impl PackedRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Number of values in all rows.
    pub fn points(&self) -> usize {
        self.points as usize
    }

    /// The rows as the log holds them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn read(&self) -> Unpacking<'_> {
        Unpacking::of(&self.bytes)
    }

    /// The rows one by one, each with memory of its own.
    pub fn iter(&self) -> impl Iterator<Item = Row> + '_ {
        let mut rest = self.read();
        (0..self.rows).map_while(move |_| {
            let (ts, count) = rest.row()?;
            let values = (0..count).map_while(|_| {
                let (key, value) = rest.value()?;
                Some((text(key).into(), value.into()))
            });
            let values = values.collect();
            Some(Row { ts, values })
        })
    }
}

impl fmt::Debug for PackedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<Row> for PackedRows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let mut packer = Packer::default();
        rows.into_iter().for_each(|row| packer.put_row(&row));
        packer.finish()
    }
}

impl From<Vec<Row>> for PackedRows {
    fn from(rows: Vec<Row>) -> Self {
        rows.into_iter().collect()
    }
}

/// As a list of [`Row`].
impl Serialize for PackedRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<Row> = self.iter().collect();
        rows.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PackedRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Listed)
    }
}

struct Listed;

impl<'de> Visitor<'de> for Listed {
    type Value = PackedRows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<PackedRows, A::Error> {
        let mut packer = Packer::default();
        while let Some(row) = rows.next_element::<Row>()? {
            packer.put_row(&row);
        }
        Ok(packer.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::{Value, ValueRef};
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Long),
            any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
            ".{0,200}".prop_map(|text| Value::Text(text.into())),
            ".{0,40}".prop_map(|text| Value::Json(text.into())),
        ]
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let values = prop::collection::vec((".{0,40}", value()), 0..6).prop_map(|values| {
            let keyed = values.into_iter();
            keyed.map(|(key, value)| (key.into(), value)).collect()
        });
        let row = (any::<i64>(), values).prop_map(|(ts, values)| Row { ts, values });
        prop::collection::vec(row, 0..5)
    }

    proptest! {
        #[test]
        fn packed_rows_are_what_postcard_writes_and_come_back_as_they_were(rows in rows()) {
            let packed = PackedRows::from(rows.clone());
            let mut theirs = Vec::new();
            for row in &rows {
                theirs.extend(postcard::to_stdvec(row).unwrap());
            }
            prop_assert_eq!(packed.bytes(), theirs);
            let points = rows.iter().map(|row| row.values.len()).sum::<usize>();
            prop_assert_eq!((packed.len(), packed.points()), (rows.len(), points));
            prop_assert_eq!(&packed.iter().collect::<Vec<Row>>(), &rows);
            let listed = postcard::to_stdvec(&rows).unwrap();
            prop_assert_eq!(&postcard::to_stdvec(&packed).unwrap(), &listed);
            prop_assert_eq!(postcard::from_bytes::<PackedRows>(&listed).unwrap(), packed);
        }

        #[test]
        fn whatever_the_bytes_are_taking_them_apart_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let packed = PackedRows { bytes: bytes.into(), rows: u32::MAX, points: 0 };
            prop_assert!(packed.iter().count() <= 200);
        }
    }

    #[test]
    fn a_row_of_very_many_values_is_counted_in_as_many_bytes_as_it_takes() {
        for count in [127, 128, 129, 20_000] {
            let row = |ts| Row {
                ts,
                values: (0..count)
                    .map(|n| (format!("k{n}").into(), Value::Long(n)))
                    .collect(),
            };
            let rows = vec![row(1), row(2)];
            let packed = PackedRows::from(rows.clone());
            let listed = postcard::to_stdvec(&rows).unwrap();
            assert_eq!(&listed[1..], packed.bytes());
            assert_eq!(packed.iter().collect::<Vec<_>>(), rows);
        }
    }

    #[test]
    fn a_row_that_is_taken_back_leaves_nothing() {
        let mut packer = Packer::default();
        let row = |ts| Row {
            ts,
            values: vec![("a".into(), Value::Long(ts))],
        };
        packer.put_row(&row(1));
        packer.begin(2);
        packer.put("gone", ValueRef::Bool(true));
        packer.forget();
        packer.put_row(&row(3));
        assert_eq!(packer.finish(), PackedRows::from(vec![row(1), row(3)]));
        assert_eq!(packer.finish(), PackedRows::default());
    }
}
