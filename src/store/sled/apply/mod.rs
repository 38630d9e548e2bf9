//! What each entity change does to the tables; the same facts as `memory::tables`, in sled's keys.
//! Telemetry is in `telemetry`.

mod attributes;
mod devices;
pub mod forms;
mod operators;
mod rpcs;

pub use attributes::{ScopeState, StoredAttribute};

use super::keys;
use super::tx::Tx;
use crate::model::device::Profile;
use crate::model::operator::Operator;
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
        Change::CredentialsPutV1(old) => devices::put_credentials(tx, &old.clone().into()),
        Change::CredentialsPut(credentials) => devices::put_credentials(tx, credentials),
        Change::ProfilePutV1(old) => put_profile(tx, &old.clone().into()),
        Change::ProfilePutV2(old) => put_profile(tx, &old.clone().into()),
        Change::ProfilePut(profile) => put_profile(tx, profile),
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
        Change::OperatorPutV1(old) => put_operator(tx, &old.clone().into()),
        Change::OperatorPut(operator) => put_operator(tx, operator),
        Change::OperatorDelete(id) => operators::delete(tx, *id),
        Change::ApiKeyPut(key) => tx.put_record(keys::api_key(key.id), key),
        Change::ApiKeyDelete(id) => {
            tx.remove(keys::api_key(*id));
            Ok(())
        }
        Change::AuditPut(row) => operators::put_audit(tx, row),
        Change::AuditExpire { upto } => operators::expire_audit(tx, *upto),
        Change::SystemPut { name, value } => tx.put_record(keys::system(name), value),
        Change::SessionRevoked(revoked) => operators::revoke(tx, revoked),
        Change::RevocationsExpire { before } => operators::forget_revocations(tx, *before),
    }
}

fn put_profile(tx: &mut Tx<'_>, profile: &Profile) -> Result<(), StoreError> {
    tx.put_form(keys::profile(profile.id), profile)
}

fn put_operator(tx: &mut Tx<'_>, operator: &Operator) -> Result<(), StoreError> {
    tx.put_form(keys::operator(operator.id), operator)
}
