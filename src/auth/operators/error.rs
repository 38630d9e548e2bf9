//! Why an operator is not let in, or an order about operators not followed.

use crate::model::ids::{ApiKeyId, OperatorId};
use crate::store::StoreError;
use std::fmt;
use std::time::Duration;

/// `Display` gives the REST's `message`. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorError {
    /// 401, code 10. Also for an unknown user, after the same time.
    BadLogin,
    /// 401, code 10: only told to who knows the password.
    Disabled,
    /// 429, code 33, `Retry-After`.
    Throttled {
        retry_after: Duration,
    },
    /// 401, code 11.
    TokenExpired,
    /// 401, code 10: not ours, malformed, of the other kind, logged out, or rotated.
    TokenInvalid,
    /// 401, code 10: no such key (any more).
    KeyInvalid,
    /// 401, code 15.
    KeyExpired,
    /// 400, code 31: changing to a password of fewer than 8 characters or more than 2 KiB.
    PasswordUnfit,
    /// 400, code 31.
    CurrentPasswordWrong,
    /// 400, code 31.
    NameMissing,
    /// 400, code 31.
    NameTooLong,
    /// 400, code 31.
    NameTaken(String),
    /// 400, code 31: what the platform is left with must be able to run it.
    LastAdministrator,
    /// 403, code 20: a key with more rights than its owner.
    RoleTooHigh,
    /// 400, code 31.
    KeyExpiresInThePast,
    /// 403, code 41.
    TooManyOperators(usize),
    /// 403, code 41.
    TooManyKeys(usize),
    /// 404, code 32.
    Unknown(OperatorId),
    /// 404, code 32.
    KeyUnknown(ApiKeyId),
    Store(StoreError),
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use OperatorError::*;
        f.write_str(match self {
            BadLogin => "Invalid username or password",
            Disabled => "User account is not active",
            Throttled { .. } => "Too many failed login attempts: wait before the next one",
            TokenExpired => "Token has expired",
            TokenInvalid | KeyInvalid => "Authentication failed",
            KeyExpired => "API key has expired",
            PasswordUnfit => "The new password must have 8 characters at least and 2 KiB at most",
            CurrentPasswordWrong => "Current password doesn't match!",
            NameMissing => "User email should be specified!",
            NameTooLong => "Validation error: a name's length must be equal or less than 255",
            NameTaken(name) => {
                return write!(f, "User with email '{name}' already present in database!");
            }
            LastAdministrator => "At least one enabled administrator must remain",
            RoleTooHigh => "An API key cannot have a higher role than its owner",
            KeyExpiresInThePast => "The expiration time of an API key must be in the future",
            TooManyOperators(most) => return write!(f, "There can be {most} users at most"),
            TooManyKeys(most) => return write!(f, "A user can have {most} API keys at most"),
            Unknown(id) => return write!(f, "User with id [{id}] is not found"),
            KeyUnknown(id) => return write!(f, "API key with id [{id}] is not found"),
            Store(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for OperatorError {}

impl From<StoreError> for OperatorError {
    fn from(error: StoreError) -> Self {
        OperatorError::Store(error)
    }
}
