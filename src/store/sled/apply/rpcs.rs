//! RPC records with the indexes of pending and of due ones.

use super::super::keys;
use super::super::tx::Tx;
use crate::model::ids::{DeviceId, RpcId};
use crate::model::rpc::RpcRecord;
use crate::store::error::StoreError;

pub fn put(tx: &mut Tx<'_>, record: &RpcRecord) -> Result<(), StoreError> {
    let id = record.order.id;
    delete(tx, id)?;
    tx.put_record(keys::rpc_owner(id), &record.device)?;
    if is_pending(record) {
        tx.put(keys::pending(record), Vec::new());
        tx.put_record(keys::due(record.order.expires, id), &record.device)?;
    }
    tx.put_record(keys::rpc(record.device, id), record)
}

pub fn delete(tx: &mut Tx<'_>, id: RpcId) -> Result<(), StoreError> {
    let owner = keys::rpc_owner(id);
    let Some(device) = tx.record::<DeviceId>("index", &owner)? else {
        return Ok(());
    };
    let key = keys::rpc(device, id);
    if let Some(old) = tx.record::<RpcRecord>("rpc", &key)? {
        tx.remove(keys::pending(&old));
        tx.remove(keys::due(old.order.expires, id));
    }
    tx.remove(key);
    tx.remove(owner);
    Ok(())
}

pub fn delete_all(tx: &mut Tx<'_>, device: DeviceId) -> Result<(), StoreError> {
    for key in tx.keys(&keys::of_device(b'r', device))? {
        if let Some(id) = keys::trailing_id(&key) {
            delete(tx, RpcId(id))?;
        }
    }
    Ok(())
}

fn is_pending(record: &RpcRecord) -> bool {
    !record.state.is_final(record.order.oneway)
}
