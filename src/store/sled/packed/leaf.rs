//! A leaf: sorted records of the small tables, many in one value of sled's. sled holds sixteen
//! values on a page whatever their length, and in memory a page costs some hundred bytes for each:
//! so records of thirty bytes belong together.
//!
//! ```text
//!  leaf:   version 1 | record ...
//!  record: bytes shared with the key before | bytes of its own | value's length | own | value
//!          varint                             varint             varint
//! ```
//!
//! The key before the first is where the leaf begins (see `write`).

use super::super::telemetry::codec::{put_varint, Reader};

/// Of the format.
const VERSION: u8 = 1;
/// A leaf that comes to more is split.
pub const LARGEST: usize = 1 << 10;
/// What its parts are filled up to: keys that come in order leave full ones behind.
const FILLED: usize = LARGEST / 4 * 3;
/// A record from here on stands alone: sled's page of sixteen of them must stay small.
pub const ALONE: usize = 2 << 10;

/// It is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// Goes through a leaf.
pub struct Records<'a> {
    rest: Reader<'a>,
    key: Vec<u8>,
}

impl<'a> Records<'a> {
    /// `begin`: where the leaf begins.
    pub fn of(begin: &[u8], leaf: &'a [u8]) -> Result<Self, Damaged> {
        match leaf.split_first() {
            Some((&VERSION, rest)) => Ok(Self {
                rest: Reader(rest),
                key: begin.to_vec(),
            }),
            _ => Err(Damaged),
        }
    }

    /// The next value; its key is in [`Records::key`] then.
    pub fn next(&mut self) -> Result<Option<&'a [u8]>, Damaged> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.record().map(Some).ok_or(Damaged)
    }

    fn record(&mut self) -> Option<&'a [u8]> {
        let shared = self.rest.count(self.key.len())?;
        let own = self.rest.count(self.rest.0.len())?;
        let value = self.rest.count(self.rest.0.len())?;
        self.key.truncate(shared);
        self.key.extend_from_slice(self.rest.take(own)?);
        self.rest.take(value)
    }

    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

/// The value of one key.
pub fn find<'a>(begin: &[u8], leaf: &'a [u8], key: &[u8]) -> Result<Option<&'a [u8]>, Damaged> {
    let mut records = Records::of(begin, leaf)?;
    while let Some(value) = records.next()? {
        match records.key().cmp(key) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Ok(Some(value)),
            std::cmp::Ordering::Greater => break,
        }
    }
    Ok(None)
}

/// A record, by reference: key and value.
pub type Record<'a> = (&'a [u8], &'a [u8]);

/// Keys in order.
pub fn encode(begin: &[u8], records: &[Record<'_>]) -> Vec<u8> {
    let mut out = vec![VERSION];
    let mut before = begin;
    for (key, value) in records {
        let shared = shared(before, key);
        let own = key.get(shared..).unwrap_or_default();
        put_varint(&mut out, shared as u64);
        put_varint(&mut out, own.len() as u64);
        put_varint(&mut out, value.len() as u64);
        out.extend_from_slice(own);
        out.extend_from_slice(value);
        before = key;
    }
    out
}

/// The records as they are to be dealt out, in order: all of them when one leaf can hold them.
pub fn parts<'a, 'r>(begin: &[u8], records: &'r [Record<'a>]) -> Vec<&'r [Record<'a>]> {
    let sizes: Vec<usize> = sizes(begin, records).collect();
    let alone = |size: &usize| *size >= ALONE;
    if sizes.len() < 2 || (sizes.iter().sum::<usize>() <= LARGEST && !sizes.iter().any(alone)) {
        return vec![records];
    }
    let (mut parts, mut from, mut filled) = (Vec::new(), 0, 0);
    for (at, size) in sizes.iter().enumerate() {
        if at > from && (filled + size > FILLED || alone(size)) {
            parts.extend(records.get(from..at));
            (from, filled) = (at, 0);
        }
        filled += size;
    }
    parts.extend(records.get(from..));
    parts
}

