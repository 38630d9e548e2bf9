//! Operators: who they are, what they may do, how they come in (contract/admin-rest.md 1).
//!
//! `sessions`: logins and their tokens. `keys`: API keys. `people`: the list of operators itself.
//! All of them are in memory; whatever changes goes one after the other through one lock, and to
//! the store before memory.

mod door;
mod error;
mod keys;
mod people;
mod sessions;

pub use error::OperatorError;
pub use keys::{KeyOrder, NewKey};
pub use people::{OperatorOrder, SavedOperator};
pub(super) use sessions::void_tokens;

use super::first_start::{self, Start};
use super::passwords::{Passwords, LONGEST};
use super::revocations::Revocations;
use super::throttle::Throttle;
use super::tokens::Tokens;
use super::{Clock, Config};
use crate::model::ids::{ApiKeyId, OperatorId};
use crate::model::operator::{ApiKey, Operator, Role};
use crate::model::Millis;
use crate::store::{Batch, SharedStore, StoreError};
use door::Door;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

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
    door: Mutex<Door>,
    /// All of them; there are few. Written only under `changes`, after the commit.
    operators: RwLock<HashMap<OperatorId, Operator>>,
    /// By digest; as `operators`.
    keys: RwLock<HashMap<[u8; 32], ApiKey>>,
    most_operators: usize,
    most_keys: usize,
    login_delay: std::time::Duration,
    /// One change at a time.
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

/// Whom a valid access token or API key names, and what it may do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    pub operator: OperatorId,
    pub username: String,
    pub role: Role,
    /// May change nothing.
    pub read_only: bool,
    /// The `sessionId` claim: one login and its refreshes. Empty for API keys.
    pub session: String,
    /// The API key that speaks.
    pub key: Option<ApiKeyId>,
    /// Epoch ms when the token ends.
    pub expires: Millis,
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
        let keys = store.api_keys().await?;
        let keys = keys.into_iter().map(|one| (one.digest, one)).collect();
        Ok(Self(Arc::new(Inner {
            revocations: Revocations::open(store.clone(), clock.clone()).await?,
            store,
            clock,
            passwords,
            tokens: Tokens::new(&start.token_key, life, refresh),
            door: Mutex::new(Door::new(throttle, config.login_subjects)),
            operators: RwLock::new(operators),
            keys: RwLock::new(keys),
            most_operators: config.max_operators,
            most_keys: config.max_api_keys,
            login_delay: config.login_delay.0,
            changes: tokio::sync::Mutex::new(()),
            unseen: AtomicBool::new(start.unseen),
        })))
    }

    /// Reads memory only.
    pub fn operator(&self, id: OperatorId) -> Option<Operator> {
        self.0.operators.read().get(&id).cloned()
    }

    /// Without regard to case. Reads memory only.
    pub fn named(&self, username: &str) -> Option<Operator> {
        self.0.by_name(&username.trim().to_lowercase())
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

    fn now(&self) -> Millis {
        (self.clock)()
    }
}

/// Errors: `PasswordUnfit`.
fn check_new_password(password: &str) -> Result<()> {
    let fits = password.chars().count() >= SHORTEST && password.len() <= LONGEST;
    fits.then_some(()).ok_or(OperatorError::PasswordUnfit)
}
