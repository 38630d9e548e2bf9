//! What operators ask of the directory, and what comes back. Shapes only; the REST fills them in.

use crate::model::credentials::CredentialsKind;
use crate::model::device::{ChainOptions, ProfileOptions, ProfileRates};
use crate::model::ids::{CredentialsId, DeviceId, ProfileId};
use crate::model::reject::Reason;
use std::fmt;
use std::time::Duration;

/// A device as it shall be (contract/admin-rest.md 4).
#[derive(Clone, Debug, Default)]
pub struct DeviceOrder {
    /// 1 to 255 characters, not blank, unique.
    pub name: String,
    pub label: Option<String>,
    pub profile: ProfileChoice,
    /// `None`: not disabled when made, left alone when updated.
    pub disabled: Option<bool>,
    /// JSON text of an object (at most 64 KiB); `None` or `null` = `{}`.
    pub additional_info: Option<Box<str>>,
    /// Updates only: the version that was read; `None` skips the check.
    pub version: Option<u64>,
    pub on_conflict: NameConflict,
}

/// `id` wins; else the profile named `type_name`, made when missing; else the default one (an
/// update then keeps what the device has).
#[derive(Clone, Debug, Default)]
pub struct ProfileChoice {
    pub id: Option<ProfileId>,
    pub type_name: Option<String>,
}

/// What to do when the name is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NameConflict {
    #[default]
    Fail,
    /// Adds separator and suffix: the REST's defaults are `_` and `Random`.
    Uniquify {
        separator: String,
        strategy: UniquifyStrategy,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniquifyStrategy {
    /// Six random alphanumerics.
    Random,
    /// 1, 2, 3, …
    Incremental,
}

/// Credentials of a new device. `Debug` shows no secret.
#[derive(Clone, Default)]
pub enum NewCredentials {
    /// An access token of 20 random alphanumerics.
    #[default]
    Generated,
    AccessToken(String),
    /// As `credentials` of `POST /api/device-with-credentials`.
    Given {
        kind: Option<CredentialsKind>,
        credentials_id: Option<String>,
        credentials_value: Option<String>,
    },
}

impl fmt::Debug for NewCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NewCredentials::Generated => "Generated",
            NewCredentials::AccessToken(_) => "AccessToken(***)",
            NewCredentials::Given { .. } => "Given(***)",
        })
    }
}

/// New credentials of an existing device (`POST /api/device/credentials`). `Debug` shows no secret.
#[derive(Clone)]
pub struct CredentialsOrder {
    /// Of the stored record; `None` takes the device's record whatever its id.
    pub id: Option<CredentialsId>,
    pub device: DeviceId,
    /// `None` is an error with the contract's text.
    pub kind: Option<CredentialsKind>,
    /// The token; other kinds: ignored, the platform derives it.
    pub credentials_id: Option<String>,
    /// MQTT_BASIC: JSON text `{"clientId","userName","password"}`; X509_CERTIFICATE: PEM or Base64;
    /// PRE_SHARED_KEY: JSON text `{"identity","key"}`, the key in hex (or `keyText`).
    pub credentials_value: Option<String>,
    pub version: Option<u64>,
    /// How long the present ones are still accepted; `None` = `admin.rotation_overlap`.
    pub overlap: Option<Duration>,
}

impl fmt::Debug for CredentialsOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsOrder")
            .field("device", &self.device)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A profile as it shall be.
#[derive(Clone, Debug, Default)]
pub struct ProfileOrder {
    /// 1 to 255 characters, not blank, unique.
    pub name: String,
    pub description: Option<String>,
    pub options: ProfileOptions,
    /// Seconds that points are kept; 0 = for ever, `None` = as `store.retention` says.
    pub retention: Option<u64>,
    /// How much its devices may send.
    pub rates: ProfileRates,
    /// The authority as PEM or Base64, the pattern, and whether missing devices are made.
    pub chain: Option<ChainOptions>,
    /// Updates only: the version that was read; `None` skips the check.
    pub version: Option<u64>,
}

/// What was saved, durable when you see it.
#[derive(Clone, Debug)]
pub struct Saved<T> {
    pub record: T,
    /// Call `registry::Command::EndSessions` with it.
    pub end_sessions: Option<Reason>,
}
