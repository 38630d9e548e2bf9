//! Operators, their keys, secrets of the node, revoked token sessions, the audit log.

use super::super::apply::forms::Form;
use super::super::table::Table;
use super::super::{keys, record, SledStore};
use crate::model::audit::AuditRow;
use crate::model::ids::OperatorId;
use crate::model::operator::{ApiKey, Operator, RevokedSession};
use crate::model::query::Page;
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::traits::OperatorStore;
use async_trait::async_trait;
use std::ops::Range;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl OperatorStore for SledStore {
    async fn operator(&self, id: OperatorId) -> Result<Option<Operator>> {
        self.read_form(&keys::operator(id))
    }

    async fn operator_by_name(&self, username: &str) -> Result<Option<Operator>> {
        let wanted = username.to_lowercase();
        let mut operators = self.operators().await?.into_iter();
        Ok(operators.find(|operator| operator.username.to_lowercase() == wanted))
    }

    async fn operators(&self) -> Result<Vec<Operator>> {
        let rows = self.engine().table.scan(&keys::operators());
        rows.map(|row| Operator::decode(&row?.1)).collect()
    }

    async fn system(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.read("system", &keys::system(name))
    }

    async fn revoked_sessions(&self, now: Millis) -> Result<Vec<RevokedSession>> {
        let mut revoked: Vec<RevokedSession> = self.read_all("revoked", &keys::all_revoked())?;
        revoked.retain(|record| record.until >= now);
        Ok(revoked)
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        self.read_all("api key", &keys::api_keys())
    }

    async fn audit(
        &self,
        range: Range<Millis>,
        skip: usize,
        limit: usize,
    ) -> Result<Page<AuditRow>> {
        self.aside(move |engine| audit(&engine.table, &range, skip, limit))
            .await
    }
}

/// Only the rows of the page are decoded; the others are counted.
fn audit(
    table: &Table,
    range: &Range<Millis>,
    skip: usize,
    limit: usize,
) -> Result<Page<AuditRow>> {
    let mut page = Page {
        rows: Vec::new(),
        total: 0,
    };
    if range.start >= range.end {
        return Ok(page);
    }
    let inside = keys::audit_from(range.start)..keys::audit_from(range.end);
    for key in table.rows(inside).backwards().keys() {
        let key = key?;
        if page.total >= skip && page.rows.len() < limit {
            if let Some(value) = table.get(&key)? {
                page.rows.push(record::decode("audit", &value)?);
            }
        }
        page.total += 1;
    }
    Ok(page)
}
