//! RPC records and persistent sessions.

use super::super::{keys, SledStore};
use crate::model::attributes::Revision;
use crate::model::ids::{DeviceId, RpcId};
use crate::model::query::{Page, PageRequest};
use crate::model::rpc::{RpcRecord, RpcState};
use crate::model::session::StoredSession;
use crate::model::Millis;
use crate::store::error::StoreError;
use crate::store::paging;
use crate::store::traits::{RpcStore, SessionStore};
use async_trait::async_trait;

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl RpcStore for SledStore {
    async fn rpc(&self, id: RpcId) -> Result<Option<RpcRecord>> {
        match self.read("index", &keys::rpc_owner(id))? {
            Some(device) => self.read("rpc", &keys::rpc(device, id)),
            None => Ok(None),
        }
    }

    async fn pending_rpcs(&self, device: DeviceId) -> Result<Vec<RpcRecord>> {
        let mut found = Vec::new();
        let prefix = keys::of_device(b'q', device);
        for key in self.engine().table.rows_with(&prefix).keys() {
            if let Some(id) = keys::trailing_id(&key?) {
                let key = keys::rpc(device, RpcId(id));
                found.extend(self.read::<RpcRecord>("rpc", &key)?);
            }
        }
        Ok(found)
    }

    async fn rpcs(
        &self,
        device: DeviceId,
        state: Option<RpcState>,
        page: &PageRequest,
    ) -> Result<Page<RpcRecord>> {
        let mut records: Vec<RpcRecord> = self.read_all("rpc", &keys::of_device(b'r', device))?;
        records.retain(|record| state.is_none_or(|state| record.state == state));
        Ok(paging::page_of_rpcs(records, page))
    }

    async fn reserved_rpc_ids(&self, device: DeviceId) -> Result<i32> {
        let reserved = self.read("reserved", &keys::reserved_rpc_ids(device))?;
        Ok(reserved.unwrap_or(0))
    }

    async fn rpcs_due(&self, now: Millis, limit: usize) -> Result<Vec<(DeviceId, RpcId)>> {
        let (start, end) = keys::due_until(now);
        let mut found = Vec::new();
        for row in self.engine().table.rows(start..end).take(limit) {
            let (key, value) = row?;
            if let Some(id) = keys::trailing_id(&key) {
                found.push((super::super::record::decode("due", &value)?, RpcId(id)));
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl SessionStore for SledStore {
    async fn session(&self, device: DeviceId) -> Result<Option<StoredSession>> {
        self.read("session", &keys::session(device))
    }

    async fn poll_cursor(&self, device: DeviceId) -> Result<Option<Revision>> {
        self.read("poll cursor", &keys::poll_cursor(device))
    }
}
