//! Rows of a device's own live stream: what arrived, what was refused and why.

use super::ids::{DeviceId, RpcId};
use super::reject::Reason;
use super::rpc::RpcState;
use super::session::Transport;
use super::Millis;
use std::sync::Arc;

/// One row. Cheap to clone; many listeners share it.
#[derive(Clone, Debug)]
pub struct DeviceEvent {
    pub device: DeviceId,
    pub at: Millis,
    pub transport: Option<Transport>,
    pub kind: Arc<EventKind>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    Connected {
        client_id: String,
        resumed: bool,
    },
    Disconnected {
        reason: String,
    },
    TelemetrySaved {
        points: u32,
    },
    AttributesSaved {
        scope: super::attributes::Scope,
        keys: u32,
    },
    AttributesDeleted {
        scope: super::attributes::Scope,
        keys: u32,
    },
    /// `rpc` is the REST id; lightweight RPCs have one too.
    Rpc {
        rpc: RpcId,
        request_id: i32,
        method: String,
        state: RpcState,
    },
    /// A client-side RPC and whether something answered it.
    ClientRpc {
        method: String,
        handled: bool,
    },
    Refused {
        reason: Reason,
        detail: String,
    },
    Active,
    Inactive,
}
