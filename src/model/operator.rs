//! Operators: the people behind the REST API, what each may do, and the keys of their programs.

use super::ids::{ApiKeyId, OperatorId};
use super::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// The one tenant: everything belongs to it. A constant, because the REST's tools want one and
/// because it must be the same on every node.
pub const TENANT_ID: Uuid = Uuid::from_u128(0x1d7a_5c00_0000_4000_8000_696f_7300_0001);

/// "No customer", as ThingsBoard's tools know it (contract/admin-rest.md 4).
pub const NO_CUSTOMER_ID: Uuid = Uuid::from_u128(0x1381_4000_1dd2_11b2_8080_8080_8080_8080);

/// What an operator may do; each may do what the ones before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Role {
    /// Sees everything but secrets of devices and of other operators.
    Viewer,
    /// ... and changes devices and profiles.
    Operator,
    /// ... and other operators, and reads the audit log.
    Administrator,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Administrator];

    /// The REST's word.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "VIEWER",
            Role::Operator => "OPERATOR",
            Role::Administrator => "ADMINISTRATOR",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// ThingsBoard's word: its tools ask for a `TENANT_ADMIN` before they touch devices.
    pub fn authority(self) -> &'static str {
        match self {
            Role::Viewer => "CUSTOMER_USER",
            Role::Operator | Role::Administrator => "TENANT_ADMIN",
        }
    }

    /// What ThingsBoard's word alone asks for: the least that does what it says.
    pub fn of_authority(word: &str) -> Option<Self> {
        match word {
            "SYS_ADMIN" => Some(Role::Administrator),
            "TENANT_ADMIN" => Some(Role::Operator),
            "CUSTOMER_USER" => Some(Role::Viewer),
            _ => None,
        }
    }
}

/// An operator's record. `Debug` shows no hash.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    pub id: OperatorId,
    pub created: Millis,
    /// Login name, usually an e-mail address; unique, compared without case.
    pub username: String,
    /// Argon2id in PHC string format.
    pub password_hash: String,
    /// Tokens issued before this moment (epoch ms) are void: set by password changes.
    pub tokens_valid_from: Millis,
    pub role: Role,
    /// Not let in; nothing of it is forgotten.
    pub disabled: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

/// An operator as journals and tables of the first format hold it: all were administrators.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorV1 {
    pub id: OperatorId,
    pub created: Millis,
    /// Login name, usually an e-mail address; unique, compared without case.
    pub username: String,
    /// Argon2id in PHC string format.
    pub password_hash: String,
    /// Tokens issued before this moment (epoch ms) are void: set by password changes.
    pub tokens_valid_from: Millis,
}

impl From<OperatorV1> for Operator {
    fn from(old: OperatorV1) -> Self {
        Self {
            id: old.id,
            created: old.created,
            username: old.username,
            password_hash: old.password_hash,
            tokens_valid_from: old.tokens_valid_from,
            role: Role::Administrator,
            disabled: false,
            first_name: None,
            last_name: None,
        }
    }
}

impl fmt::Debug for OperatorV1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorV1")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("id", &self.id)
            .field("username", &self.username)
            .field("role", &self.role)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// A logged-out or rotated token session, remembered until its tokens would have expired anyway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevokedSession {
    /// The `sessionId` claim.
    pub session: String,
    /// Epoch ms after which the record may be forgotten.
    pub until: Millis,
}

/// A key that speaks for its owner, with at most the owner's rights. Of the key itself only the
/// digest is kept. `Debug` does not show it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub owner: OperatorId,
    pub created: Millis,
    pub description: String,
    /// SHA3-256 of the key: it is random enough to need no salt.
    pub digest: [u8; 32],
    /// Never more than the owner has at the time.
    pub role: Role,
    /// It may look, and change nothing.
    pub read_only: bool,
    /// Epoch ms from which on it is refused; `None` = never.
    pub expires: Option<Millis>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
