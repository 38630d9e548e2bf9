//! Devices and their profiles as records.

use super::ids::{DeviceId, ProfileId};
use super::rates::Rates;
use super::Millis;
use serde::{Deserialize, Serialize};

/// A device as the operator knows it. Its credentials are a record of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    pub created: Millis,
    /// Unique among all devices.
    pub name: String,
    pub label: Option<String>,
    pub profile: ProfileId,
    pub disabled: bool,
    /// JSON text of an object (`{}` when none), kept as sent.
    pub additional_info: Box<str>,
    /// Raised with each update; a stale one is refused with 409.
    pub version: u64,
}

/// What devices of one kind have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub id: ProfileId,
    pub created: Millis,
    /// Unique; equals `type` of its devices.
    pub name: String,
    pub description: Option<String>,
    pub default: bool,
    pub options: ProfileOptions,
    pub version: u64,
    /// Seconds that points of its devices are kept; 0 = for ever, `None` = as `store.retention`
    /// says.
    pub retention: Option<u64>,
    /// Devices of it may be known by whose authority has signed their certificate.
    pub chain: Option<ChainOptions>,
    /// How much its devices may send.
    pub rates: ProfileRates,
}

/// How a certificate that nobody registered becomes a device's (contract/provisioning.md 6,
/// `X509_CERTIFICATE_CHAIN`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainOptions {
    /// Base64 of the authority's certificate (DER).
    pub authority: String,
    /// A regular expression; its first group, on the certificate's common name, is the device's
    /// name.
    pub pattern: String,
    /// A device that is missing is made.
    pub create: bool,
}

/// Rates of one device; `None` = as `device.message_rate` and `device.point_rate` say, empty =
/// without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRates {
    pub messages: Option<Rates>,
    pub points: Option<Rates>,
}

/// A profile as journals and tables of the second format hold it: without `chain` and `rates`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileV2 {
    pub id: ProfileId,
    pub created: Millis,
    pub name: String,
    pub description: Option<String>,
    pub default: bool,
    pub options: ProfileOptions,
    pub version: u64,
    pub retention: Option<u64>,
}

impl From<ProfileV2> for Profile {
    fn from(old: ProfileV2) -> Self {
        Self {
            id: old.id,
            created: old.created,
            name: old.name,
            description: old.description,
            default: old.default,
            options: old.options,
            version: old.version,
            retention: old.retention,
            chain: None,
            rates: ProfileRates::default(),
        }
    }
}

/// A profile as journals and tables of the first format hold it: without `retention`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileV1 {
    pub id: ProfileId,
    pub created: Millis,
    pub name: String,
    pub description: Option<String>,
    pub default: bool,
    pub options: ProfileOptions,
    pub version: u64,
}

impl From<ProfileV1> for Profile {
    fn from(old: ProfileV1) -> Self {
        Self {
            id: old.id,
            created: old.created,
            name: old.name,
            description: old.description,
            default: old.default,
            options: old.options,
            version: old.version,
            retention: None,
            chain: None,
            rates: ProfileRates::default(),
        }
    }
}

/// Behaviour that a profile switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProfileOptions {
    /// MQTT 3.1.1: PUBACK a malformed publish instead of closing (`sendAckOnValidationException`).
    pub ack_malformed: bool,
    /// Numeric strings become numbers (ThingsBoard's type cast). Off by default.
    pub cast_numeric_strings: bool,
}
