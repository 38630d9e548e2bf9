//! No unnamed speaker: devices' credentials, the device directory, operators and their tokens.
//!
//! Three doors behind one [`Auth`]: [`Auth::identify`] for devices, [`Auth::directory`] for what
//! operators change about devices, [`Auth::operators`] for the operators themselves.
//!
//! Knows nothing of: sockets, HTTP, actors.

pub mod audit;
pub mod certificates;
mod clock;
pub mod config;
mod detached;
pub mod directory;
mod first_start;
mod identify;
mod known;
mod material;
pub mod operators;
mod passwords;
pub mod reset;
mod revocations;
mod shared_key;
#[cfg(test)]
mod tests;
pub mod throttle;
mod tokens;

pub use audit::AuditLog;
pub use clock::{system as system_clock, Clock};
pub use config::Config;
pub use directory::{Directory, DirectoryError};
pub use material::{shown_value, MASK};
pub use operators::{KeyOrder, OperatorError, OperatorOrder, Operators, Speaker, TokenPair};

use crate::model::device::{Device, Profile};
use crate::model::ids::DeviceId;
use crate::model::reject::Rejection;
use crate::store::{SharedStore, StoreError};
use std::sync::Arc;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Auth(Arc<Rooms>);

struct Rooms {
    store: SharedStore,
    known: known::Known,
    directory: Directory,
    operators: Operators,
    audit: AuditLog,
}

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
    /// The directory's version before all this was read (`DeviceStore::directory_version`).
    pub seen: Option<u64>,
    /// Epoch ms when what it presented is accepted no longer (it was rotated away).
    pub until: Option<crate::model::Millis>,
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
    /// the default profile, durable when this returns. Must run inside a tokio runtime.
    pub async fn open(
        config: Config,
        store: SharedStore,
    ) -> Result<(Auth, Option<GeneratedPassword>), StoreError> {
        Self::open_with_clock(config, store, clock::system()).await
    }

    /// As `open`, with another clock: for tests of what time does to tokens.
    pub async fn open_with_clock(
        config: Config,
        store: SharedStore,
        clock: Clock,
    ) -> Result<(Auth, Option<GeneratedPassword>), StoreError> {
        let passwords = passwords::Passwords::new();
        let start = first_start::prepare(&config, &store, &passwords, clock()).await?;
        let directory = Directory::new(&config, store.clone(), clock.clone());
        let audit = AuditLog::open(&config, store.clone(), clock.clone()).await?;
        let operators = Operators::open(&config, store.clone(), clock, passwords, &start).await?;
        let auth = Auth(Arc::new(Rooms {
            store,
            known: known::Known::new(&config),
            directory,
            operators,
            audit,
        }));
        Ok((auth, start.generated))
    }

    /// The generated password has reached a person: from now on it stays.
    pub async fn password_was_shown(&self) -> Result<(), StoreError> {
        self.0.operators.keep_generated_password().await
    }

    /// Devices, their credentials and profiles, as operators change them.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Operators: login, tokens, passwords.
    pub fn operators(&self) -> &Operators {
        &self.0.operators
    }

    /// Who changed what.
    pub fn audit(&self) -> &AuditLog {
        &self.0.audit
    }

    fn store(&self) -> &SharedStore {
        &self.0.store
    }
}
