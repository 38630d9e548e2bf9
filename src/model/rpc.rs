//! Server-side RPC (contract/rpc.md): orders, their states, their records.

use super::ids::{DeviceId, RpcId};
use super::Millis;
use serde::{Deserialize, Serialize};

/// States of an RPC (contract/rpc.md 3). The order is part of the on-disk format (append only).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum RpcState {
    Queued,
    Sent,
    Delivered,
    Successful,
    Timeout,
    Expired,
    Failed,
}

impl RpcState {
    /// The REST name, e.g. `QUEUED`.
    pub fn name(self) -> &'static str {
        match self {
            RpcState::Queued => "QUEUED",
            RpcState::Sent => "SENT",
            RpcState::Delivered => "DELIVERED",
            RpcState::Successful => "SUCCESSFUL",
            RpcState::Timeout => "TIMEOUT",
            RpcState::Expired => "EXPIRED",
            RpcState::Failed => "FAILED",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        use RpcState::*;
        [
            Queued, Sent, Delivered, Successful, Timeout, Expired, Failed,
        ]
        .into_iter()
        .find(|state| state.name() == name)
    }

    /// True when nothing more will happen; DELIVERED ends a one-way RPC only.
    pub fn is_final(self, oneway: bool) -> bool {
        matches!(
            self,
            RpcState::Successful | RpcState::Expired | RpcState::Failed
        ) || (oneway && self == RpcState::Delivered)
    }
}

/// An RPC as it is asked for, already validated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RpcOrder {
    pub id: RpcId,
    pub oneway: bool,
    pub method: String,
    /// JSON text, forwarded byte for byte; `null` when absent.
    pub params: Box<str>,
    pub created: Millis,
    /// Epoch ms.
    pub expires: Millis,
    /// Kept on disk, delivered when the device comes back, also after a restart.
    pub persistent: bool,
    /// How often it is sent again after an unacknowledged try.
    pub retries: u32,
    /// JSON text, for the record only.
    pub additional_info: Option<Box<str>>,
}

/// A persistent RPC's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RpcRecord {
    pub device: DeviceId,
    pub order: RpcOrder,
    /// The id on the wire; unique per device over restarts.
    pub request_id: i32,
    pub state: RpcState,
    /// Unacknowledged tries so far.
    pub attempts: u32,
    /// JSON text: the device's reply, or `{"error":"..."}`.
    pub response: Option<Box<str>>,
    pub updated: Millis,
}

/// How a lightweight (not persistent) RPC ended, or that a persistent one was taken.
#[derive(Clone, Debug, PartialEq)]
pub enum RpcAnswer {
    /// Persistent: durable, state QUEUED.
    Accepted(RpcId),
    /// One-way: written (QoS 0) or acknowledged.
    Delivered,
    /// Two-way: the device's bytes as they came; empty allowed.
    Reply(bytes::Bytes),
    /// Expired and no session could take it.
    NotConnected,
    /// Sent, but nothing came back in time.
    NoReply,
}
