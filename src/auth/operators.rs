//! Operators: who they are, how they log in (contract/admin-rest.md 1).

use crate::model::ids::OperatorId;
use crate::model::operator::Operator;
use crate::model::Millis;
use crate::store::StoreError;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

type Result<T> = std::result::Result<T, OperatorError>;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Operators {}

/// Two JWTs (HS512). `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// Lives `admin.token_life`.
    pub token: String,
    /// Lives `admin.refresh_life`, good for one refresh.
    pub refresh_token: String,
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenPair(***)")
    }
}

/// Whom a valid access token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    pub operator: OperatorId,
    pub username: String,
    /// The `sessionId` claim: one login and its refreshes.
    pub session: String,
    /// Epoch ms when the token ends.
    pub expires: Millis,
}

/// Why an operator is not let in. `Display` gives the REST's `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorError {
    /// 401, code 10. Also for an unknown user, after the same time.
    BadLogin,
    /// 429, code 33, `Retry-After`.
    Throttled {
        retry_after: Duration,
    },
    /// 401, code 11.
    TokenExpired,
    /// 401, code 10: not ours, malformed, of the other kind, logged out, or rotated.
    TokenInvalid,
    /// 400, code 31: changing to a password of fewer than 8 or more than 512 characters.
    PasswordUnfit,
    /// 400, code 31.
    CurrentPasswordWrong,
    Store(StoreError),
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use OperatorError::*;
        f.write_str(match self {
            BadLogin => "Invalid username or password",
            Throttled { .. } => "Too many failed login attempts: wait before the next one",
            TokenExpired => "Token has expired",
            TokenInvalid => "Authentication failed",
            PasswordUnfit => "The new password must have 8 to 512 characters",
            CurrentPasswordWrong => "Current password doesn't match!",
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

impl Operators {
    /// Errors: `BadLogin`, `Throttled`, `Store`.
    pub async fn login(
        &self,
        _username: &str,
        _password: &str,
        _peer: IpAddr,
    ) -> Result<TokenPair> {
        todo!()
    }

    /// A new pair; the old refresh token is void. One that was used before gives `TokenInvalid` and
    /// ends its whole session, because somebody else may hold it.
    pub async fn refresh(&self, _refresh_token: &str) -> Result<TokenPair> {
        todo!()
    }

    /// Ends the session: all its tokens are void once this returns.
    pub async fn logout(&self, _speaker: &Speaker) -> Result<()> {
        todo!()
    }

    /// Who speaks with this access token (without `Bearer `). Reads memory only.
    /// Errors: `TokenExpired`, `TokenInvalid`.
    pub fn verify(&self, _token: &str) -> Result<Speaker> {
        todo!()
    }

    /// All older tokens of the operator are void; gives a new pair.
    /// Errors: `CurrentPasswordWrong`, `PasswordUnfit`, `Throttled`, `Store`.
    pub async fn change_password(
        &self,
        _speaker: &Speaker,
        _current: &str,
        _new: &str,
        _peer: IpAddr,
    ) -> Result<TokenPair> {
        todo!()
    }

    /// Reads memory only.
    pub fn operator(&self, _id: OperatorId) -> Option<Operator> {
        todo!()
    }
}
