//! The list of operators, as administrators change it. At least one enabled administrator remains.

use super::sessions::void_tokens;
use super::{check_new_password, Inner, OperatorError, Operators, Result};
use crate::auth::detached::detached;
use crate::auth::material::random_text;
use crate::model::ids::OperatorId;
use crate::model::operator::{Operator, Role};
use crate::store::{Batch, Change};
use std::fmt;
use zeroize::Zeroizing;

/// Longest name, in characters.
const LONGEST_NAME: usize = 255;
/// 143 bits.
const GENERATED_CHARACTERS: usize = 24;

/// An operator as it shall be. `Debug` shows no password.
#[derive(Clone)]
pub struct OperatorOrder {
    /// 1 to 255 characters, unique without regard to case.
    pub username: String,
    pub role: Role,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Of a new one; `None`: generated. Left alone when updated.
    pub password: Option<Zeroizing<String>>,
}

impl fmt::Debug for OperatorOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorOrder")
            .field("username", &self.username)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What was saved, durable when you see it.
pub struct SavedOperator {
    pub record: Operator,
    /// Shown once.
    pub generated: Option<Zeroizing<String>>,
}

impl Operators {
    /// All, by name. Reads memory only.
    pub fn list(&self) -> Vec<Operator> {
        let mut all: Vec<Operator> = self.0.operators.read().values().cloned().collect();
        all.sort_by_cached_key(|one| (one.username.to_lowercase(), one.id));
        all
    }

    /// Errors: `NameMissing`, `NameTooLong`, `NameTaken`, `PasswordUnfit`, `TooManyOperators`,
    /// `Store`.
    pub async fn create(&self, order: OperatorOrder) -> Result<SavedOperator> {
        let generated = match &order.password {
            Some(given) => {
                check_new_password(given)?;
                None
            }
            None => Some(Zeroizing::new(random_text(GENERATED_CHARACTERS))),
        };
        let password = generated.as_ref().or(order.password.as_ref());
        let hash = match password {
            Some(password) => self.0.passwords.hash(password).await?,
            None => return Err(OperatorError::PasswordUnfit),
        };
        let inner = self.0.clone();
        let record = detached(async move { inner.create(order, hash).await }).await?;
        Ok(SavedOperator { record, generated })
    }

    /// Name and role. A lower role counts at once, for tokens and keys that are out, too.
    /// Errors: `Unknown`, `NameMissing`, `NameTooLong`, `NameTaken`, `LastAdministrator`, `Store`.
    pub async fn update(&self, id: OperatorId, order: OperatorOrder) -> Result<Operator> {
        let inner = self.0.clone();
        detached(async move {
            let _one_at_a_time = inner.changes.lock().await;
            let name = inner.free_name(&order.username, Some(id))?;
            let wanted = Operator {
                username: name,
                role: order.role,
                first_name: fitting(order.first_name)?,
                last_name: fitting(order.last_name)?,
                ..inner.present(id)?
            };
            inner.put(wanted).await
        })
        .await
    }

    /// A disabled one is not let in, and its tokens are void for good.
    /// Errors: `Unknown`, `LastAdministrator`, `Store`.
    pub async fn set_disabled(&self, id: OperatorId, disabled: bool) -> Result<Operator> {
        let inner = self.0.clone();
        detached(async move {
            let _one_at_a_time = inner.changes.lock().await;
            let mut wanted = inner.present(id)?;
            if disabled {
                wanted.tokens_valid_from = void_tokens(&wanted, inner.now());
            }
            wanted.disabled = disabled;
            inner.put(wanted).await
        })
        .await
    }

    /// All tokens of the operator are void; its keys stay.
    /// Errors: `Unknown`, `PasswordUnfit`, `Store`.
    pub async fn set_password(&self, id: OperatorId, password: &str) -> Result<()> {
        check_new_password(password)?;
        let hash = self.0.passwords.hash(password).await?;
        let inner = self.0.clone();
        detached(async move {
            let _one_at_a_time = inner.changes.lock().await;
            let mut wanted = inner.present(id)?;
            wanted.password_hash = hash;
            wanted.tokens_valid_from = void_tokens(&wanted, inner.now());
            inner.put(wanted).await.map(|_| ())
        })
        .await
    }

    /// With its keys. Errors: `Unknown`, `LastAdministrator`, `Store`.
    pub async fn delete(&self, id: OperatorId) -> Result<Operator> {
        let inner = self.0.clone();
        detached(async move {
            let _one_at_a_time = inner.changes.lock().await;
            let gone = inner.present(id)?;
            inner.another_administrator(id)?;
            let batch = Batch::of_system(vec![Change::OperatorDelete(id)]);
            inner.store.commit(batch).await?;
            inner.operators.write().remove(&id);
            inner.keys.write().retain(|_, key| key.owner != id);
            Ok(gone)
        })
        .await
    }
}

impl Inner {
    fn present(&self, id: OperatorId) -> Result<Operator> {
        let found = self.operators.read().get(&id).cloned();
        found.ok_or(OperatorError::Unknown(id))
    }

    async fn create(&self, order: OperatorOrder, hash: String) -> Result<Operator> {
        let _one_at_a_time = self.changes.lock().await;
        if self.operators.read().len() >= self.most_operators {
            return Err(OperatorError::TooManyOperators(self.most_operators));
        }
        let operator = Operator {
            id: OperatorId::new(),
            created: self.now(),
            username: self.free_name(&order.username, None)?,
            password_hash: hash,
            tokens_valid_from: 0,
            role: order.role,
            disabled: false,
            first_name: fitting(order.first_name)?,
            last_name: fitting(order.last_name)?,
        };
        self.put(operator).await
    }

    async fn put(&self, operator: Operator) -> Result<Operator> {
        if operator.role != Role::Administrator || operator.disabled {
            self.another_administrator(operator.id)?;
        }
        let put = Change::OperatorPut(operator.clone());
        self.store.commit(Batch::of_system(vec![put])).await?;
        self.operators.write().insert(operator.id, operator.clone());
        Ok(operator)
    }

    /// Errors: `LastAdministrator` when nobody but `id` could run the platform.
    fn another_administrator(&self, id: OperatorId) -> Result<()> {
        let operators = self.operators.read();
        let other = operators
            .values()
            .any(|one| one.id != id && one.role == Role::Administrator && !one.disabled);
        other.then_some(()).ok_or(OperatorError::LastAdministrator)
    }

    /// The trimmed name, if nobody but `id` has it.
    fn free_name(&self, name: &str, id: Option<OperatorId>) -> Result<String> {
        let name = name.trim();
        if name.is_empty() {
            return Err(OperatorError::NameMissing);
        }
        if name.chars().count() > LONGEST_NAME {
            return Err(OperatorError::NameTooLong);
        }
        match self.by_name(&name.to_lowercase()) {
            Some(holder) if Some(holder.id) != id => Err(OperatorError::NameTaken(name.to_owned())),
            _ => Ok(name.to_owned()),
        }
    }
}

fn fitting(name: Option<String>) -> Result<Option<String>> {
    let name = name.filter(|name| !name.is_empty());
    match &name {
        Some(name) if name.chars().count() > LONGEST_NAME => Err(OperatorError::NameTooLong),
        _ => Ok(name),
    }
}
