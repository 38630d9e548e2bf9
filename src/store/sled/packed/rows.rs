//! Reading small records in the order of their keys, forwards or backwards, a few leaves at a time.
//! What is gathered lies over them: both are looked at under one lock, so that a record on its way
//! from the one to the other is seen. While this goes on, others write between two looks.

use super::super::keys;
use super::super::long;
use super::super::table::{failed, let_go, Bytes, Table};
use super::leaf::{Damaged, Records};
use super::write::{begin_of, leaf_of};
use crate::store::error::StoreError;
use sled::IVec;
use std::collections::BTreeMap;
use std::ops::{Bound, Range};

type Result<T> = std::result::Result<T, StoreError>;

/// Leaves of the first look, and the most of a later one.
const FIRST: usize = 2;
const MOST: usize = 32;

/// A value as it is held.
pub enum Held {
    /// Perhaps only the record that stands for a long one.
    Stored(IVec),
    Whole(IVec),
}

type Found = BTreeMap<Vec<u8>, Held>;

/// The records of a range, by key.
pub struct Rows<'a> {
    table: &'a Table,
    /// What is left of the range. `None` = to the end.
    range: (Vec<u8>, Option<Vec<u8>>),
    backwards: bool,
    leaves: usize,
    done: bool,
    found: std::collections::btree_map::IntoIter<Vec<u8>, Held>,
}

impl Table {
    /// Records of the small tables whose keys are in the range, in order.
    pub fn rows(&self, range: Range<Vec<u8>>) -> Rows<'_> {
        self.rows_of((range.start, Some(range.end)))
    }

    /// All with this prefix.
    pub fn rows_with(&self, prefix: &[u8]) -> Rows<'_> {
        self.rows_of((prefix.to_vec(), keys::behind(prefix)))
    }

    fn rows_of(&self, range: (Vec<u8>, Option<Vec<u8>>)) -> Rows<'_> {
        Rows {
            table: self,
            range,
            backwards: false,
            leaves: FIRST,
            done: false,
            found: Found::new().into_iter(),
        }
    }
}

impl<'a> Rows<'a> {
    /// From the last to the first.
    pub fn backwards(self) -> Self {
        Self {
            backwards: true,
            ..self
        }
    }

    /// Without their values.
    pub fn keys(mut self) -> impl Iterator<Item = Result<Vec<u8>>> + use<'a> {
        std::iter::from_fn(move || self.next_held().map(|row| row.map(|(key, _)| key)))
    }

    fn next_held(&mut self) -> Option<Result<(Vec<u8>, Held)>> {
        loop {
            let next = match self.backwards {
                true => self.found.next_back(),
                false => self.found.next(),
            };
            if let Some(row) = next {
                return Some(Ok(row));
            }
            if self.done {
                return None;
            }
            let looked = match self.backwards {
                true => self.look_back(),
                false => self.look_ahead(),
            };
            match looked {
                Ok(found) => self.found = found.into_iter(),
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
            self.leaves = (self.leaves * 4).min(MOST);
        }
    }

    fn look_ahead(&mut self) -> Result<Found> {
        let gathered = self.table.gathered.read();
        let tree = self.table.tree();
        let (from, to) = &self.range;
        let first = leaf_of(&tree, from)?.map_or_else(|| [keys::LEAF][..].into(), |(name, _)| name);
        let mut leaves = tree.range(first..IVec::from(&[keys::LEAF + 1]));
        let mut next = leaves.next().transpose().map_err(failed)?;
        let mut found = Found::new();
        // Where what was looked at ends.
        let mut end = to.clone();
        let mut looked = 0;
        while let Some((name, bytes)) = next {
            next = leaves.next().transpose().map_err(failed)?;
            let behind = next.as_ref().map(|(name, _)| begin_of(name));
            let inside = |key: &[u8]| {
                key >= &**from
                    && to.as_deref().is_none_or(|to| key < to)
                    && behind.is_none_or(|behind| key < behind)
            };
            self.table.collect(&name, &bytes, inside, &mut found);
            let Some(behind) = behind else { break };
            if behind <= &**from {
                // The leaf has been split into many since it was looked for.
                continue;
            }
            looked += 1;
            if self.leaves > FIRST {
                let_go(&tree, &name)?;
            }
            if to.as_deref().is_some_and(|to| behind >= to) {
                break;
            }
            if looked == self.leaves {
                end = Some(behind.to_vec());
                break;
            }
        }
        self.done = end == *to;
        lay_over(&gathered, from, end.as_deref(), &mut found);
        drop(gathered);
        if let (false, Some(end)) = (self.done, end) {
            self.range.0 = end;
        }
        Ok(found)
    }

    /// Each leaf is looked for anew: one that was split behind a walk down would be passed by.
    fn look_back(&mut self) -> Result<Found> {
        let gathered = self.table.gathered.read();
        let tree = self.table.tree();
        let (from, to) = &self.range;
        let mut found = Found::new();
        // Where what was looked at begins.
        let mut begin = to.clone();
        for _ in 0..self.leaves {
            let below = begin
                .as_deref()
                .map_or_else(|| vec![keys::LEAF + 1], keys::leaf);
            let leaf = tree.range(vec![keys::LEAF]..below).next_back();
            let Some((name, bytes)) = leaf.transpose().map_err(failed)? else {
                begin = Some(from.clone());
                break;
            };
            let inside =
                |key: &[u8]| key >= &**from && begin.as_deref().is_none_or(|end| key < end);
            self.table.collect(&name, &bytes, inside, &mut found);
            begin = Some(begin_of(&name).max(from).to_vec());
            if begin_of(&name) <= &**from {
                break;
            }
        }
        let begin = begin.unwrap_or_default();
        self.done = begin == *from;
        lay_over(&gathered, &begin, to.as_deref(), &mut found);
        drop(gathered);
        self.range.1 = Some(begin);
        Ok(found)
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<(Vec<u8>, Bytes)>;

    /// Long values are put together.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (key, held) = match self.next_held()? {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            };
            match held {
                Held::Whole(value) => return Some(Ok((key, value))),
                Held::Stored(value) if long::header(&value).is_none() => {
                    return Some(Ok((key, value)));
                }
                // `None`: removed in the meantime.
                Held::Stored(_) => match self.table.get(&key) {
                    Ok(Some(value)) => return Some(Ok((key, value))),
                    Ok(None) => {}
                    Err(error) => return Some(Err(error)),
                },
            }
        }
    }
}

fn lay_over(gathered: &super::Gathered, from: &[u8], to: Option<&[u8]>, found: &mut Found) {
    let end = to.map_or(Bound::Unbounded, Bound::Excluded);
    if to.is_some_and(|to| to <= from) {
        return;
    }
    let whole = |value: &[u8]| Held::Whole(value.into());
    gathered.lay_over((Bound::Included(from), end), found, whole);
}

impl Table {
    /// A damaged leaf is reported and counted, and left out from where it is damaged.
    fn collect(&self, name: &[u8], leaf: &[u8], inside: impl Fn(&[u8]) -> bool, found: &mut Found) {
        let mut records = match Records::of(begin_of(name), leaf) {
            Ok(records) => records,
            Err(Damaged) => return self.report_leaf(),
        };
        loop {
            match records.next() {
                Ok(Some(value)) if inside(records.key()) => {
                    found.insert(records.key().to_vec(), Held::Stored(value.into()));
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(Damaged) => return self.report_leaf(),
            }
        }
    }
}
