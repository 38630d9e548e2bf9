//! Devices and credentials with their indexes.

use super::super::keys;
use super::super::tx::Tx;
use super::rpcs;
use crate::model::credentials::Credentials;
use crate::model::device::Device;
use crate::model::ids::DeviceId;
use crate::store::error::StoreError;

pub fn put(tx: &mut Tx<'_>, device: &Device) -> Result<(), StoreError> {
    remove_from_indexes(tx, device.id)?;
    tx.put_record(keys::device_by_name(&device.name), &device.id)?;
    let (created, id) = (device.created, device.id);
    tx.put_record(keys::by_age(created, id), &device.profile)?;
    tx.put_record(keys::by_name(&device.name, created, id), &device.profile)?;
    tx.put(keys::by_profile(device.profile, created, id), Vec::new());
    count(tx, keys::device_count(None), 1)?;
    count(tx, keys::device_count(Some(device.profile)), 1)?;
    tx.put_record(keys::device(id), device)
}

/// Telemetry excepted, which goes with `telemetry::delete`.
pub fn delete(tx: &mut Tx<'_>, device: DeviceId) -> Result<(), StoreError> {
    remove_from_indexes(tx, device)?;
    remove_credentials(tx, device)?;
    rpcs::delete_all(tx, device)?;
    tx.remove(keys::device(device));
    tx.remove(keys::session(device));
    tx.remove(keys::poll_cursor(device));
    tx.remove(keys::reserved_rpc_ids(device));
    for table in *b"vatu" {
        tx.remove_all(&keys::of_device(table, device))?;
    }
    Ok(())
}

pub fn put_credentials(tx: &mut Tx<'_>, credentials: &Credentials) -> Result<(), StoreError> {
    let device = credentials.device;
    remove_credentials(tx, device)?;
    tx.put_record(keys::credentials_id(credentials.id), &device)?;
    if let Some(former) = &credentials.former {
        tx.put_record(keys::lookup(&former.lookup), &device)?;
    }
    tx.put_record(keys::lookup(&credentials.lookup), &device)?;
    tx.put_form(keys::credentials(device), credentials)
}

fn remove_from_indexes(tx: &mut Tx<'_>, id: DeviceId) -> Result<(), StoreError> {
    let Some(old) = tx.record::<Device>("device", &keys::device(id))? else {
        return Ok(());
    };
    free(tx, keys::device_by_name(&old.name), id)?;
    tx.remove(keys::by_age(old.created, id));
    tx.remove(keys::by_name(&old.name, old.created, id));
    tx.remove(keys::by_profile(old.profile, old.created, id));
    count(tx, keys::device_count(None), -1)?;
    count(tx, keys::device_count(Some(old.profile)), -1)
}

/// Keeps the figure that pages tell as their total.
fn count(tx: &mut Tx<'_>, key: Vec<u8>, change: i64) -> Result<(), StoreError> {
    let count: i64 = tx.record("count", &key)?.unwrap_or(0) + change;
    if count == 0 {
        tx.remove(key);
        return Ok(());
    }
    tx.put_record(key, &count)
}

fn remove_credentials(tx: &mut Tx<'_>, device: DeviceId) -> Result<(), StoreError> {
    let key = keys::credentials(device);
    if let Some(old) = tx.form::<Credentials>(&key)? {
        free(tx, keys::credentials_id(old.id), device)?;
        free(tx, keys::lookup(&old.lookup), device)?;
        if let Some(former) = &old.former {
            free(tx, keys::lookup(&former.lookup), device)?;
        }
        tx.remove(key);
    }
    Ok(())
}

/// Frees an index entry unless another device has taken it since.
fn free(tx: &mut Tx<'_>, key: Vec<u8>, owner: DeviceId) -> Result<(), StoreError> {
    if tx.record::<DeviceId>("index", &key)? == Some(owner) {
        tx.remove(key);
    }
    Ok(())
}
