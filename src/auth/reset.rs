//! A new password for an operator who has lost it: on the machine, while the platform is stopped.

use super::first_start;
use super::material::random_text;
use super::operators::void_tokens;
use super::passwords::Passwords;
use super::{Clock, GeneratedPassword};
use crate::model::audit::{AuditRow, Via};
use crate::model::ids::AuditId;
use crate::model::operator::{Operator, Role};
use crate::store::{Batch, Change, SharedStore, StoreError};
use std::fmt;
use zeroize::Zeroizing;

const GENERATED_CHARACTERS: usize = 24;

/// `Display` is one line for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResetError {
    /// The names there are.
    Unknown {
        asked: String,
        known: Vec<String>,
    },
    /// No name was given, and there is not just one administrator.
    Which(Vec<String>),
    Store(StoreError),
}

impl fmt::Display for ResetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResetError::Unknown { asked, known } => {
                write!(
                    f,
                    "there is no user `{asked}`; known are: {}",
                    known.join(", ")
                )
            }
            ResetError::Which(names) => {
                write!(f, "name the user; administrators are: {}", names.join(", "))
            }
            ResetError::Store(error) => error.fmt(f),
        }
    }
}

impl From<StoreError> for ResetError {
    fn from(error: StoreError) -> Self {
        ResetError::Store(error)
    }
}

/// Gives the operator (`None`: the only administrator) a generated password, voids its tokens and
/// its API keys, and lets it in again if it was disabled. Durable when it returns.
pub async fn reset_password(
    store: &SharedStore,
    username: Option<&str>,
    clock: Clock,
) -> Result<GeneratedPassword, ResetError> {
    let operators = store.operators().await?;
    let mut operator = chosen(operators, username)?;
    let password = Zeroizing::new(random_text(GENERATED_CHARACTERS));
    operator.password_hash = Passwords::new().hash(&password).await?;
    operator.tokens_valid_from = void_tokens(&operator, clock());
    operator.disabled = false;
    let keys = store.api_keys().await?;
    let keys = keys.into_iter().filter(|key| key.owner == operator.id);
    let mut changes: Vec<Change> = keys.map(|key| Change::ApiKeyDelete(key.id)).collect();
    changes.push(Change::AuditPut(told(&operator, changes.len(), clock())));
    let username = operator.username.clone();
    changes.push(Change::OperatorPut(operator));
    changes.push(first_start::seen());
    store.commit(Batch::of_system(changes)).await?;
    Ok(GeneratedPassword { username, password })
}

fn chosen(operators: Vec<Operator>, username: Option<&str>) -> Result<Operator, ResetError> {
    let names = |wanted: fn(&Operator) -> bool| {
        let wanted = operators.iter().filter(|one| wanted(one));
        wanted.map(|one| one.username.clone()).collect::<Vec<_>>()
    };
    let is_administrator = |one: &Operator| one.role == Role::Administrator;
    match username {
        Some(asked) => {
            let name = asked.trim().to_lowercase();
            let found = operators
                .iter()
                .find(|one| one.username.to_lowercase() == name);
            found.cloned().ok_or_else(|| ResetError::Unknown {
                asked: asked.to_owned(),
                known: names(|_| true),
            })
        }
        None => {
            let administrators = names(is_administrator);
            let mut found = operators.iter().filter(|one| is_administrator(one));
            match (found.next(), found.next()) {
                (Some(one), None) => Ok(one.clone()),
                _ => Err(ResetError::Which(administrators)),
            }
        }
    }
}

fn told(operator: &Operator, keys: usize, at: i64) -> AuditRow {
    AuditRow {
        id: AuditId::new(),
        at,
        operator: None,
        username: operator.username.clone(),
        via: Via::Console,
        from: None,
        action: "admin reset-password".into(),
        entity: format!("USER {} {}", operator.id, operator.username),
        status: 200,
        detail: format!("tokens are void; {keys} API key(s) deleted"),
    }
}
