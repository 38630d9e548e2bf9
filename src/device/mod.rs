//! One device's mind: its sessions, pending RPC requests and attribute subscriptions.
//!
//! `state` is pure (event, now → effects); `actor` is the actix shell that commits, reads and
//! sends. Knows nothing of: protocols, engines, other devices.

pub mod actor;
pub mod config;
pub mod messages;
pub mod state;

pub use config::Config;

use crate::model::ids::{DeviceId, Epoch};

/// A small copy of an actor's mind, for tests, API and UI alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub device: DeviceId,
    pub epoch: Epoch,
    pub sessions: usize,
    pub pending_rpcs: usize,
    pub active: bool,
    pub last_activity: i64,
}
