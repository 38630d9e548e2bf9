//! What can be wrong with an order, in the contract's words (contract/admin-rest.md 4,
//! contract/provisioning.md 1). No text holds a secret.

use crate::auth::certificates::authority::Fault as ChainFault;
use crate::auth::certificates::upload;
use crate::model::ids::{DeviceId, ProfileId};
use crate::store::StoreError;
use std::fmt;
use std::time::Duration;

/// `Display` gives the REST's `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryError {
    DeviceUnknown(DeviceId),
    ProfileNotFound(ProfileId),
    NameMissing,
    NameTooLong,
    NameTaken,
    LabelTooLong,
    BadAdditionalInfo,
    /// A device names a profile id that does not exist.
    ProfileUnknown,
    ProfileNameMissing,
    ProfileNameTooLong,
    ProfileNameTaken,
    /// So many devices have it.
    ProfileInUse(u64),
    ProfileIsDefault,
    CredentialsKindMissing,
    CredentialsKindUnsupported,
    CredentialsIdMissing,
    CredentialsTooLong,
    CredentialsTaken,
    /// No such record, or it belongs to another device.
    CredentialsUnknown,
    MqttBasicMalformed,
    /// The mask that stands for a password where there is none to keep.
    MqttBasicMasked,
    /// The longest there can be.
    OverlapTooLong(Duration),
    MqttBasicEmpty,
    MqttBasicPasswordWithoutUser,
    SharedKeyMalformed,
    SharedKeyIdentity,
    SharedKeyLength,
    /// The mask that stands for a key where there is none to keep.
    SharedKeyMasked,
    /// A profile's authority or pattern does not fit.
    Chain(ChainFault),
    /// What was handed in is no certificate, or not one alone.
    Certificate(upload::Fault),
    /// Somebody else changed it since it was read.
    VersionConflict,
    Store(StoreError),
}

/// How the REST answers it: 400 code 31, 404 code 32, 409 code 35, 500 or 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    Invalid,
    NotFound,
    Conflict,
    Store,
}

impl DirectoryError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            DirectoryError::DeviceUnknown(_) | DirectoryError::ProfileNotFound(_) => {
                ErrorKind::NotFound
            }
            DirectoryError::VersionConflict => ErrorKind::Conflict,
            DirectoryError::Store(_) => ErrorKind::Store,
            _ => ErrorKind::Invalid,
        }
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DirectoryError::*;
        f.write_str(match self {
            DeviceUnknown(id) => return write!(f, "Device with id [{id}] is not found"),
            ProfileNotFound(id) => {
                return write!(f, "Device profile with id [{id}] is not found");
            }
            Store(error) => return error.fmt(f),
            Certificate(fault) => return fault.fmt(f),
            Chain(fault) => return fault.fmt(f),
            OverlapTooLong(most) => {
                return write!(f, "The overlap can be {} seconds at most", most.as_secs());
            }
            ProfileInUse(devices) => {
                return write!(
                    f,
                    "Device profile is used by {devices} device(s): give them another one first"
                );
            }
            ProfileIsDefault => {
                "The default device profile cannot be deleted: make another one the default first"
            }
            NameMissing => "Device name should be specified!",
            NameTooLong => "Validation error: name length must be equal or less than 255",
            NameTaken => "Device with such name already exists!",
            LabelTooLong => "Validation error: label length must be equal or less than 255",
            BadAdditionalInfo => "additionalInfo must be a JSON object of at most 64 KiB",
            ProfileUnknown => "Device is referencing non existing device profile!",
            ProfileNameMissing => "Device profile name should be specified!",
            ProfileNameTooLong => "Validation error: type length must be equal or less than 255",
            ProfileNameTaken => "Device profile with such name already exists!",
            CredentialsKindMissing => "Device credentials type should be specified",
            CredentialsKindUnsupported => "LWM2M_CREDENTIALS are not supported yet",
            CredentialsIdMissing => "Device credentials id should be specified!",
            CredentialsTooLong => {
                "Device credentials are too long: 1024 bytes of id, 64 KiB of value at most"
            }
            CredentialsTaken => "Specified credentials are already registered!",
            CredentialsUnknown => "Unable to update non-existent device credentials!",
            MqttBasicMalformed => "Invalid credentials body for simple mqtt credentials!",
            MqttBasicMasked => {
                "The password is the mask of a stored one, and none is stored: give the password itself"
            }
            MqttBasicEmpty => "Both mqtt client id and user name are empty!",
            MqttBasicPasswordWithoutUser => "Password cannot be specified along with client id",
            SharedKeyMalformed => {
                "credentialsValue of a PRE_SHARED_KEY is JSON: {\"identity\":\"…\",\"key\":\"hex\"}, or \"keyText\" instead of \"key\""
            }
            SharedKeyIdentity => "The identity of a pre-shared key has 1 to 128 bytes",
            SharedKeyLength => "A pre-shared key has 16 to 64 bytes",
            SharedKeyMasked => {
                "The key is the mask of a stored one, and none is stored: give the key itself"
            }
            VersionConflict => "It was changed by somebody else meanwhile: read it again",
        })
    }
}

impl std::error::Error for DirectoryError {}

impl From<StoreError> for DirectoryError {
    fn from(error: StoreError) -> Self {
        DirectoryError::Store(error)
    }
}
