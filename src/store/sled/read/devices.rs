//! Devices, credentials, profiles; lists that decode no more than the page they give.

use super::super::{keys, record, table::failed, SledStore};
use crate::model::credentials::Credentials;
use crate::model::device::{Device, Profile};
use crate::model::ids::{CredentialsId, DeviceId, ProfileId};
use crate::model::query::{Page, PageRequest, SortBy};
use crate::store::error::StoreError;
use crate::store::paging;
use crate::store::traits::DeviceStore;
use async_trait::async_trait;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl DeviceStore for SledStore {
    async fn device(&self, id: DeviceId) -> Result<Option<Device>> {
        self.read("device", &keys::device(id))
    }

    async fn device_by_name(&self, name: &str) -> Result<Option<Device>> {
        match self.read("index", &keys::device_by_name(name))? {
            Some(id) => self.device(id).await,
            None => Ok(None),
        }
    }

    async fn devices(
        &self,
        page: &PageRequest,
        profile: Option<ProfileId>,
    ) -> Result<Page<Device>> {
        let searched = page.text.as_deref().is_some_and(|text| !text.is_empty());
        let index = match (page.sort, profile) {
            _ if searched => None,
            (SortBy::CreatedTime, None) => Some(keys::all_by_age()),
            (SortBy::CreatedTime, Some(profile)) => Some(keys::all_by_profile(profile)),
            (SortBy::Name, None) => Some(keys::all_by_name()),
            _ => None,
        };
        match index {
            Some(index) => self.page_by_index(&index, page, profile),
            None => self.page_by_scan(page, profile),
        }
    }

    async fn credentials(&self, device: DeviceId) -> Result<Option<Credentials>> {
        self.read("credentials", &keys::credentials(device))
    }

    async fn credentials_by_id(&self, id: CredentialsId) -> Result<Option<Credentials>> {
        match self.read("index", &keys::credentials_id(id))? {
            Some(device) => self.credentials(device).await,
            None => Ok(None),
        }
    }

    async fn credentials_by_lookup(&self, lookup: &str) -> Result<Option<Credentials>> {
        match self.read("index", &keys::lookup(lookup))? {
            Some(device) => self.credentials(device).await,
            None => Ok(None),
        }
    }

    async fn profile(&self, id: ProfileId) -> Result<Option<Profile>> {
        self.read("profile", &keys::profile(id))
    }

    async fn profiles(&self) -> Result<Vec<Profile>> {
        self.read_all("profile", &keys::profiles())
    }
}

impl SledStore {
    /// Walks an index that has the asked order already, as far as the page; decodes the page's
    /// devices only.
    fn page_by_index(
        &self,
        index: &[u8],
        page: &PageRequest,
        profile: Option<ProfileId>,
    ) -> Result<Page<Device>> {
        let total: Option<i64> = self.read("count", &keys::device_count(profile))?;
        let total = usize::try_from(total.unwrap_or(0)).unwrap_or(usize::MAX);
        let skip = page.page.saturating_mul(page.size);
        let mut rows = Vec::new();
        if skip >= total {
            return Ok(Page { rows, total });
        }
        let keys = self.engine().table.tree.scan_prefix(index).keys();
        let keys: Box<dyn Iterator<Item = _> + '_> = match page.descending {
            true => Box::new(keys.rev()),
            false => Box::new(keys),
        };
        for key in keys.skip(skip).take(page.size) {
            if let Some(id) = keys::trailing_id(&key.map_err(failed)?) {
                rows.extend(self.read::<Device>("device", &keys::device(DeviceId(id)))?);
            }
        }
        Ok(Page { rows, total })
    }

    /// Text search, and the orders that no index has.
    fn page_by_scan(&self, page: &PageRequest, profile: Option<ProfileId>) -> Result<Page<Device>> {
        let index = profile.map_or_else(keys::all_by_age, keys::all_by_profile);
        let mut devices = Vec::new();
        for key in self.engine().table.tree.scan_prefix(index).keys() {
            if let Some(id) = keys::trailing_id(&key.map_err(failed)?) {
                devices.extend(self.read::<Device>("device", &keys::device(DeviceId(id)))?);
            }
        }
        let mut types = BTreeMap::new();
        if page.sort == SortBy::Type {
            let profiles: Vec<Profile> = self.read_all("profile", &keys::profiles())?;
            types.extend(
                profiles
                    .into_iter()
                    .map(|profile| (profile.id, profile.name)),
            );
        }
        let type_of = |id: ProfileId| types.get(&id).cloned();
        Ok(paging::page_of_devices(devices, type_of, page))
    }

    /// One record, decoded.
    pub(in crate::store::sled) fn read<T: serde::de::DeserializeOwned>(
        &self,
        table: &str,
        key: &[u8],
    ) -> Result<Option<T>> {
        let value = self.engine().table.get(key)?;
        value.map(|value| record::decode(table, &value)).transpose()
    }

    /// All records with this prefix, decoded.
    pub(in crate::store::sled) fn read_all<T: serde::de::DeserializeOwned>(
        &self,
        table: &str,
        prefix: &[u8],
    ) -> Result<Vec<T>> {
        let rows = self.engine().table.scan(prefix);
        rows.map(|row| record::decode(table, &row?.1)).collect()
    }
}
