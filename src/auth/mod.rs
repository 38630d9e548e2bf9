//! No unnamed speaker: devices' credentials, the device directory, operators and their tokens.
//!
//! Three doors behind one [`Auth`]: [`Auth::identify`] for devices, [`Auth::directory`] for what
//! operators change about devices, [`Auth::operators`] for the operators themselves.
//!
//! Knows nothing of: sockets, HTTP, actors.

pub mod config;
pub mod directory;
pub mod identify;
pub mod operators;
pub mod throttle;

pub use config::Config;
pub use directory::{Directory, DirectoryError};
pub use operators::{OperatorError, Operators, Speaker, TokenPair};

use crate::model::credentials::Presented;
use crate::model::device::{Device, Profile};
use crate::model::ids::DeviceId;
use crate::model::reject::Rejection;
use crate::store::{SharedStore, StoreError};

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Auth {}

/// A password that was made up at first start: show it once, then call
/// [`Auth::password_was_shown`]. Until that call (or the first login) the next start makes up and
/// returns a new one, so a crash before it was printed locks nobody out.
pub struct GeneratedPassword {
    pub username: String,
    pub password: zeroize::Zeroizing<String>,
}

/// A speaker who may speak.
#[derive(Clone, Debug)]
pub struct Identified {
    pub device: Device,
    pub profile: Profile,
    /// Version of the credentials record that let it in, for [`Auth::confirm`].
    pub credentials_version: u64,
}

/// Not let in. `device` is set when the device is known (wrong password, disabled): the refusal
/// then belongs into its stream.
#[derive(Clone, Debug)]
pub struct NotIdentified {
    pub rejection: Rejection,
    pub device: Option<DeviceId>,
}

impl Auth {
    /// Opens the directory; at the first start makes the administrator, the token signing key and
    /// the default profile.
    pub async fn open(
        _config: Config,
        _store: SharedStore,
    ) -> Result<(Auth, Option<GeneratedPassword>), StoreError> {
        todo!()
    }

    /// The generated password has reached a person: from now on it stays.
    pub async fn password_was_shown(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Who presents these credentials (contract/mqtt.md 2, contract/http.md 2).
    /// Refusals: `CredentialsMissing`, `CredentialsUnknown`, `ClientIdUnknown`, `PasswordWrong`,
    /// `DeviceDisabled`, or the store's.
    pub async fn identify(&self, _presented: &Presented) -> Result<Identified, NotIdentified> {
        todo!()
    }

    /// Asks again, once the session stands: a device that was disabled, deleted or given new
    /// credentials between `identify` and its session's start must not stay connected.
    /// Refusals: `DeviceDisabled`, `DeviceDeleted`, `CredentialsChanged`, or the store's.
    pub async fn confirm(&self, _identified: &Identified) -> Result<(), NotIdentified> {
        todo!()
    }

    /// Devices, their credentials and profiles, as operators change them.
    pub fn directory(&self) -> &Directory {
        todo!()
    }

    /// Operators: login, tokens, passwords.
    pub fn operators(&self) -> &Operators {
        todo!()
    }
}
