//! Operators, secrets of the node, revoked token sessions.

use super::super::{keys, SledStore};
use crate::model::ids::OperatorId;
use crate::model::operator::{Operator, RevokedSession};
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::traits::OperatorStore;
use async_trait::async_trait;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl OperatorStore for SledStore {
    async fn operator(&self, id: OperatorId) -> Result<Option<Operator>> {
        self.read("operator", &keys::operator(id))
    }

    async fn operator_by_name(&self, username: &str) -> Result<Option<Operator>> {
        let wanted = username.to_lowercase();
        let mut operators = self.operators().await?.into_iter();
        Ok(operators.find(|operator| operator.username.to_lowercase() == wanted))
    }

    async fn operators(&self) -> Result<Vec<Operator>> {
        self.read_all("operator", &keys::operators())
    }

    async fn system(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.read("system", &keys::system(name))
    }

    async fn revoked_sessions(&self, now: Millis) -> Result<Vec<RevokedSession>> {
        let mut revoked: Vec<RevokedSession> = self.read_all("revoked", &keys::all_revoked())?;
        revoked.retain(|record| record.until >= now);
        Ok(revoked)
    }
}
