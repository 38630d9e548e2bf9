//! The device directory: every change that operators make to devices, credentials and profiles
//! (contract/admin-rest.md 4, contract/provisioning.md 1 and 2).
//!
//! Uniqueness (names, look-up texts) is checked before the commit, so all changes go one after the
//! other through one lock. New devices only reserve what they will hold under it, and are committed
//! together. A change that has begun is finished even when its caller goes away.

mod certified;
mod credentials;
mod devices;
pub mod error;
mod names;
pub mod orders;
mod profiles;
mod reserved;

pub(super) use certified::Claim;
pub use error::{DirectoryError, ErrorKind};
pub use orders::{
    CredentialsOrder, DeviceOrder, NameConflict, NewCredentials, ProfileChoice, ProfileOrder,
    Saved, UniquifyStrategy,
};

use super::detached::detached;
use super::{Clock, Config};
use crate::model::credentials::Credentials;
use crate::model::device::{Device, Profile};
use crate::model::ids::{DeviceId, ProfileId};
use crate::model::Millis;
use crate::store::SharedStore;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

type Result<T> = std::result::Result<T, DirectoryError>;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    store: SharedStore,
    clock: Clock,
    changes: Arc<Mutex<()>>,
    reserved: Arc<reserved::Reserved>,
    /// Of rotated credentials: unless the order says, and at most.
    overlap: Duration,
    longest_overlap: Duration,
}

/// Nobody else changes the directory while this lives.
pub struct Exclusive {
    _guard: OwnedMutexGuard<()>,
}

impl Inner {
    fn now(&self) -> Millis {
        (self.clock)()
    }
}

impl Directory {
    pub(super) fn new(config: &Config, store: SharedStore, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            changes: Arc::default(),
            reserved: Arc::default(),
            overlap: config.rotation_overlap.0,
            longest_overlap: config.max_rotation_overlap.0,
        }))
    }

    pub(super) fn now(&self) -> Millis {
        self.0.now()
    }

    /// Runs a change alone and to its end.
    async fn alone<T, F>(&self, change: impl FnOnce(Arc<Inner>) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let inner = self.0.clone();
        detached(async move {
            let _one_at_a_time = inner.changes.clone().lock_owned().await;
            change(inner).await
        })
        .await
    }

    /// Makes a device with its credentials and the SERVER attribute `active` = false, in one
    /// durable step.
    /// Errors: `NameMissing`, `NameTooLong`, `NameTaken`, `LabelTooLong`, `BadAdditionalInfo`,
    /// `ProfileUnknown`, `CredentialsTaken`, other credentials errors, `Store`.
    pub async fn create_device(
        &self,
        order: DeviceOrder,
        credentials: NewCredentials,
    ) -> Result<Device> {
        let inner = self.0.clone();
        detached(async move {
            let (device, batch, _claim) = {
                let _one_at_a_time = inner.changes.lock().await;
                inner.prepare_device(order, credentials).await?
            };
            // Many wait here at the same time, and share the disk's turns.
            inner.store.commit(batch).await?;
            Ok(device)
        })
        .await
    }

    /// Replaces name, label, additional information; profile and `disabled` when the order names
    /// them. `version` in the order: a stale one is `VersionConflict`.
    /// `Saved::end_sessions` tells whether (and why) live sessions must end now.
    pub async fn update_device(&self, id: DeviceId, order: DeviceOrder) -> Result<Saved<Device>> {
        self.alone(move |inner| async move { inner.update_device(id, order).await })
            .await
    }

    /// Disables or enables. No change (and no new version) when it is so already; a disabled
    /// device's `end_sessions` is set in any case.
    pub async fn set_disabled(&self, id: DeviceId, disabled: bool) -> Result<Saved<Device>> {
        self.alone(move |inner| async move { inner.set_disabled(id, disabled).await })
            .await
    }

    /// The device, and the lock: hold it while `registry::Command::Delete` runs, so that no update
    /// brings the device back. Error: `DeviceUnknown`.
    pub async fn begin_delete(&self, id: DeviceId) -> Result<(Device, Exclusive)> {
        let guard = self.0.changes.clone().lock_owned().await;
        let device = self.device(id).await?;
        Ok((device, Exclusive { _guard: guard }))
    }

    /// Errors: `DeviceUnknown`, `Store`.
    pub async fn device(&self, id: DeviceId) -> Result<Device> {
        let found = self.0.store.device(id).await?;
        found.ok_or(DirectoryError::DeviceUnknown(id))
    }

    /// Errors: `DeviceUnknown`, `Store`.
    pub async fn credentials(&self, device: DeviceId) -> Result<Credentials> {
        let found = self.0.store.credentials(device).await?;
        found.ok_or(DirectoryError::DeviceUnknown(device))
    }

    /// Replaces a device's credentials. Saving what is stored already is no change: no new version,
    /// `end_sessions` is `None`.
    /// Errors: `DeviceUnknown`, `CredentialsUnknown`, `CredentialsTaken`, `VersionConflict`, what
    /// is wrong with the credentials themselves, `Store`.
    pub async fn update_credentials(&self, order: CredentialsOrder) -> Result<Saved<Credentials>> {
        self.alone(|inner| async move { inner.update_credentials(order).await })
            .await
    }

    /// A certificate that a profile's authority vouches for becomes that of the device of this
    /// name. `None`: there is no such device and none may be made, or the name is another kind of
    /// device's.
    pub(super) async fn certify(&self, claim: Claim) -> Result<Option<Credentials>> {
        self.alone(|inner| async move { inner.certify(claim).await })
            .await
    }

    /// All profiles, by name; there are few.
    pub async fn profiles(&self) -> Result<Vec<Profile>> {
        let mut profiles = self.0.store.profiles().await?;
        profiles.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(profiles)
    }

    /// Errors: `ProfileNotFound`, `Store`.
    pub async fn profile(&self, id: ProfileId) -> Result<Profile> {
        let found = self.0.store.profile(id).await?;
        found.ok_or(DirectoryError::ProfileNotFound(id))
    }

    /// The profile of devices that name none. There always is one.
    pub async fn default_profile(&self) -> Result<Profile> {
        self.0.default_profile().await
    }

    /// Creates (`id` is `None`) or replaces a profile. Live sessions keep the options they started
    /// with.
    /// Errors: `ProfileNameMissing`, `ProfileNameTooLong`, `ProfileNameTaken`, `ProfileNotFound`,
    /// `VersionConflict`, `Store`.
    pub async fn save_profile(
        &self,
        id: Option<ProfileId>,
        order: ProfileOrder,
    ) -> Result<Profile> {
        self.alone(move |inner| async move { inner.save_profile(id, order).await })
            .await
    }

    /// Errors: `ProfileNotFound`, `ProfileIsDefault`, `ProfileInUse`, `Store`.
    pub async fn delete_profile(&self, id: ProfileId) -> Result<()> {
        self.alone(move |inner| async move { inner.delete_profile(id).await })
            .await
    }

    /// Makes it the default one in place of the present one, in one durable step.
    /// Errors: `ProfileNotFound`, `Store`.
    pub async fn set_default_profile(&self, id: ProfileId) -> Result<Profile> {
        self.alone(move |inner| async move { inner.set_default_profile(id).await })
            .await
    }
}
