//! A batch as the log holds it: `postcard(Batch)`, byte for byte.
//!
//! Points, which nearly every batch is made of, are written by hand; a serializer asks for each
//! of their fields whether there is room, and takes three times as long. All else is postcard's.

use crate::model::telemetry::Row;
use crate::model::value::Value;
use crate::store::batch::{Batch, Change};

/// Which variant of `Change` points are, and which one of `Value` a value is. The order of variants is
/// the format (`store::batch`, `model::value`).
const TELEMETRY: u8 = 0;
const BOOL: u8 = 0;
const LONG: u8 = 1;
const DOUBLE: u8 = 2;
const TEXT: u8 = 3;
const JSON: u8 = 4;

/// The longest varint of 64 bits.
const VARINT: usize = 10;

/// Appends the batch. Errors: postcard's.
pub(super) fn put(batch: &Batch, out: &mut Vec<u8>) -> postcard::Result<()> {
    out.reserve(expected(batch));
    out.push(batch.partition.0);
    put_number(out, batch.changes.len() as u64);
    for change in &batch.changes {
        match change {
            Change::Telemetry {
                device,
                origin,
                rows,
            } => {
                let id = device.0.as_bytes();
                out.push(TELEMETRY);
                put_bytes(out, id);
                put_number(out, origin.epoch.0);
                put_number(out, origin.sequence);
                put_number(out, rows.len() as u64);
                rows.iter().for_each(|row| put_row(out, row));
            }
            other => postcard::serialize_with_flavor(other, Appended(out))?,
        }
    }
    Ok(())
}

fn put_row(out: &mut Vec<u8>, row: &Row) {
    put_signed(out, row.ts);
    put_number(out, row.values.len() as u64);
    for (key, value) in &row.values {
        put_bytes(out, key.as_bytes());
        match value {
            Value::Bool(value) => out.extend_from_slice(&[BOOL, u8::from(*value)]),
            Value::Long(number) => {
                out.push(LONG);
                put_signed(out, *number);
            }
            Value::Double(number) => {
                let [a, b, c, d, e, f, g, h] = number.to_bits().to_le_bytes();
                out.extend_from_slice(&[DOUBLE, a, b, c, d, e, f, g, h]);
            }
            Value::Text(text) => {
                out.push(TEXT);
                put_bytes(out, text.as_bytes());
            }
            Value::Json(text) => {
                out.push(JSON);
                put_bytes(out, text.as_bytes());
            }
        }
    }
}

/// Seven bits a byte, lowest first, the top bit set on all but the last.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    if number < 0x80 {
        return out.push(number as u8);
    }
    let mut bytes = [0; VARINT];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        if number < 0x80 {
            *byte = number as u8;
            break;
        }
        *byte = number as u8 | 0x80;
        number >>= 7;
    }
    out.extend_from_slice(bytes.get(..length).unwrap_or_default());
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)) as u64);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// postcard's output behind what a buffer holds already. Its own flavor for that goes byte by byte.
struct Appended<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Appended<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// About how many bytes a batch takes: enough for short keys and numbers, so that its payload seldom
/// grows, and little more.
fn expected(batch: &Batch) -> usize {
    let change = |change: &Change| match change {
        Change::Telemetry { rows, .. } => {
            let values: usize = rows.iter().map(|row| row.values.len()).sum();
            40 + 10 * rows.len() + 20 * values
        }
        Change::AttributesPut { entries, .. } => 40 + 20 * entries.len(),
        _ => 64,
    };
    8 + batch.changes.iter().map(change).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attributes::Scope;
    use crate::model::ids::{DeviceId, Epoch, Origin};
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

    fn change() -> impl Strategy<Value = Change> {
        let row = (
            any::<i64>(),
            prop::collection::vec((".{0,40}", value()), 0..6),
        );
        let rows = prop::collection::vec(row, 0..4);
        (
            any::<u128>(),
            any::<u64>(),
            any::<u64>(),
            rows,
            any::<bool>(),
        )
            .prop_map(|(id, epoch, sequence, rows, other)| {
                let device = DeviceId(uuid::Uuid::from_u128(id));
                let pairs = |values: Vec<(String, Value)>| {
                    values
                        .into_iter()
                        .map(|(key, value)| (key.into(), value))
                        .collect()
                };
                if other {
                    return Change::AttributesPut {
                        device,
                        scope: Scope::Client,
                        at: 0,
                        entries: rows
                            .into_iter()
                            .flat_map(|(_, values)| pairs(values))
                            .collect::<Vec<_>>(),
                    };
                }
                Change::Telemetry {
                    device,
                    origin: Origin {
                        epoch: Epoch(epoch),
                        sequence,
                    },
                    rows: rows
                        .into_iter()
                        .map(|(ts, values)| Row {
                            ts,
                            values: pairs(values),
                        })
                        .collect(),
                }
            })
    }

    proptest! {
        #[test]
        fn what_is_written_by_hand_is_what_postcard_writes(changes in prop::collection::vec(change(), 0..5)) {
            let device = DeviceId(uuid::Uuid::from_u128(7));
            let batch = Batch::of_device(device, changes);
            let mut ours = b"before".to_vec();
            put(&batch, &mut ours).unwrap();
            let mut theirs = b"before".to_vec();
            theirs.extend(postcard::to_stdvec(&batch).unwrap());
            prop_assert_eq!(ours, theirs);
        }
    }
}
