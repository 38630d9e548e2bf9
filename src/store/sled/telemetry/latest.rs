//! The latest value of each key. Those of few keys stand in the series state; those of many on
//! pages by hash of the key, so that a seal writes only the pages it touches.
//!
//! ```text
//!  keys <= 64          series state: [ page 0 ]
//!  keys <= 64 << d     pages (d, 0) ... (d, (1 << d) - 1); series state says d
//! ```

use super::super::tx::Tx;
use super::super::{keys, record, table::Table};
use super::columns::Columns;
use super::rows::Rows;
use super::series::{Latest, SeriesState};
use crate::model::ids::{DeviceId, Origin};
use crate::model::value::{Key, ValueRef};
use crate::model::Millis;
use crate::store::error::StoreError;
use std::collections::BTreeMap;

/// By key; `None` = points without a latest value (it was deleted).
pub type Page = Vec<(Key, Option<Latest>)>;

/// Keys of a page, about.
const KEYS: u32 = 64;
/// Pages are counted in 16 bits.
const MOST_DOUBLINGS: u8 = 16;

/// Latest values of a device while they are changed.
pub struct LatestValues<'a> {
    device: DeviceId,
    state: &'a mut SeriesState,
    /// Those looked at, with whether they have changed. Page 0 of a single page is in `state`.
    pages: BTreeMap<u16, (Page, bool)>,
}

impl<'a> LatestValues<'a> {
    pub fn of(device: DeviceId, state: &'a mut SeriesState) -> Self {
        Self {
            device,
            state,
            pages: BTreeMap::new(),
        }
    }

    /// `None` when the key is not known.
    pub fn get(&mut self, tx: &Tx<'_>, key: &str) -> Result<Option<Option<Latest>>, StoreError> {
        let page = self.page(tx, key)?;
        let found = place(page, key).ok().and_then(|at| page.get(at));
        Ok(found.map(|(_, latest)| latest.clone()))
    }

    pub fn set(
        &mut self,
        tx: &Tx<'_>,
        key: &Key,
        latest: Option<Latest>,
    ) -> Result<(), StoreError> {
        let page = self.page(tx, key)?;
        match place(page, key) {
            Ok(at) => {
                if let Some((_, held)) = page.get_mut(at) {
                    *held = latest;
                }
            }
            Err(at) => {
                page.insert(at, (key.clone(), latest));
                self.state.keys += 1;
            }
        }
        self.touch(key);
        Ok(())
    }

    pub fn remove(&mut self, tx: &Tx<'_>, key: &str) -> Result<(), StoreError> {
        let page = self.page(tx, key)?;
        if let Ok(at) = place(page, key) {
            page.remove(at);
            self.state.keys = self.state.keys.saturating_sub(1);
            self.touch(key);
        }
        Ok(())
    }

    /// Keys that have points and no latest value.
    pub fn without_value(&mut self, tx: &Tx<'_>) -> Result<Vec<Key>, StoreError> {
        let mut found = Vec::new();
        for number in 0..=last_page(self.state.doublings) {
            let page = match self.state.doublings {
                0 => &mut self.state.page,
                _ => self.numbered(tx, number)?,
            };
            let without = page.iter().filter(|(_, latest)| latest.is_none());
            found.extend(without.map(|(key, _)| key.clone()));
        }
        Ok(found)
    }

    /// Takes joined rows' values where they are later: highest (time, origin).
    pub fn take(&mut self, tx: &Tx<'_>, rows: &Columns) -> Result<(), StoreError> {
        self.make_room(tx, rows.columns().len() as u32)?;
        for (key, ts, origin, value) in rows.last() {
            let value = value.into();
            let latest = Latest { ts, origin, value };
            let held = self.get(tx, key)?.flatten();
            if held.is_none_or(|held| !is_later(&held, &latest)) {
                self.set(tx, key, Some(latest))?;
            }
        }
        Ok(())
    }

    /// Writes the pages that have changed. The series state is the caller's to store.
    pub fn store(mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let doublings = self.doublings_for(self.state.keys);
        if doublings > self.state.doublings {
            self.double(tx, doublings)?;
        }
        if self.state.doublings == 0 {
            return Ok(());
        }
        for (number, (page, changed)) in self.pages {
            let key = keys::latest_page(self.device, self.state.doublings, number);
            match changed {
                true if page.is_empty() => tx.remove(key),
                true => tx.put_record(key, &page)?,
                false => {}
            }
        }
        Ok(())
    }

    fn doublings_for(&self, keys: u32) -> u8 {
        let pages = keys.div_ceil(KEYS).max(1).next_power_of_two();
        (pages.trailing_zeros() as u8).min(MOST_DOUBLINGS)
    }

    /// Many new keys at once: no use in gathering them on few pages first.
    fn make_room(&mut self, tx: &Tx<'_>, fresh: u32) -> Result<(), StoreError> {
        if self.state.keys > 0 || self.doublings_for(fresh) == 0 {
            return Ok(());
        }
        self.state.doublings = self.doublings_for(fresh);
        debug_assert!(tx
            .keys(&keys::latest_pages(self.device))
            .is_ok_and(|k| k.is_empty()));
        Ok(())
    }

