//! Devices, credentials, profiles, one by one; lists stand in `device_lists`.

use super::super::apply::forms::Form;
use super::super::{keys, record, SledStore};
use crate::model::credentials::Credentials;
use crate::model::device::{Device, Profile};
use crate::model::ids::{CredentialsId, DeviceId, ProfileId};
use crate::model::query::{Page, PageRequest};
use crate::store::error::StoreError;
use crate::store::traits::DeviceStore;
use async_trait::async_trait;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl DeviceStore for SledStore {
    fn directory_version(&self) -> Option<u64> {
        Some(self.engine().directory_version())
    }

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
        self.list(page, profile).await
    }

    async fn device_ids(
        &self,
        page: &PageRequest,
        profile: Option<ProfileId>,
    ) -> Result<Vec<DeviceId>> {
        self.list_ids(page, profile).await
    }

    async fn credentials(&self, device: DeviceId) -> Result<Option<Credentials>> {
        self.read_form(&keys::credentials(device))
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
        self.read_form(&keys::profile(id))
    }

    async fn profiles(&self) -> Result<Vec<Profile>> {
        let rows = self.engine().table.scan(&keys::profiles());
        rows.map(|row| Profile::decode(&row?.1)).collect()
    }
}

impl SledStore {
    /// One record, decoded.
    pub(in crate::store::sled) fn read<T: serde::de::DeserializeOwned>(
        &self,
        table: &str,
        key: &[u8],
    ) -> Result<Option<T>> {
        let value = self.engine().table.get(key)?;
        value.map(|value| record::decode(table, &value)).transpose()
    }

    /// One record that has older forms, decoded.
    pub(in crate::store::sled) fn read_form<T: Form>(&self, key: &[u8]) -> Result<Option<T>> {
        let value = self.engine().table.get(key)?;
        value.map(|value| T::decode(&value)).transpose()
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
