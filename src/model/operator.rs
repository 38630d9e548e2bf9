//! Operators: the people behind the REST API.

use super::ids::OperatorId;
use super::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// The one tenant: everything belongs to it. A constant, because the REST's tools want one and
/// because it must be the same on every node.
pub const TENANT_ID: Uuid = Uuid::from_u128(0x1d7a_5c00_0000_4000_8000_696f_7300_0001);

/// "No customer", as ThingsBoard's tools know it (contract/admin-rest.md 4).
pub const NO_CUSTOMER_ID: Uuid = Uuid::from_u128(0x1381_4000_1dd2_11b2_8080_8080_8080_8080);

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
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("id", &self.id)
            .field("username", &self.username)
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
