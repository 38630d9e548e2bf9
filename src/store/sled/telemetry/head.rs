//! A device's points that are not sealed yet, encoded row after row as they arrived.
//!
//! ```text
//!  row:  ts - previous ts | epoch - previous | sequence - previous | values | value ...
//!        signed varint      signed varint      signed varint         varint
//!  value:  key number varint | tag u8 | bytes
//! ```
//! About a tenth of what the rows take as values: 100,000 devices have an open head each.

use super::codec::{self, Reader};
use super::{Dictionary, Rows, StoredRow};
use crate::model::ids::{Epoch, Origin};
use crate::model::telemetry::Row;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::traits::LogSequence;
use std::time::Instant;

pub struct Head {
    keys: Dictionary,
    encoded: Vec<u8>,
    last: (Millis, Origin),
    /// Sequence of the first change in it: the journal is needed from there on.
    pub first: LogSequence,
    /// Sequence of the last change in it.
    pub through: LogSequence,
    pub since: Instant,
}

impl Head {
    pub fn new(first: LogSequence) -> Self {
        Self {
            keys: Dictionary::default(),
            encoded: Vec::new(),
            last: (0, Origin::default()),
            first,
            through: first,
            since: Instant::now(),
        }
    }

    /// Bytes of memory it takes, about.
    pub fn weight(&self) -> usize {
        let keys = std::mem::size_of_val(self.keys.keys());
        std::mem::size_of::<Self>() + 64 + keys + self.encoded.capacity()
    }

    /// Bytes of its rows.
    pub fn encoded_bytes(&self) -> usize {
        self.encoded.len()
    }

    pub fn push(&mut self, sequence: LogSequence, origin: Origin, rows: &[Row]) {
        self.through = sequence;
        for row in rows {
            let (last_ts, last) = self.last;
            let out = &mut self.encoded;
            codec::put_signed(out, row.ts.wrapping_sub(last_ts));
            codec::put_signed(out, origin.epoch.0.wrapping_sub(last.epoch.0) as i64);
            codec::put_signed(out, origin.sequence.wrapping_sub(last.sequence) as i64);
            codec::put_varint(out, row.values.len() as u64);
            for (key, value) in &row.values {
                codec::put_varint(&mut self.encoded, u64::from(self.keys.number(key)));
                self.encoded.push(codec::tag(value));
                codec::put_value(&mut self.encoded, value);
            }
            self.last = (row.ts, origin);
        }
    }

    pub fn keys(&self) -> &[Key] {
        self.keys.keys()
    }

    /// Its rows as they arrived.
    pub fn rows(&self) -> Rows {
        let mut rows = Vec::new();
        self.visit(|row| rows.push(row));
        Rows {
            keys: self.keys.clone(),
            rows,
        }
    }

    /// Points of one key as they arrived.
    pub fn series(&self, key: &str) -> Vec<(Millis, Origin, Value)> {
        let mut found = Vec::new();
        let Some(number) = self.keys.find(key) else {
            return found;
        };
        self.visit(|row| {
            let mut values = row.values.into_iter().rev();
            if let Some((_, value)) = values.find(|(key, _)| *key == number) {
                found.push((row.ts, row.origin, value));
            }
        });
        found
    }

    fn visit(&self, mut visitor: impl FnMut(StoredRow)) {
        let mut reader = Reader(&self.encoded);
        let mut last = (0, Origin::default());
        while let Some(row) = read_row(&mut reader, last) {
            last = (row.ts, row.origin);
            visitor(row);
        }
        debug_assert!(reader.is_empty(), "a head reads what it wrote");
    }
}

fn read_row(reader: &mut Reader<'_>, last: (Millis, Origin)) -> Option<StoredRow> {
    if reader.is_empty() {
        return None;
    }
    let (last_ts, last) = last;
    let ts = last_ts.wrapping_add(reader.signed()?);
    let epoch = last.epoch.0.wrapping_add(reader.signed()? as u64);
    let sequence = last.sequence.wrapping_add(reader.signed()? as u64);
    let count = reader.count(reader.0.len())?;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let key = u32::try_from(reader.varint()?).ok()?;
        let tag = reader.byte()?;
        values.push((key, reader.value(tag)?));
    }
    let origin = Origin {
        epoch: Epoch(epoch),
        sequence,
    };
    Some(StoredRow { ts, origin, values })
}