/// About what each takes.
fn sizes<'r>(begin: &'r [u8], records: &'r [Record<'_>]) -> impl Iterator<Item = usize> + 'r {
    let before = std::iter::once(begin).chain(records.iter().map(|(key, _)| *key));
    let pairs = records.iter().zip(before);
    pairs.map(|((key, value), before)| key.len() - shared(before, key) + value.len() + 4)
}

fn shared(before: &[u8], key: &[u8]) -> usize {
    let pairs = before.iter().zip(key);
    pairs.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = Vec<(Vec<u8>, Vec<u8>)>;

    fn all(begin: &[u8], leaf: &[u8]) -> Result<Owned, Damaged> {
        let (mut records, mut found) = (Records::of(begin, leaf)?, Vec::new());
        while let Some(value) = records.next()? {
            found.push((records.key().to_vec(), value.to_vec()));
        }
        Ok(found)
    }

    fn records(count: usize) -> Owned {
        let key = |n: usize| format!("partition/{:05}", n * 3).into_bytes();
        let value = |n: usize| vec![n as u8; n % 40];
        (0..count).map(|n| (key(n), value(n))).collect()
    }

    fn borrowed(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<Record<'_>> {
        records.iter().map(|(k, v)| (&**k, &**v)).collect()
    }

    #[test]
    fn records_come_back_as_they_were_and_each_is_found() {
        for count in [0, 1, 2, 30] {
            let records = records(count);
            let leaf = encode(b"part", &borrowed(&records));
            assert_eq!(all(b"part", &leaf).as_ref(), Ok(&records));
            for (key, value) in &records {
                assert_eq!(find(b"part", &leaf, key), Ok(Some(&**value)));
                let behind = [&**key, b"0"].concat();
                assert_eq!(find(b"part", &leaf, &behind), Ok(None));
            }
        }
    }

    #[test]
    fn shared_beginnings_are_written_once() {
        let records = records(30);
        let leaf = encode(b"", &borrowed(&records));
        let values: usize = records.iter().map(|(_, value)| value.len()).sum();
        assert!(leaf.len() < values + 30 * 6, "{} bytes", leaf.len());
    }

    #[test]
    fn a_leaf_cut_or_changed_anywhere_is_damaged_or_other_records_but_never_a_panic() {
        let leaf = encode(b"part", &borrowed(&records(20)));
        for cut in 0..leaf.len() {
            let _ = all(b"part", &leaf[..cut]);
            for change in [1, 0x80, 0xff] {
                let mut changed = leaf.clone();
                changed[cut] ^= change;
                let _ = all(b"part", &changed);
                let _ = find(b"part", &changed, b"partition/00021");
            }
        }
        assert_eq!(all(b"part", &[]), Err(Damaged));
        assert_eq!(all(b"part", &leaf[..leaf.len() - 1]), Err(Damaged));
        assert_eq!(all(b"part", &[2, 0, 0, 0]), Err(Damaged));
    }

    #[test]
    fn many_records_are_dealt_out_in_order_to_leaves_of_a_fair_size() {
        let records = records(500);
        let borrowed = borrowed(&records);
        let parts = parts(b"", &borrowed);
        assert_eq!(parts.concat(), borrowed);
        for (at, part) in parts.iter().enumerate() {
            let leaf = encode(part[0].0, part);
            assert!(leaf.len() <= LARGEST, "part {at}: {} bytes", leaf.len());
            let full = leaf.len() > LARGEST / 2;
            assert!(full || at + 1 == parts.len(), "part {at}: {}", leaf.len());
        }
    }

    #[test]
    fn a_long_record_stands_alone() {
        let mut records = records(9);
        records[4].1 = vec![7; ALONE];
        let borrowed = borrowed(&records);
        let parts = parts(b"", &borrowed);
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [4, 1, 4]);
    }
}
