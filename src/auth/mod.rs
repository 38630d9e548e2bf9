//! No unnamed speaker: devices' credentials, the device directory, operators and their tokens.
//!
//! Knows nothing of: sockets, HTTP, actors.

pub mod config;
pub mod directory;
pub mod identify;
pub mod operators;
pub mod throttle;

pub use config::Config;

use crate::model::credentials::Presented;
use crate::model::device::{Device, Profile};
use crate::model::ids::DeviceId;
use crate::model::reject::Rejection;
use crate::store::{SharedStore, StoreError};

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Auth {}

/// A password that was made up at first start: show it once, then forget it.
pub struct GeneratedPassword {
    pub username: String,
    pub password: zeroize::Zeroizing<String>,
}

/// A speaker who may speak.
#[derive(Clone, Debug)]
pub struct Identified {
    pub device: Device,
    pub profile: Profile,
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

    /// Who presents these credentials (contract/mqtt.md 2, contract/http.md 2).
    pub async fn identify(&self, _presented: &Presented) -> Result<Identified, NotIdentified> {
        todo!()
    }
}
