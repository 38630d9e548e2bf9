//! Cuts changes into batches that the log takes (1 MiB encoded, design.md 7.6).

use crate::model::telemetry::Row;
use crate::model::uplink::Uplink;
use crate::model::value::{Key, Value};
use crate::store::Change;

/// Aim of a batch: well below the log's limit, since sizes here are estimates from above.
const BATCH: usize = 512 * 1024;
/// A value above this is refused at the door.
pub const MAX_VALUE: usize = 900 * 1024;

/// Encoded size of one value with its key, at most.
pub fn entry_size(key: &Key, value: &Value) -> usize {
    let payload = match value {
        Value::Bool(_) => 1,
        Value::Long(_) => 10,
        Value::Double(_) => 8,
        Value::Text(text) => text.len() + 5,
        Value::Json(text) => text.len() + 5,
    };
    key.len() + payload + 6
}

/// The first value that no batch can hold.
pub fn oversized<'a>(entries: impl IntoIterator<Item = &'a (Key, Value)>) -> Option<&'a Key> {
    let mut entries = entries.into_iter();
    // Keys are short: only what has a length of its own can be that long.
    let grows = |value: &Value| matches!(value, Value::Text(_) | Value::Json(_));
    entries
        .find(|(key, value)| grows(value) && entry_size(key, value) > MAX_VALUE)
        .map(|(key, _)| key)
}

/// The size in the log, at most, of uplinks that change nothing but points, few enough for one batch.
pub fn plain(uplinks: &[Uplink]) -> Option<usize> {
    let mut sum = 0;
    for uplink in uplinks {
        sum += match uplink {
            Uplink::Telemetry(telemetry) => 64 + telemetry.rows.bytes().len(),
            Uplink::Activity | Uplink::Refused(_) | Uplink::RpcCall { .. } => 0,
            _ => return None,
        };
    }
    (sum <= BATCH / 2).then_some(sum)
}

/// The changes in their order, in as few batches as they fit; a large one is cut.
pub fn batches(changes: Vec<Change>) -> Vec<Vec<Change>> {
    // Nearly always: nothing is cut, and nothing moves.
    if changes.iter().map(size).sum::<usize>() <= BATCH {
        return if changes.is_empty() {
            Vec::new()
        } else {
            vec![changes]
        };
    }
    let mut out = Vec::new();
    let mut batch = Vec::new();
    let mut filled = 0;
    for change in changes.into_iter().flat_map(cut) {
        let size = size(&change);
        if filled + size > BATCH && !batch.is_empty() {
            out.push(std::mem::take(&mut batch));
            filled = 0;
        }
        filled += size;
        batch.push(change);
    }
    if !batch.is_empty() {
        out.push(batch);
    }
    out
}

fn row_size(row: &Row) -> usize {
    16 + row
        .values
        .iter()
        .map(|(key, value)| entry_size(key, value))
        .sum::<usize>()
}

/// An estimate from above for what grows; a flat allowance for the rest.
pub fn size(change: &Change) -> usize {
    let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
    match change {
        Change::Telemetry { rows, .. } => 64 + rows.bytes().len(),
        Change::AttributesPut { entries, .. } => {
            let sizes = entries.iter().map(|(key, value)| entry_size(key, value));
            64 + sizes.sum::<usize>()
        }
        Change::RpcPut(record) => {
            let order = &record.order;
            256 + order.method.len()
                + order.params.len()
                + text(&order.additional_info)
                + text(&record.response)
        }
        Change::SessionPut { session, .. } => {
            256 + session.inflight.len() + session.subscriptions.wire.len()
        }
        _ => 4096,
    }
}

fn cut(change: Change) -> Vec<Change> {
    if size(&change) <= BATCH {
        return vec![change];
    }
    match change {
        Change::Telemetry {
            device,
            origin,
            rows,
        } => {
            let rows = rows.iter().flat_map(cut_row).collect();
            pack(rows, row_size)
                .into_iter()
                .map(|rows| Change::Telemetry {
                    device,
                    origin,
                    rows: rows.into(),
                })
                .collect()
        }
        Change::AttributesPut {
            device,
            scope,
            at,
            entries,
        } => pack(entries, |(key, value)| entry_size(key, value))
            .into_iter()
            .map(|entries| Change::AttributesPut {
                device,
                scope,
                at,
                entries,
            })
            .collect(),
        other => vec![other],
    }
}

fn cut_row(row: Row) -> Vec<Row> {
    if row_size(&row) <= BATCH {
        return vec![row];
    }
    let ts = row.ts;
    pack(row.values, |(key, value)| entry_size(key, value))
        .into_iter()
        .map(|values| Row { ts, values })
        .collect()
}

fn pack<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut out: Vec<Vec<T>> = Vec::new();
    let mut room = 0;
    for item in items {
        let needed = size(&item);
        match out.last_mut() {
            Some(last) if needed <= room => last.push(item),
            _ => {
                room = BATCH;
                out.push(vec![item]);
            }
        }
        room = room.saturating_sub(needed);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{DeviceId, Origin};
    use crate::store::Batch;

    fn telemetry(device: DeviceId, rows: Vec<Row>) -> Change {
        Change::Telemetry {
            device,
            origin: Origin::default(),
            rows: rows.into(),
        }
    }

    #[test]
    fn a_message_of_any_size_becomes_batches_that_the_log_takes_and_nothing_is_lost() {
        let device = DeviceId::new();
        let long = Value::Text("x".repeat(300 * 1024).into());
        let wide = Row {
            ts: 1,
            values: (0..5)
                .map(|n| (Key::from(format!("k{n}")), long.clone()))
                .collect(),
        };
        let many = (0..60_000).map(|n| Row {
            ts: n,
            values: vec![(Key::from("temperature"), Value::Double(n as f64))],
        });
        let rows: Vec<Row> = std::iter::once(wide).chain(many).collect();
        let points: usize = rows.iter().map(|row| row.values.len()).sum();
        let cut = batches(vec![telemetry(device, rows)]);
        assert!(cut.len() > 2);
        let mut seen = 0;
        for changes in cut {
            for change in &changes {
                if let Change::Telemetry { rows, .. } = change {
                    seen += rows.points();
                }
            }
            let encoded = postcard::to_stdvec(&Batch::of_device(device, changes)).unwrap();
            assert!(encoded.len() < 1 << 20, "{}", encoded.len());
        }
        assert_eq!(seen, points);
    }

    #[test]
    fn small_changes_share_one_batch_in_their_order() {
        let device = DeviceId::new();
        let row = |ts| Row {
            ts,
            values: vec![(Key::from("a"), Value::Long(ts))],
        };
        let changes: Vec<Change> = (0..50).map(|ts| telemetry(device, vec![row(ts)])).collect();
        assert_eq!(batches(changes.clone()), vec![changes]);
    }
}
