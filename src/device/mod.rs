//! One device's mind: its sessions, pending RPC requests and attribute subscriptions.
//!
//! `state` is pure (event, now → effects), its steps are in `handle_*`; `turn` commits, reads and
//! lets out; `desk` holds the turn between two of them, and turns that only add points are run
//! there (`turn_direct`); `courier` carries what the actors of a thread commit to the store; `actor` is the
//! actix shell around it, there while there is something to do, and `alarms` tells when that is. Knows nothing of: protocols, engines, other
//! devices.

pub mod activity;
pub mod actor;
pub mod alarms;
pub mod batching;
pub mod client_rpc;
pub mod config;
mod courier;
pub mod desk;
pub mod downlinks;
pub mod effects;
mod few;
mod handle_attributes;
mod handle_poll;
mod handle_rpc;
mod handle_rpc_steps;
mod handle_session;
mod handle_telemetry;
pub mod host;
pub mod limits;
mod lines;
pub mod link;
mod load;
pub mod messages;
pub mod rpcs;
pub mod state;
#[cfg(test)]
mod tests;
mod turn;
mod turn_commands;
mod turn_commit;
mod turn_direct;
mod turn_group;
mod turn_uplinks;

pub use actor::{DeviceActor, Seed};
pub use config::Config;
pub use desk::Desk;
pub use host::{Epochs, Host};
pub use turn::{clock, Home, Outside};

use crate::model::ids::{DeviceId, Epoch};

/// A small copy of an actor's mind, for tests, API and UI alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub device: DeviceId,
    pub epoch: Epoch,
    pub sessions: usize,
    /// Long polls that wait.
    pub polls: usize,
    pub pending_rpcs: usize,
    pub active: bool,
    pub last_activity: i64,
}
