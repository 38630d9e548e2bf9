//! What each entity change does to the tables; the same facts as `memory::tables`, in sled's keys.
//! Telemetry is in `telemetry`.

mod attributes;
mod devices;
mod rpcs;

pub use attributes::{ScopeState, StoredAttribute};

use super::keys;
use super::tx::Tx;
use crate::model::operator::RevokedSession;
use crate::store::batch::Change;
use crate::store::error::StoreError;

/// Applies everything of a change but its telemetry.
pub fn entity(tx: &mut Tx<'_>, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Telemetry { .. } | Change::TelemetryDelete { .. } => Ok(()),
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
        Change::ProfilePut(profile) => tx.put_record(keys::profile(profile.id), profile),
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
