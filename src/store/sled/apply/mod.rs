//! What each entity change does to the tables; the same facts as `memory::tables`, in sled's keys.
//! Telemetry is in `telemetry`.

mod attributes;
mod devices;
pub mod profiles;
mod rpcs;

pub use attributes::{ScopeState, StoredAttribute};

use super::keys;
use super::tx::Tx;
use crate::model::operator::RevokedSession;
use crate::model::Millis;
use crate::store::batch::Change;
use crate::store::error::StoreError;

/// Applies everything of a change but its telemetry.
pub fn entity(tx: &mut Tx<'_>, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Telemetry { .. }
        | Change::TelemetryDelete { .. }
        | Change::TelemetryExpire { .. } => Ok(()),
        Change::AttributesPut {
            device,
            scope,
            at,
            entries,
        } => attributes::put(tx, *device, *scope, *at, entries),
        Change::AttributesDelete {
            device,
            scope,
            keys,
            ..
        } => attributes::delete(tx, *device, *scope, keys),
        Change::DevicePut(device) => devices::put(tx, device),
        Change::DeviceDelete(device) => devices::delete(tx, *device),
        Change::CredentialsPut(credentials) => devices::put_credentials(tx, credentials),
        Change::ProfilePutV1(old) => profiles::put(tx, &old.clone().into()),
        Change::ProfilePutV2(old) => profiles::put(tx, &old.clone().into()),
        Change::ProfilePut(profile) => profiles::put(tx, profile),
        Change::ProfileDelete(profile) => {
            tx.remove(keys::profile(*profile));
            Ok(())
        }
        Change::RpcPut(record) => rpcs::put(tx, record),
        Change::RpcDelete { rpc, .. } => rpcs::delete(tx, *rpc),
        Change::RpcIdsReserved { device, upto } => {
            tx.put_record(keys::reserved_rpc_ids(*device), upto)
        }
        Change::SessionPut { device, session } => tx.put_record(keys::session(*device), session),
        Change::PollCursor {
            device,
            acknowledged,
        } => tx.put_record(keys::poll_cursor(*device), acknowledged),
        Change::SessionDelete(device) => {
            tx.remove(keys::session(*device));
            Ok(())
        }
        Change::OperatorPut(operator) => tx.put_record(keys::operator(operator.id), operator),
        Change::SystemPut { name, value } => tx.put_record(keys::system(name), value),
        Change::SessionRevoked(revoked) => revoke(tx, revoked),
        Change::RevocationsExpire { before } => forget_revocations(tx, *before),
    }
}

/// The later `until` stands.
fn revoke(tx: &mut Tx<'_>, revoked: &RevokedSession) -> Result<(), StoreError> {
    let key = keys::revoked(&revoked.session);
    let held: Option<RevokedSession> = tx.record("revoked", &key)?;
    if held.is_some_and(|held| held.until >= revoked.until) {
        return Ok(());
    }
    tx.put_record(key, revoked)
}

/// A damaged one stays, to be reported when it is read.
fn forget_revocations(tx: &mut Tx<'_>, before: Millis) -> Result<(), StoreError> {
    for key in tx.keys(&keys::all_revoked())? {
        let held: Option<RevokedSession> = tx.record("revoked", &key)?;
        if held.is_some_and(|held| held.until < before) {
            tx.remove(key);
        }
    }
    Ok(())
}
