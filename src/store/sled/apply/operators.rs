//! Operators, their keys, revoked token sessions, the audit log.

use super::super::keys;
use super::super::tx::Tx;
use crate::model::audit::AuditRow;
use crate::model::ids::{AuditId, OperatorId};
use crate::model::operator::{ApiKey, RevokedSession};
use crate::model::Millis;
use crate::store::error::StoreError;

/// The later `until` stands.
pub fn revoke(tx: &mut Tx<'_>, revoked: &RevokedSession) -> Result<(), StoreError> {
    let key = keys::revoked(&revoked.session);
    let held: Option<RevokedSession> = tx.record("revoked", &key)?;
    if held.is_some_and(|held| held.until >= revoked.until) {
        return Ok(());
    }
    tx.put_record(key, revoked)
}

/// A damaged one stays, to be reported when it is read.
pub fn forget_revocations(tx: &mut Tx<'_>, before: Millis) -> Result<(), StoreError> {
    for key in tx.keys(&keys::all_revoked())? {
        let held: Option<RevokedSession> = tx.record("revoked", &key)?;
        if held.is_some_and(|held| held.until < before) {
            tx.remove(key);
        }
    }
    Ok(())
}

/// With its keys; they are few.
pub fn delete(tx: &mut Tx<'_>, id: OperatorId) -> Result<(), StoreError> {
    tx.remove(keys::operator(id));
    for key in tx.keys(&keys::api_keys())? {
        let held: Option<ApiKey> = tx.record("api key", &key)?;
        if held.is_some_and(|held| held.owner == id) {
            tx.remove(key);
        }
    }
    Ok(())
}

pub fn put_audit(tx: &mut Tx<'_>, row: &AuditRow) -> Result<(), StoreError> {
    tx.put_record(keys::audit(row.place()), row)
}

pub fn expire_audit(tx: &mut Tx<'_>, upto: (Millis, AuditId)) -> Result<(), StoreError> {
    let last = keys::audit(upto);
    let rows = tx.keys(&keys::all_audit())?.into_iter();
    for key in rows.take_while(|key| *key <= last) {
        tx.remove(key);
    }
    Ok(())
}