    /// Deals all keys out to more pages.
    fn double(&mut self, tx: &mut Tx<'_>, doublings: u8) -> Result<(), StoreError> {
        let mut all = std::mem::take(&mut self.state.page);
        if self.state.doublings > 0 {
            for number in 0..=last_page(self.state.doublings) {
                let page = self.numbered(tx, number)?;
                all.append(page);
                tx.remove(keys::latest_page(self.device, self.state.doublings, number));
            }
        }
        self.pages.clear();
        self.state.doublings = doublings;
        all.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, latest) in all {
            let number = number_of(&key, doublings);
            let (page, changed) = self.pages.entry(number).or_default();
            page.push((key, latest));
            *changed = true;
        }
        Ok(())
    }

    /// The page that has or would have the key.
    fn page(&mut self, tx: &Tx<'_>, key: &str) -> Result<&mut Page, StoreError> {
        if self.state.doublings == 0 {
            return Ok(&mut self.state.page);
        }
        self.numbered(tx, number_of(key, self.state.doublings))
    }

    fn numbered(&mut self, tx: &Tx<'_>, number: u16) -> Result<&mut Page, StoreError> {
        use std::collections::btree_map::Entry;
        let place = match self.pages.entry(number) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => {
                let key = keys::latest_page(self.device, self.state.doublings, number);
                let page = tx.get(&key)?.map(|bytes| page_of(tx.table(), &bytes));
                place.insert((page.unwrap_or_default(), false))
            }
        };
        Ok(&mut place.0)
    }

    fn touch(&mut self, key: &str) {
        let number = number_of(key, self.state.doublings);
        if let Some((_, changed)) = self.pages.get_mut(&number) {
            *changed = true;
        }
    }
}

/// What is known of these keys, or of all, by key. Each page is read once.
pub fn read(
    table: &Table,
    device: DeviceId,
    wanted: Option<&[Key]>,
) -> Result<BTreeMap<Key, Option<Latest>>, StoreError> {
    // While we read, pages may double: then all stand elsewhere.
    loop {
        let Some(state) = state_of(table, device)? else {
            return Ok(BTreeMap::new());
        };
        let doublings = state.doublings;
        let found = read_pages(table, device, state, wanted)?;
        let now = state_of(table, device)?;
        if now.is_some_and(|now| now.doublings == doublings) {
            return Ok(found);
        }
    }
}

/// Of a state that is damaged, which has been reported, what can be told without it.
fn state_of(table: &Table, device: DeviceId) -> Result<Option<SeriesState>, StoreError> {
    match SeriesState::load(table, device) {
        Err(StoreError::Damaged(_)) => SeriesState::in_tx(&Tx::new(table), device).map(Some),
        loaded => loaded,
    }
}

/// A damaged one, which is reported and counted, costs its own keys only.
pub fn page_of(table: &Table, bytes: &[u8]) -> Page {
    record::decode("latest values", bytes).unwrap_or_else(|_| {
        table.metrics.damaged_block();
        Page::new()
    })
}

fn read_pages(
    table: &Table,
    device: DeviceId,
    state: SeriesState,
    wanted: Option<&[Key]>,
) -> Result<BTreeMap<Key, Option<Latest>>, StoreError> {
    let doublings = state.doublings;
    let page = |number: u16| -> Result<Page, StoreError> {
        let value = table.get(&keys::latest_page(device, doublings, number))?;
        Ok(value.map_or_else(Page::new, |bytes| page_of(table, &bytes)))
    };
    let Some(wanted) = wanted else {
        let mut found: BTreeMap<_, _> = state.page.into_iter().collect();
        if doublings > 0 {
            for number in 0..=last_page(doublings) {
                found.extend(page(number)?);
            }
        }
        return Ok(found);
    };
    let mut by_page: BTreeMap<u16, Vec<&Key>> = BTreeMap::new();
    for key in wanted {
        let keys = by_page.entry(number_of(key, doublings)).or_default();
        keys.push(key);
    }
    let mut found = BTreeMap::new();
    for (number, keys) in by_page {
        let page = match doublings {
            0 => state.page.clone(),
            _ => page(number)?,
        };
        for key in keys {
            let held = place(&page, key).ok().and_then(|at| page.get(at));
            found.extend(held.cloned());
        }
    }
    Ok(found)
}

/// A value with its time and origin.
type Stamped<'a> = ((Millis, Origin), ValueRef<'a>);

/// The newest value of each key: highest (time, origin), the last among equals.
pub fn newest(rows: &Rows) -> Vec<(Key, Latest)> {
    let mut newest: Vec<Option<Stamped>> = vec![None; rows.keys.len()];
    for row in rows.iter() {
        for (key, value) in row.values() {
            let stamp = (row.ts, row.origin);
            if let Some(place) = newest.get_mut(key as usize) {
                if place.is_none_or(|(held, _)| stamp >= held) {
                    *place = Some((stamp, value));
                }
            }
        }
    }
    named(rows, newest)
}

fn named(rows: &Rows, found: Vec<Option<Stamped<'_>>>) -> Vec<(Key, Latest)> {
    let found = rows.keys.keys().iter().zip(found);
    let latest = |((ts, origin), value): Stamped<'_>| Latest {
        ts,
        origin,
        value: value.into(),
    };
    found
        .filter_map(|(key, found)| Some((key.clone(), latest(found?))))
        .collect()
}

/// Whether what is held stays.
pub fn is_later(held: &Latest, latest: &Latest) -> bool {
    (held.ts, held.origin) > (latest.ts, latest.origin)
}

fn place(page: &Page, key: &str) -> Result<usize, usize> {
    page.binary_search_by(|(held, _)| held.as_str().cmp(key))
}

fn last_page(doublings: u8) -> u16 {
    ((1u32 << doublings) - 1) as u16
}

/// FNV-1a of the key, folded: fixed in the format.
fn number_of(key: &str, doublings: u8) -> u16 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let folded = hash ^ (hash >> 32);
    ((folded ^ (folded >> 16)) & u64::from(last_page(doublings))) as u16
}
