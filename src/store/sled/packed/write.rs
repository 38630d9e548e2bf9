//! Changes of small records worked into leaves. A leaf holds all records from where it begins, which
//! its key says, to where the next one begins; the first begins at nothing.
//!
//! A record never comes to stand in a leaf before its own, but for one that is empty and goes: so
//! whoever reads leaves in order misses nothing while they are split.

use super::super::keys;
use super::super::long;
use super::super::table::{failed, Table};
use super::leaf::{self, Records};
use crate::store::error::StoreError;
use sled::{IVec, Tree};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, StoreError>;
/// As sled is to have them; `None` = to be removed.
pub type Stored = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The leaf that has or would have the key: where it begins, and its bytes.
pub fn leaf_of(tree: &Tree, key: &[u8]) -> Result<Option<(IVec, IVec)>> {
    let found = tree
        .range(&[keys::LEAF][..]..=&*keys::leaf(key))
        .next_back();
    found.transpose().map_err(failed)
}

/// Where the leaf begins whose key this is.
pub fn begin_of(leaf: &[u8]) -> &[u8] {
    leaf.get(1..).unwrap_or_default()
}

impl Table {
    /// What sled is to be told so that its leaves have the changes (whole values; `None` = removed).
    /// With the lock for writing held.
    pub(in super::super) fn leaves_of(
        &self,
        tree: &Tree,
        changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    ) -> Result<Stored> {
        let mut stored = Stored::new();
        let mut changes = changes.into_iter().peekable();
        while let Some((key, _)) = changes.peek() {
            let leaf = leaf_of(tree, key)?;
            let name = leaf.as_ref().map_or(&[keys::LEAF][..], |(name, _)| name);
            let end = next_leaf(tree, name)?;
            let begin = begin_of(name);
            let mut records = match &leaf {
                Some((_, bytes)) => self.records(begin, bytes),
                None => BTreeMap::new(),
            };
            let inside = |key: &[u8]| end.as_deref().is_none_or(|end| key < begin_of(end));
            while let Some((key, value)) = changes.next_if(|(key, _)| inside(key)) {
                let old = records.remove(&key);
                let chunks = value.map(|value| long::cut(&key, value, &mut stored));
                let kept = chunks.as_ref().map_or(0, |(_, chunks)| *chunks);
                long::remove_chunks(&key, old.as_deref(), kept, &mut stored);
                if let Some((value, _)) = chunks {
                    records.insert(key, value.into());
                }
            }
            deal_out(begin, &records, leaf.is_some(), &mut stored);
        }
        Ok(stored)
    }

    /// A damaged leaf is reported and counted; what it held is lost, and the log goes on.
    fn records(&self, begin: &[u8], leaf: &[u8]) -> BTreeMap<Vec<u8>, IVec> {
        let (mut found, mut sound) = (BTreeMap::new(), false);
        if let Ok(mut records) = Records::of(begin, leaf) {
            sound = loop {
                match records.next() {
                    Ok(Some(value)) => found.insert(records.key().to_vec(), value.into()),
                    Ok(None) => break true,
                    Err(leaf::Damaged) => break false,
                };
            };
        }
        if !sound {
            self.report_leaf();
        }
        found
    }

    pub(in super::super) fn report_leaf(&self) {
        tracing::error!("a leaf of the tables is damaged; its records are left out");
        self.metrics.damaged_block();
    }
}

fn next_leaf(tree: &Tree, leaf: &[u8]) -> Result<Option<IVec>> {
    let next = tree.get_gt(leaf).map_err(failed)?.map(|(name, _)| name);
    Ok(next.filter(|name| name.first() == Some(&keys::LEAF)))
}

/// Into the leaf that begins here, and others behind it should it not hold them all.
fn deal_out(begin: &[u8], records: &BTreeMap<Vec<u8>, IVec>, is_there: bool, stored: &mut Stored) {
    if records.is_empty() {
        if is_there {
            stored.push((keys::leaf(begin), None));
        }
        return;
    }
    let records: Vec<leaf::Record<'_>> = records.iter().map(|(k, v)| (&**k, &**v)).collect();
    for (number, part) in leaf::parts(begin, &records).into_iter().enumerate() {
        let own = part.first().map_or(begin, |(key, _)| key);
        let begin = if number == 0 { begin } else { own };
        stored.push((keys::leaf(begin), Some(leaf::encode(begin, part))));
    }
}
