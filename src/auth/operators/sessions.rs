//! Logins and what comes of them: token sessions.
//!
//! A login begins a session; its refreshes go on with it. Sessions are void after a logout, after a
//! password change, and when a refresh token comes a second time.

use super::{check_new_password, Inner, OperatorError, Operators, Result, Speaker, TokenPair};
use crate::auth::detached::detached;
use crate::auth::first_start;
use crate::auth::tokens::{Kind, Read};
use crate::model::ids::OperatorId;
use crate::model::operator::Operator;
use crate::store::{Batch, Change, StoreError};
use std::net::IpAddr;
use std::time::Duration;
use uuid::Uuid;

impl Operators {
    /// Errors: `BadLogin`, `Disabled`, `Throttled`, `Store`.
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
        let now = self.operator(operator.id).ok_or(OperatorError::BadLogin)?;
        if now.password_hash != operator.password_hash {
            // Changed while the old one was being checked.
            return Err(OperatorError::BadLogin);
        }
        if now.disabled {
            return Err(OperatorError::Disabled);
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
            let until = inner.tokens.all_ended(inner.now());
            Ok(inner.revocations.revoke(&session, until).await?)
        })
        .await
    }

    /// Who speaks with this access token (without `Bearer `). Reads memory only.
    /// Errors: `TokenExpired`, `TokenInvalid`.
    pub fn verify(&self, token: &str) -> Result<Speaker> {
        let read = self.0.read(token, Kind::Access)?;
        let operator = self.operator(read.operator);
        let operator = operator.ok_or(OperatorError::TokenInvalid)?;
        Ok(Speaker {
            operator: read.operator,
            username: operator.username,
            role: operator.role,
            read_only: false,
            session: read.session,
            key: None,
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
        check_new_password(new)?;
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
        detached(async move { inner.replace_password(operator, hash).await }).await
    }
}

impl Inner {
    /// Whether the password is the operator's. Attempts under way count as failures; see `door`.
    async fn check(
        &self,
        name: &str,
        operator: Option<&Operator>,
        password: &str,
        peer: IpAddr,
    ) -> Result<bool> {
        let admitted = self.door.lock().admit(name, peer, self.now());
        let attempt = admitted.map_err(|wait| OperatorError::Throttled {
            retry_after: Duration::from_millis(wait.unsigned_abs()),
        })?;
        let hash = operator.map(|operator| operator.password_hash.as_str());
        let outcome = self.passwords.verify(password, hash).await;
        match outcome {
            Ok(true) => self.door.lock().succeeded(name, peer, attempt),
            Ok(false) => {}
            Err(_) => self.door.lock().take_back(name, peer, attempt),
        }
        if attempt.slow {
            tokio::time::sleep(self.login_delay).await;
        }
        Ok(outcome?)
    }

    /// What a token says, when it still counts. Errors: `TokenExpired`, `TokenInvalid`.
    fn read(&self, token: &str, kind: Kind) -> Result<Read> {
        let read = self.tokens.read(token, kind, self.now())?;
        let operators = self.operators.read();
        let operator = operators.get(&read.operator);
        let operator = operator.ok_or(OperatorError::TokenInvalid)?;
        let void = read.issued < operator.tokens_valid_from || operator.disabled;
        if void || self.revocations.is_void(&read.session) {
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
        let until = self.tokens.all_ended(self.now());
        self.revocations.remember(&read.session, until);
        if let Err(error) = self.revocations.revoke(&read.session, until).await {
            tracing::error!(%error, "the end of a token session could not be stored");
        }
    }

    async fn replace_password(&self, checked: Operator, hash: String) -> Result<TokenPair> {
        let _one_at_a_time = self.changes.lock().await;
        let present = self.operators.read().get(&checked.id).cloned();
        let mut operator = present.ok_or(OperatorError::CurrentPasswordWrong)?;
        if operator.password_hash != checked.password_hash {
            // Changed by somebody else since the current one was checked.
            return Err(OperatorError::CurrentPasswordWrong);
        }
        operator.password_hash = hash;
        operator.tokens_valid_from = void_tokens(&operator, self.now());
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
        let now = self.now().max(operator.tokens_valid_from);
        let pair = self.tokens.issue(operator, session, now);
        pair.ok_or_else(|| StoreError::Damaged("the token signing key".into()).into())
    }
}

/// One more than every token so far, also those of this very millisecond.
pub(in crate::auth) fn void_tokens(operator: &Operator, now: crate::model::Millis) -> i64 {
    operator.tokens_valid_from.max(now) + 1
}
