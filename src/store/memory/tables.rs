//! What the batches add up to: the oracle's whole state and how each change moves it.

use super::attributes::ScopeState;
use super::series::Series;
use crate::model::attributes::{Revision, Scope};
use crate::model::audit::AuditRow;
use crate::model::credentials::Credentials;
use crate::model::device::{Device, Profile};
use crate::model::ids::{ApiKeyId, AuditId, CredentialsId, DeviceId, OperatorId, ProfileId, RpcId};
use crate::model::operator::{ApiKey, Operator};
use crate::model::rpc::RpcRecord;
use crate::model::session::StoredSession;
use crate::model::Millis;
use crate::store::batch::Change;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub devices: BTreeMap<DeviceId, Device>,
    pub names: BTreeMap<String, DeviceId>,
    pub credentials: BTreeMap<DeviceId, Credentials>,
    pub credentials_ids: BTreeMap<CredentialsId, DeviceId>,
    pub lookups: BTreeMap<String, DeviceId>,
    pub profiles: BTreeMap<ProfileId, Profile>,
    pub series: BTreeMap<DeviceId, Series>,
    pub attributes: BTreeMap<(DeviceId, Scope), ScopeState>,
    pub rpcs: BTreeMap<RpcId, RpcRecord>,
    pub reserved_rpc_ids: BTreeMap<DeviceId, i32>,
    pub sessions: BTreeMap<DeviceId, StoredSession>,
    pub poll_cursors: BTreeMap<DeviceId, Revision>,
    pub operators: BTreeMap<OperatorId, Operator>,
    pub system: BTreeMap<String, Vec<u8>>,
    pub revoked: BTreeMap<String, Millis>,
    /// Changes of devices, credentials and profiles so far.
    pub directory: u64,
    pub api_keys: BTreeMap<ApiKeyId, ApiKey>,
    pub audit: BTreeMap<(Millis, AuditId), AuditRow>,
}

impl Tables {
    pub fn apply(&mut self, change: &Change) {
        self.directory += u64::from(change.is_of_directory());
        match change {
            Change::Telemetry {
                device,
                origin,
                rows,
            } => {
                self.series.entry(*device).or_default().put(*origin, rows);
            }
            Change::TelemetryDelete {
                device,
                keys,
                selection,
            } => {
                if let Some(series) = self.series.get_mut(device) {
                    series.delete(keys, selection);
                }
            }
            Change::TelemetryExpire { device, before } => {
                if let Some(series) = self.series.get_mut(device) {
                    series.expire(*before);
                }
            }
            Change::AttributesPut {
                device,
                scope,
                at,
                entries,
            } => {
                self.scope(*device, *scope).put(*at, entries);
            }
            Change::AttributesDelete {
                device,
                scope,
                keys,
                ..
            } => {
                self.scope(*device, *scope).delete(keys);
            }
            Change::DevicePut(device) => self.put_device(device),
            Change::DeviceDelete(device) => self.delete_device(*device),
            Change::CredentialsPutV1(old) => self.put_credentials(&old.clone().into()),
            Change::CredentialsPut(credentials) => self.put_credentials(credentials),
            Change::ProfilePutV1(old) => {
                self.profiles.insert(old.id, old.clone().into());
            }
            Change::ProfilePutV2(old) => {
                self.profiles.insert(old.id, old.clone().into());
            }
            Change::ProfilePut(profile) => {
                self.profiles.insert(profile.id, profile.clone());
            }
            Change::ProfileDelete(profile) => {
                self.profiles.remove(profile);
            }
            Change::RpcPut(record) => {
                self.rpcs.insert(record.order.id, record.clone());
            }
            Change::RpcDelete { rpc, .. } => {
                self.rpcs.remove(rpc);
            }
            Change::RpcIdsReserved { device, upto } => {
                self.reserved_rpc_ids.insert(*device, *upto);
            }
            Change::SessionPut { device, session } => {
                self.sessions.insert(*device, session.clone());
            }
            Change::PollCursor {
                device,
                acknowledged,
            } => {
                self.poll_cursors.insert(*device, *acknowledged);
            }
            Change::SessionDelete(device) => {
                self.sessions.remove(device);
            }
            Change::OperatorPutV1(old) => {
                self.operators.insert(old.id, old.clone().into());
            }
            Change::OperatorPut(operator) => {
                self.operators.insert(operator.id, operator.clone());
            }
            Change::OperatorDelete(id) => {
                self.operators.remove(id);
                self.api_keys.retain(|_, key| key.owner != *id);
            }
            Change::ApiKeyPut(key) => {
                self.api_keys.insert(key.id, key.clone());
            }
            Change::ApiKeyDelete(id) => {
                self.api_keys.remove(id);
            }
            Change::AuditPut(row) => {
                self.audit.insert(row.place(), row.clone());
            }
            Change::AuditExpire { upto } => {
                self.audit.retain(|place, _| place > upto);
            }
            Change::SystemPut { name, value } => {
                self.system.insert(name.clone(), value.clone());
            }
            Change::SessionRevoked(revoked) => {
                let until = self
                    .revoked
                    .entry(revoked.session.clone())
                    .or_insert(revoked.until);
                *until = (*until).max(revoked.until);
            }
            Change::RevocationsExpire { before } => {
                self.revoked.retain(|_, until| *until >= *before);
            }
        }
    }

    fn scope(&mut self, device: DeviceId, scope: Scope) -> &mut ScopeState {
        self.attributes.entry((device, scope)).or_default()
    }

    fn put_device(&mut self, device: &Device) {
        if let Some(old) = self.devices.insert(device.id, device.clone()) {
            free(&mut self.names, &old.name, device.id);
        }
        self.names.insert(device.name.clone(), device.id);
    }

    fn put_credentials(&mut self, credentials: &Credentials) {
        let device = credentials.device;
        self.remove_credentials(device);
        self.credentials_ids.insert(credentials.id, device);
        if let Some(former) = &credentials.former {
            self.lookups.insert(former.lookup.clone(), device);
        }
        self.lookups.insert(credentials.lookup.clone(), device);
        self.credentials.insert(device, credentials.clone());
    }

    fn remove_credentials(&mut self, device: DeviceId) {
        if let Some(old) = self.credentials.remove(&device) {
            free(&mut self.credentials_ids, &old.id, device);
            free(&mut self.lookups, &old.lookup, device);
            if let Some(former) = &old.former {
                free(&mut self.lookups, &former.lookup, device);
            }
        }
    }

    fn delete_device(&mut self, device: DeviceId) {
        if let Some(old) = self.devices.remove(&device) {
            free(&mut self.names, &old.name, device);
        }
        self.remove_credentials(device);
        self.series.remove(&device);
        self.attributes.retain(|(owner, _), _| *owner != device);
        self.rpcs.retain(|_, record| record.device != device);
        self.reserved_rpc_ids.remove(&device);
        self.sessions.remove(&device);
        self.poll_cursors.remove(&device);
    }
}

/// Frees an index entry unless another device has taken it since.
fn free<K: Ord + Clone>(index: &mut BTreeMap<K, DeviceId>, key: &K, owner: DeviceId) {
    if index.get(key) == Some(&owner) {
        index.remove(key);
    }
}
