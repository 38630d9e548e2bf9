//! Re-creates device actors from a factory, and carries calls to them.

use super::door::{CallOutcome, Command, ConnectRequest, Connected};
use super::events::{EventFilter, EventStream};
use crate::auth::Auth;
use crate::model::event::DeviceEvent;
use crate::model::ids::DeviceId;
use crate::model::reject::Rejection;
use crate::model::session::Transport;
use crate::observability::Metrics;
use crate::store::SharedStore;
use std::net::IpAddr;

/// Cheap to clone; every clone is the same registry.
#[derive(Clone)]
pub struct Registry {}

impl Registry {
    /// Starts the arbiters. Must run inside an actix `System`.
    pub fn start(
        _config: super::Config,
        _device: crate::device::Config,
        _store: SharedStore,
        _auth: Auth,
        _metrics: Metrics,
    ) -> Registry {
        todo!()
    }

    /// Authenticates, and opens a session or a single request. Awaits the takeover of an older
    /// session. Refusals are counted and put into the device's stream here: callers only answer.
    pub async fn connect(&self, _request: ConnectRequest) -> Result<Connected, Rejection> {
        todo!()
    }

    /// Asks a device something on behalf of an operator.
    pub async fn call(&self, _device: DeviceId, _command: Command) -> CallOutcome {
        todo!()
    }

    /// Live rows of one device or of all.
    pub fn subscribe(&self, _filter: EventFilter) -> EventStream {
        todo!()
    }

    /// The device's last rows still in memory (bounded), oldest first.
    pub fn recent_events(&self, _device: DeviceId, _limit: usize) -> Vec<DeviceEvent> {
        todo!()
    }

    /// Counts and logs the refusal of somebody who is no device yet (before authentication).
    pub fn refuse_stranger(&self, _transport: Transport, _peer: IpAddr, _rejection: &Rejection) {
        todo!()
    }

    /// `device.max_session_expiry`: a transport tells its client when it asked for more.
    pub fn max_session_expiry(&self) -> std::time::Duration {
        todo!()
    }

    /// Refuses new sessions, ends the live ones (`ShuttingDown`), waits for their last commits.
    pub async fn stop(&self) {
        todo!()
    }
}
