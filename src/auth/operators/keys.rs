//! API keys: they speak for their owner, with at most the owner's rights. A key is 238 random bits
//! and shown once; its digest is what is kept and looked up, so neither the look-up's time nor the
//! store tells anything of it.

use super::{Inner, OperatorError, Operators, Result, Speaker};
use crate::auth::detached::detached;
use crate::auth::material::random_text;
use crate::model::ids::{ApiKeyId, OperatorId};
use crate::model::operator::{ApiKey, Role};
use crate::model::Millis;
use crate::store::{Batch, Change};
use sha3::{Digest, Sha3_256};
use zeroize::Zeroizing;

/// So that a key that leaked is known for what it is.
const PREFIX: &str = "ios_";
const CHARACTERS: usize = 40;
/// Longest description, in characters.
const LONGEST: usize = 255;

/// A key as it shall be.
#[derive(Clone, Debug)]
pub struct KeyOrder {
    pub description: String,
    pub role: Role,
    pub read_only: bool,
    /// Epoch ms; `None` = never.
    pub expires: Option<Millis>,
}

/// A key that was made.
pub struct NewKey {
    pub record: ApiKey,
    /// Shown once.
    pub key: Zeroizing<String>,
}

impl Operators {
    /// Who speaks with this key. Reads memory only.
    /// Errors: `KeyInvalid` (also of a disabled owner), `KeyExpired`.
    pub fn verify_key(&self, key: &str) -> Result<Speaker> {
        let found = self.0.keys.read().get(&digest(key)).cloned();
        let found = found.ok_or(OperatorError::KeyInvalid)?;
        if found.expires.is_some_and(|end| end <= self.0.now()) {
            return Err(OperatorError::KeyExpired);
        }
        let owner = self.operator(found.owner).filter(|owner| !owner.disabled);
        let owner = owner.ok_or(OperatorError::KeyInvalid)?;
        Ok(Speaker {
            operator: owner.id,
            username: owner.username,
            role: owner.role.min(found.role),
            read_only: found.read_only,
            session: String::new(),
            key: Some(found.id),
            expires: found.expires.unwrap_or(Millis::MAX),
        })
    }

    /// Keys of one operator or of all, oldest first. Reads memory only.
    pub fn keys(&self, owner: Option<OperatorId>) -> Vec<ApiKey> {
        let keys = self.0.keys.read();
        let wanted = |key: &&ApiKey| owner.is_none_or(|owner| key.owner == owner);
        let mut found: Vec<ApiKey> = keys.values().filter(wanted).cloned().collect();
        found.sort_by_key(|key| (key.created, key.id));
        found
    }

    /// A key for the speaker.
    /// Errors: `RoleTooHigh`, `KeyExpiresInThePast`, `NameTooLong`, `TooManyKeys`, `Unknown`,
    /// `Store`.
    pub async fn create_key(&self, speaker: &Speaker, order: KeyOrder) -> Result<NewKey> {
        let (inner, owner) = (self.0.clone(), speaker.operator);
        detached(async move { inner.create_key(owner, order).await }).await
    }

    /// Void once this returns. `owner`: only when it is this one's.
    /// Errors: `KeyUnknown`, `Store`.
    pub async fn delete_key(&self, id: ApiKeyId, owner: Option<OperatorId>) -> Result<ApiKey> {
        let inner = self.0.clone();
        detached(async move {
            let _one_at_a_time = inner.changes.lock().await;
            let found = inner.key(id);
            let found = found.filter(|key| owner.is_none_or(|owner| key.owner == owner));
            let gone = found.ok_or(OperatorError::KeyUnknown(id))?;
            let batch = Batch::of_system(vec![Change::ApiKeyDelete(id)]);
            inner.store.commit(batch).await?;
            inner.keys.write().remove(&gone.digest);
            Ok(gone)
        })
        .await
    }
}

impl Inner {
    fn key(&self, id: ApiKeyId) -> Option<ApiKey> {
        let keys = self.keys.read();
        let found = keys.values().find(|key| key.id == id);
        found.cloned()
    }

    fn keys_of(&self, owner: OperatorId) -> usize {
        let keys = self.keys.read();
        keys.values().filter(|key| key.owner == owner).count()
    }

    async fn create_key(&self, owner: OperatorId, order: KeyOrder) -> Result<NewKey> {
        let _one_at_a_time = self.changes.lock().await;
        let holder = self.operators.read().get(&owner).cloned();
        let holder = holder.ok_or(OperatorError::Unknown(owner))?;
        if order.role > holder.role {
            return Err(OperatorError::RoleTooHigh);
        }
        if order.expires.is_some_and(|end| end <= self.now()) {
            return Err(OperatorError::KeyExpiresInThePast);
        }
        if order.description.chars().count() > LONGEST {
            return Err(OperatorError::NameTooLong);
        }
        if self.keys_of(owner) >= self.most_keys {
            return Err(OperatorError::TooManyKeys(self.most_keys));
        }
        let key = Zeroizing::new(format!("{PREFIX}{}", random_text(CHARACTERS)));
        let record = ApiKey {
            id: ApiKeyId::new(),
            owner,
            created: self.now(),
            description: order.description,
            digest: digest(&key),
            role: order.role,
            read_only: order.read_only,
            expires: order.expires,
        };
        let put = Change::ApiKeyPut(record.clone());
        self.store.commit(Batch::of_system(vec![put])).await?;
        self.keys.write().insert(record.digest, record.clone());
        Ok(NewKey { record, key })
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha3_256::digest(key.as_bytes()).into()
}
