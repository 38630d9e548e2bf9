//! How a device's mind comes back: what the store remembers of it.

use super::activity;
use super::rpcs::{PendingRpc, Place};
use super::state::State;
use crate::model::attributes::Scope;
use crate::model::rpc::{RpcRecord, RpcState};
use crate::model::value::Key;
use crate::model::Millis;
use crate::store::{SharedStore, StoreError};
use std::sync::Arc;

/// Fills a fresh state; `false` when there is no such device.
pub async fn load(state: &mut State, store: &SharedStore, now: Millis) -> Result<bool, StoreError> {
    let device = state.device;
    if store.device(device).await?.is_none() {
        return Ok(false);
    }
    let keys = activity::KEYS.map(Key::const_new);
    for attribute in store.attributes(device, Scope::Server, Some(&keys)).await? {
        state.activity.load(&attribute.key, &attribute.value);
    }
    state.shared_revision = store.revision(device, Scope::Shared).await?;
    if let Some(cursor) = store.poll_cursor(device).await? {
        state.polls_mut().cursor = Some(cursor);
    }
    state.stored = store.session(device).await?.map(Box::new);
    if let Some(stored) = &mut state.stored {
        if stored.expires_at == Millis::MAX {
            // It was live when the platform went down: its time runs from now.
            let max = state.config.max_session_expiry.millis();
            stored.expires_at = now.saturating_add(max);
        }
    }
    let reserved = store.reserved_rpc_ids(device).await?;
    state.rpcs.next_id = reserved;
    state.rpcs.reserved = reserved;
    let pending = store.pending_rpcs(device).await?;
    state.rpcs.pending = pending.into_iter().map(revived).collect();
    Ok(true)
}

/// Not only QUEUED ones come back (contract/rpc.md 7.3): one that was sent is sent again, and
/// marked; one that was delivered waits for its reply.
fn revived(record: RpcRecord) -> PendingRpc {
    PendingRpc {
        order: Arc::new(record.order),
        request_id: record.request_id,
        state: record.state,
        attempts: record.attempts,
        place: match record.state {
            RpcState::Delivered => Place::Delivered,
            _ => Place::Waiting,
        },
        tried: record.state != RpcState::Queued,
    }
}
