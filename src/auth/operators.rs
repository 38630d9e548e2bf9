//! Operators: who they are, how they log in and stay so (contract/admin-rest.md 1).
//!
//! A login begins a session; its refreshes go on with it. Sessions are void after a logout, after a
//! password change, and when a refresh token comes a second time.

use super::detached::detached;
use super::first_start::{self, Start};
use super::passwords::{Passwords, LONGEST};
use super::revocations::Revocations;
use super::throttle::{Subject, Throttle};
use super::tokens::{Kind, Read, Tokens};
use super::{Clock, Config};
use crate::model::ids::OperatorId;
use crate::model::operator::Operator;
use crate::model::Millis;
use crate::store::{Batch, Change, SharedStore, StoreError};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

type Result<T> = std::result::Result<T, OperatorError>;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Operators(Arc<Inner>);

struct Inner {
    store: SharedStore,
    clock: Clock,
    passwords: Passwords,
    tokens: Tokens,
    revocations: Revocations,
    throttle: Mutex<Throttle>,
    /// All of them; there are few. Written only under `changes`, after the commit.
    operators: RwLock<HashMap<OperatorId, Operator>>,
    /// One refresh, logout or password change at a time.
    changes: tokio::sync::Mutex<()>,
    /// The generated password has neither been confirmed nor used.
    unseen: AtomicBool,
}

/// Shortest new password, in characters.
const SHORTEST: usize = 8;

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
    /// 400, code 31: changing to a password of fewer than 8 characters or more than 2 KiB.
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
            PasswordUnfit => "The new password must have 8 characters at least and 2 KiB at most",
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
    pub(super) async fn open(
        config: &Config,
        store: SharedStore,
        clock: Clock,
        passwords: Passwords,
        start: &Start,
    ) -> std::result::Result<Self, StoreError> {
        let (life, refresh) = (config.token_life.millis(), config.refresh_life.millis());
        let window = config.login_window.millis();
        let throttle = Throttle::new(config.login_attempts, window, config.login_subjects);
        let operators = store.operators().await?;
        let operators = operators.into_iter().map(|one| (one.id, one)).collect();
        Ok(Self(Arc::new(Inner {
            revocations: Revocations::open(store.clone(), clock.clone()).await?,
            store,
            clock,
            passwords,
            tokens: Tokens::new(&start.token_key, life, refresh),
            throttle: Mutex::new(throttle),
            operators: RwLock::new(operators),
            changes: tokio::sync::Mutex::new(()),
            unseen: AtomicBool::new(start.unseen),
        })))
    }

    /// Errors: `BadLogin`, `Throttled`, `Store`.
    pub async fn login(&self, username: &str, password: &str, peer: IpAddr) -> Result<TokenPair> {
        let name = username.trim().to_lowercase();
        let found = self.0.by_name(&name);
        if !self.0.check(&name, found.as_ref(), password, peer).await? {
            tracing::warn!(%peer, known = found.is_some(), "failed login");
            return Err(OperatorError::BadLogin);
        }
        let Some(operator) = found else {
            return Err(OperatorError::BadLogin);
        };
        self.keep_generated_password().await?;
        let now = self.operator(operator.id);
        if now.is_none_or(|now| now.password_hash != operator.password_hash) {
            // Changed while the old one was being checked.
            return Err(OperatorError::BadLogin);
        }
        self.0.issue(operator.id, &Uuid::new_v4().to_string())
    }

    /// A new pair; the old refresh token is void. One that was used before gives `TokenInvalid` and
    /// ends its whole session, because somebody else may hold it.
    pub async fn refresh(&self, refresh_token: &str) -> Result<TokenPair> {
        let (inner, token) = (self.0.clone(), refresh_token.to_owned());
        detached(async move { inner.refresh(&token).await }).await
    }

    /// Ends the session: all its tokens are void once this returns.
    pub async fn logout(&self, speaker: &Speaker) -> Result<()> {
        let (inner, session) = (self.0.clone(), speaker.session.clone());
        detached(async move {
            let _one_at_a_time = inner.changes.lock().await;
            let until = inner.tokens.all_ended((inner.clock)());
            Ok(inner.revocations.revoke(&session, until).await?)
        })
        .await
    }

    /// Who speaks with this access token (without `Bearer `). Reads memory only.
    /// Errors: `TokenExpired`, `TokenInvalid`.
    pub fn verify(&self, token: &str) -> Result<Speaker> {
        let read = self.0.read(token, Kind::Access)?;
        let operator = self.operator(read.operator);
        let username = operator.ok_or(OperatorError::TokenInvalid)?.username;
        Ok(Speaker {
            operator: read.operator,
            username,
            session: read.session,
            expires: read.expires,
        })
    }

    /// All older tokens of the operator are void; gives a new pair.
    /// Errors: `CurrentPasswordWrong`, `PasswordUnfit`, `Throttled`, `Store`.
    pub async fn change_password(
        &self,
        speaker: &Speaker,
        current: &str,
        new: &str,
        peer: IpAddr,
    ) -> Result<TokenPair> {
        if new.chars().count() < SHORTEST || new.len() > LONGEST {
            return Err(OperatorError::PasswordUnfit);
        }
        let found = self.operator(speaker.operator);
        let name = speaker.username.to_lowercase();
        if !self.0.check(&name, found.as_ref(), current, peer).await? {
            return Err(OperatorError::CurrentPasswordWrong);
        }
        let Some(operator) = found else {
            return Err(OperatorError::CurrentPasswordWrong);
        };
        let hash = self.0.passwords.hash(new).await?;
        let inner = self.0.clone();
        detached(async move { inner.set_password(operator, hash).await }).await
    }

    /// Reads memory only.
    pub fn operator(&self, id: OperatorId) -> Option<Operator> {
        self.0.operators.read().get(&id).cloned()
    }

    /// A generated password that was shown or used stays.
    pub(super) async fn keep_generated_password(&self) -> std::result::Result<(), StoreError> {
        if self.0.unseen.load(Ordering::Acquire) {
            let batch = Batch::of_system(vec![first_start::seen()]);
            self.0.store.commit(batch).await?;
            self.0.unseen.store(false, Ordering::Release);
        }
        Ok(())
    }
}

