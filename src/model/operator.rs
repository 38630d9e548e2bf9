//! Operators: the people behind the REST API.

use super::ids::OperatorId;
use super::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

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
