//! The device directory: every change that operators make to devices, credentials and profiles
//! (contract/admin-rest.md 4, contract/provisioning.md 1 and 2).
//!
//! Uniqueness (names, look-up texts) is checked before the commit, so all changes go one after the
//! other through one lock. A change that has begun is finished even when its caller goes away.

pub mod error;
pub mod orders;

pub use error::{DirectoryError, ErrorKind};
pub use orders::{
    CredentialsOrder, DeviceOrder, NameConflict, NewCredentials, ProfileChoice, ProfileOrder,
    Saved, UniquifyStrategy,
};

use crate::model::credentials::Credentials;
use crate::model::device::{Device, Profile};
use crate::model::ids::{DeviceId, ProfileId};

type Result<T> = std::result::Result<T, DirectoryError>;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Directory {}

/// Nobody else changes the directory while this lives.
pub struct Exclusive {
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

impl Directory {
    /// Makes a device with its credentials and the SERVER attribute `active` = false, in one
    /// durable step.
    /// Errors: `NameMissing`, `NameTooLong`, `NameTaken`, `LabelTooLong`, `BadAdditionalInfo`,
    /// `ProfileUnknown`, `CredentialsTaken`, other credentials errors, `Store`.
    pub async fn create_device(
        &self,
        _order: DeviceOrder,
        _credentials: NewCredentials,
    ) -> Result<Device> {
        todo!()
    }

    /// Replaces name, label, additional information; profile and `disabled` when the order names
    /// them. `version` in the order: a stale one is `VersionConflict`.
    /// `Saved::end_sessions` tells whether (and why) live sessions must end now.
    pub async fn update_device(&self, _id: DeviceId, _order: DeviceOrder) -> Result<Saved<Device>> {
        todo!()
    }

    /// Disables or enables. No change (and no new version) when it is so already; a disabled device's
    /// `end_sessions` is set in any case.
    pub async fn set_disabled(&self, _id: DeviceId, _disabled: bool) -> Result<Saved<Device>> {
        todo!()
    }

    /// The device, and the lock: hold it while `registry::Command::Delete` runs, so that no update
    /// brings the device back. Error: `DeviceUnknown`.
    pub async fn begin_delete(&self, _id: DeviceId) -> Result<(Device, Exclusive)> {
        todo!()
    }

    /// Errors: `DeviceUnknown`, `Store`.
    pub async fn device(&self, _id: DeviceId) -> Result<Device> {
        todo!()
    }

    /// Errors: `DeviceUnknown`, `Store`.
    pub async fn credentials(&self, _device: DeviceId) -> Result<Credentials> {
        todo!()
    }

    /// Replaces a device's credentials. Saving what is stored already is no change: no new version,
    /// `end_sessions` is `None`.
    pub async fn update_credentials(&self, _order: CredentialsOrder) -> Result<Saved<Credentials>> {
        todo!()
    }

    /// All profiles, by name; there are few.
    pub async fn profiles(&self) -> Result<Vec<Profile>> {
        todo!()
    }

    /// Error: `ProfileNotFound`.
    pub async fn profile(&self, _id: ProfileId) -> Result<Profile> {
        todo!()
    }

    /// The profile of devices that name none. There always is one.
    pub async fn default_profile(&self) -> Result<Profile> {
        todo!()
    }

    /// Creates (`id` is `None`) or replaces a profile. Live sessions keep the options they started
    /// with.
    pub async fn save_profile(
        &self,
        _id: Option<ProfileId>,
        _order: ProfileOrder,
    ) -> Result<Profile> {
        todo!()
    }

    /// Makes it the default one in place of the present one, in one durable step.
    pub async fn set_default_profile(&self, _id: ProfileId) -> Result<Profile> {
        todo!()
    }
}