impl Inner {
    /// `name` in lower case.
    fn by_name(&self, name: &str) -> Option<Operator> {
        let operators = self.operators.read();
        let mut all = operators.values();
        all.find(|one| one.username.to_lowercase() == name).cloned()
    }

    /// Whether the password is the operator's, counting failures by address and by name.
    async fn check(
        &self,
        name: &str,
        operator: Option<&Operator>,
        password: &str,
        peer: IpAddr,
    ) -> Result<bool> {
        let who = [Subject::Address(peer), Subject::Name(name)];
        let admitted = self.throttle.lock().admit(&who, (self.clock)());
        admitted.map_err(|wait| OperatorError::Throttled {
            retry_after: Duration::from_millis(wait.unsigned_abs()),
        })?;
        let hash = operator.map(|operator| operator.password_hash.as_str());
        let outcome = self.passwords.verify(password, hash).await;
        if !matches!(outcome, Ok(false)) {
            self.throttle.lock().forgive(&who);
        }
        Ok(outcome?)
    }

    /// What a token says, when it still counts. Errors: `TokenExpired`, `TokenInvalid`.
    fn read(&self, token: &str, kind: Kind) -> Result<Read> {
        let read = self.tokens.read(token, kind, (self.clock)())?;
        let operators = self.operators.read();
        let operator = operators.get(&read.operator);
        let operator = operator.ok_or(OperatorError::TokenInvalid)?;
        if read.issued < operator.tokens_valid_from || self.revocations.is_void(&read.session) {
            return Err(OperatorError::TokenInvalid);
        }
        Ok(read)
    }

    async fn refresh(&self, token: &str) -> Result<TokenPair> {
        let _one_at_a_time = self.changes.lock().await;
        let read = self.read(token, Kind::Refresh)?;
        let used = format!("{}/{}", read.session, read.id);
        if self.revocations.is_void(&used) {
            self.end_stolen_session(&read).await;
            return Err(OperatorError::TokenInvalid);
        }
        self.revocations.revoke(&used, read.expires).await?;
        self.issue(read.operator, &read.session)
    }

    /// Void at once in this process, whether or not the store can take it.
    async fn end_stolen_session(&self, read: &Read) {
        tracing::warn!(
            operator = %read.operator,
            "a refresh token was used twice: its session is ended"
        );
        let until = self.tokens.all_ended((self.clock)());
        self.revocations.remember(&read.session, until);
        if let Err(error) = self.revocations.revoke(&read.session, until).await {
            tracing::error!(%error, "the end of a token session could not be stored");
        }
    }

    async fn set_password(&self, checked: Operator, hash: String) -> Result<TokenPair> {
        let _one_at_a_time = self.changes.lock().await;
        let present = self.operators.read().get(&checked.id).cloned();
        let mut operator = present.ok_or(OperatorError::CurrentPasswordWrong)?;
        if operator.password_hash != checked.password_hash {
            // Changed by somebody else since the current one was checked.
            return Err(OperatorError::CurrentPasswordWrong);
        }
        operator.password_hash = hash;
        // One more than every token so far, also those of this very millisecond.
        operator.tokens_valid_from = operator.tokens_valid_from.max((self.clock)()) + 1;
        let put = Change::OperatorPut(operator.clone());
        let batch = Batch::of_system(vec![put, first_start::seen()]);
        self.store.commit(batch).await?;
        let id = operator.id;
        self.operators.write().insert(id, operator);
        self.issue(id, &Uuid::new_v4().to_string())
    }

    fn issue(&self, operator: OperatorId, session: &str) -> Result<TokenPair> {
        let operators = self.operators.read();
        let operator = operators.get(&operator);
        let operator = operator.ok_or(OperatorError::TokenInvalid)?;
        let now = (self.clock)().max(operator.tokens_valid_from);
        let pair = self.tokens.issue(operator, session, now);
        pair.ok_or_else(|| StoreError::Damaged("the token signing key".into()).into())
    }
}
