//! A batch as the log holds it: `postcard(Batch)`, byte for byte.
//!
//! Points, which nearly every batch is made of, come in this form already (`model::packed`). All else is
//! postcard's, which asks for each field whether there is room.

use crate::model::packed::{put_bytes, put_number};
use crate::store::batch::{Batch, Change};

/// Which variant of `Change` points are. The order of variants is the format (`store::batch`).
const TELEMETRY: u8 = 0;

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
                out.extend_from_slice(rows.bytes());
            }
            other => postcard::serialize_with_flavor(other, Appended(out))?,
        }
    }
    Ok(())
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
pub(super) fn expected(batch: &Batch) -> usize {
    let change = |change: &Change| match change {
        Change::Telemetry { rows, .. } => 40 + rows.bytes().len(),
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
    use crate::model::telemetry::Row;
    use crate::model::value::Value;
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
