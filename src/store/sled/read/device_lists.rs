//! Lists of devices: ids from an index that has the asked order, or from one walk over the device
//! table; only the page's devices are decoded into memory.
//!
//! A walk over many devices takes a good part of a second, so it runs aside.

use super::super::apply::forms::Form;
use super::super::engine::Engine;
use super::super::{keys, record, SledStore};
use crate::model::device::{Device, Profile};
use crate::model::ids::{DeviceId, ProfileId};
use crate::model::query::{Page, PageRequest, SortBy};
use crate::store::error::StoreError;
use crate::store::paging;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, StoreError>;

/// Entries of an index that are walked over at once, without a thread.
const FEW: usize = 2_000;

impl SledStore {
    pub(super) async fn list(
        &self,
        page: &PageRequest,
        profile: Option<ProfileId>,
    ) -> Result<Page<Device>> {
        let skip = page.page.saturating_mul(page.size);
        let (ids, total) = match index_of(page, profile) {
            Some(index) => {
                let total: Option<i64> = self.read("count", &keys::device_count(profile))?;
                let total = usize::try_from(total.unwrap_or(0)).unwrap_or(usize::MAX);
                let (descending, size) = (page.descending, page.size);
                let ids = match skip < total {
                    false => Vec::new(),
                    true if skip.saturating_add(size) <= FEW => {
                        by_index(self.engine(), &index, descending, skip, size)?
                    }
                    true => {
                        let walk =
                            move |engine: &Engine| by_index(engine, &index, descending, skip, size);
                        self.aside(walk).await?
                    }
                };
                (ids, total)
            }
            None => {
                let ids = self.list_ids(page, profile).await?;
                let total = ids.len();
                (ids.into_iter().skip(skip).take(page.size).collect(), total)
            }
        };
        let mut rows = Vec::new();
        for id in ids {
            rows.extend(self.read::<Device>("device", &keys::device(id))?);
        }
        Ok(Page { rows, total })
    }

    pub(super) async fn list_ids(
        &self,
        page: &PageRequest,
        profile: Option<ProfileId>,
    ) -> Result<Vec<DeviceId>> {
        let page = page.clone();
        self.aside(move |engine| match index_of(&page, profile) {
            Some(index) => by_index(engine, &index, page.descending, 0, usize::MAX),
            None => by_walk(engine, &page, profile),
        })
        .await
    }
}

/// The index that has the asked devices in the asked order; `None` for text search, and for the
/// orders that no index has.
fn index_of(page: &PageRequest, profile: Option<ProfileId>) -> Option<keys::KeyBytes> {
    match (page.sort, profile) {
        _ if paging::needle(page).is_some() => None,
        (SortBy::CreatedTime, None) => Some(keys::all_by_age()),
        (SortBy::CreatedTime, Some(profile)) => Some(keys::all_by_profile(profile)),
        (SortBy::Name, None) => Some(keys::all_by_name()),
        _ => None,
    }
}

fn by_index(
    engine: &Engine,
    index: &[u8],
    descending: bool,
    skip: usize,
    size: usize,
) -> Result<Vec<DeviceId>> {
    let rows = engine.table.rows_with(index);
    let rows = match descending {
        true => rows.backwards(),
        false => rows,
    };
    let mut ids = Vec::new();
    for key in rows.keys().skip(skip).take(size) {
        ids.extend(keys::trailing_id(&key?).map(DeviceId));
    }
    Ok(ids)
}

/// One walk over all devices; what is kept of those that fit is what they are sorted by.
fn by_walk(
    engine: &Engine,
    page: &PageRequest,
    profile: Option<ProfileId>,
) -> Result<Vec<DeviceId>> {
    let types = match page.sort {
        SortBy::Type => types(engine)?,
        _ => BTreeMap::new(),
    };
    let text = paging::needle(page);
    let mut found = Vec::new();
    for prefix in keys::all_devices() {
        for row in engine.table.scan(&prefix) {
            let device: Device = record::decode("device", &row?.1)?;
            let fits = profile.is_none_or(|profile| device.profile == profile);
            if fits && paging::is_wanted(&device, text.as_deref()) {
                let key = paging::sort_key(&device, page.sort, |id| types.get(&id).cloned());
                found.push((key, device.created, device.id));
            }
        }
    }
    found.sort_unstable();
    if page.descending {
        found.reverse();
    }
    Ok(found.into_iter().map(|(_, _, id)| id).collect())
}

fn types(engine: &Engine) -> Result<BTreeMap<ProfileId, String>> {
    let rows = engine.table.scan(&keys::profiles());
    rows.map(|row| {
        let profile: Profile = Profile::decode(&row?.1)?;
        Ok((profile.id, profile.name))
    })
    .collect()
}
