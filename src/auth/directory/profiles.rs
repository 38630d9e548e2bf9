//! Device profiles (contract/provisioning.md 2): a device's `type` is its profile's name. Runs
//! under the directory's lock, reads excepted.

use super::orders::{ProfileChoice, ProfileOrder};
use super::{names, DirectoryError, Inner, Result};
use crate::auth::certificates::authority;
use crate::model::device::{Profile, ProfileOptions};
use crate::model::ids::ProfileId;
use crate::model::query::{PageRequest, SortBy};
use crate::store::{Batch, Change, StoreError};

impl Inner {
    pub(super) async fn default_profile(&self) -> Result<Profile> {
        let profiles = self.store.profiles().await?;
        let default = profiles.into_iter().find(|profile| profile.default);
        default.ok_or_else(|| StoreError::Damaged("no default device profile".into()).into())
    }

    /// The profile a device gets; `present` is what it has. Makes the one named by `type` when
    /// there is none.
    pub(super) async fn profile_for(
        &self,
        choice: &ProfileChoice,
        present: Option<ProfileId>,
    ) -> Result<Profile> {
        let name = choice.type_name.as_deref().unwrap_or_default();
        match (choice.id, present) {
            (Some(id), _) => self.referenced(id).await,
            (None, Some(id)) if name.trim().is_empty() => self.referenced(id).await,
            (None, None) if name.trim().is_empty() => self.default_profile().await,
            (None, _) => match self.profile_named(name).await? {
                Some(profile) => Ok(profile),
                None => {
                    let order = ProfileOrder {
                        name: name.to_owned(),
                        ..ProfileOrder::default()
                    };
                    self.save_profile(None, order).await
                }
            },
        }
    }

    pub(super) async fn save_profile(
        &self,
        id: Option<ProfileId>,
        order: ProfileOrder,
    ) -> Result<Profile> {
        if order.name.trim().is_empty() {
            return Err(DirectoryError::ProfileNameMissing);
        }
        if !names::fits(&order.name) {
            return Err(DirectoryError::ProfileNameTooLong);
        }
        let present = match id {
            Some(id) => {
                let found = self.store.profile(id).await?;
                found.ok_or(DirectoryError::ProfileNotFound(id))?
            }
            None => self.blank_profile(),
        };
        let stale = |read| read != present.version;
        if id.is_some() && order.version.is_some_and(stale) {
            return Err(DirectoryError::VersionConflict);
        }
        let holder = self.profile_named(&order.name).await?;
        if holder.is_some_and(|holder| holder.id != present.id) {
            return Err(DirectoryError::ProfileNameTaken);
        }
        let mut wanted = Profile {
            name: order.name,
            description: order.description,
            options: order.options,
            retention: order.retention,
            rates: order.rates,
            chain: order.chain.map(authority::check).transpose()?,
            ..present.clone()
        };
        if wanted != present {
            wanted.version = present.version + 1;
            self.put_profiles(vec![wanted.clone()]).await?;
        }
        Ok(wanted)
    }

    pub(super) async fn set_default_profile(&self, id: ProfileId) -> Result<Profile> {
        let profiles = self.store.profiles().await?;
        let chosen = profiles.iter().find(|profile| profile.id == id);
        let mut chosen = chosen.ok_or(DirectoryError::ProfileNotFound(id))?.clone();
        let others = profiles
            .into_iter()
            .filter(|one| one.default && one.id != id);
        let mut changed: Vec<Profile> = others.map(|one| with_default(one, false)).collect();
        if !chosen.default {
            chosen = with_default(chosen, true);
            changed.push(chosen.clone());
        }
        self.put_profiles(changed).await?;
        Ok(chosen)
    }

    /// Devices and default stay whole: a profile that is needed is not deleted.
    pub(super) async fn delete_profile(&self, id: ProfileId) -> Result<()> {
        let found = self.store.profile(id).await?;
        if found.ok_or(DirectoryError::ProfileNotFound(id))?.default {
            return Err(DirectoryError::ProfileIsDefault);
        }
        let being_made = self.reserved.of_profile(id);
        let one = PageRequest {
            size: 1,
            page: 0,
            text: None,
            sort: SortBy::CreatedTime,
            descending: false,
        };
        match self.store.devices(&one, Some(id)).await?.total as u64 + being_made {
            0 => {}
            devices => return Err(DirectoryError::ProfileInUse(devices)),
        }
        let batch = Batch::of_system(vec![Change::ProfileDelete(id)]);
        self.store.commit(batch).await?;
        Ok(())
    }

    async fn put_profiles(&self, profiles: Vec<Profile>) -> Result<()> {
        if profiles.is_empty() {
            return Ok(());
        }
        let changes = profiles.into_iter().map(Change::ProfilePut).collect();
        self.store.commit(Batch::of_system(changes)).await?;
        Ok(())
    }

    /// The profile a device refers to.
    async fn referenced(&self, id: ProfileId) -> Result<Profile> {
        let found = self.store.profile(id).await?;
        found.ok_or(DirectoryError::ProfileUnknown)
    }

    async fn profile_named(&self, name: &str) -> Result<Option<Profile>> {
        let profiles = self.store.profiles().await?;
        Ok(profiles.into_iter().find(|profile| profile.name == name))
    }

    fn blank_profile(&self) -> Profile {
        Profile {
            id: ProfileId::new(),
            created: self.now(),
            name: String::new(),
            description: None,
            default: false,
            options: ProfileOptions::default(),
            version: 0,
            retention: None,
            chain: None,
            rates: Default::default(),
        }
    }
}

fn with_default(mut profile: Profile, default: bool) -> Profile {
    profile.default = default;
    profile.version += 1;
    profile
}
