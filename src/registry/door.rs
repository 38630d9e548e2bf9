//! The registry's words: how to connect a session, and how to call a device.

use super::handle::DeviceHandle;
use crate::model::attributes::Scope;
use crate::model::credentials::Presented;
use crate::model::device::ProfileOptions;
use crate::model::downlink::Downlink;
use crate::model::ids::{NodeId, RpcId};
use crate::model::reject::{Reason, Rejection};
use crate::model::rpc::{RpcAnswer, RpcOrder};
use crate::model::session::{StoredSession, Transport};
use crate::model::telemetry::Telemetry;
use crate::model::value::{Key, Value};
use crate::store::batch::DeleteSelection;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;

/// A speaker at the door.
#[derive(Debug)]
pub struct ConnectRequest {
    pub presented: Presented,
    pub transport: Transport,
    pub peer: IpAddr,
    /// `None`: a single request (HTTP, one-shot CoAP): activity, but no session and no takeover.
    pub session: Option<OpenSession>,
}

/// What a session needs to live.
#[derive(Debug)]
pub struct OpenSession {
    /// MQTT client id, for events and persistent sessions.
    pub client_id: String,
    /// Forget what a stored session of the device remembers.
    pub clean_start: bool,
    /// How long the session outlives its connection; zero: not at all; `Duration::MAX`: for ever.
    pub expiry: Duration,
    /// Bounded; the actor never waits for it: what does not fit stays pending in the actor and
    /// is offered again after the next `Uplink::Delivery`.
    pub downlinks: mpsc::Sender<Downlink>,
}

/// The door is open.
#[derive(Debug)]
pub struct Connected {
    pub handle: DeviceHandle,
    pub profile: ProfileOptions,
    /// The stored session that goes on, if one did.
    pub resumed: Option<StoredSession>,
}

/// A long poll: waits for one event of a device (contract/http.md 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The next SHARED change after the last one a poll of this device was answered with.
    Attributes,
    /// The oldest pending RPC, handed to this poll alone.
    Rpc,
}

/// What a poll got. Confirm with `Polled::written`, else it goes back (client gone).
#[derive(Debug)]
pub struct Polled {
    pub downlink: Downlink,
    /// Send `true` once written to the client; dropping it hands the downlink back.
    pub written: tokio::sync::oneshot::Sender<bool>,
}

/// What operators ask of a device. Everything that changes a device goes through its actor.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Reply: `Rpc`. A lightweight RPC answers when it ended, at `expires` at the latest.
    Rpc(RpcOrder),
    /// Withdraws and deletes a persistent RPC. Reply: `Done`, also when it is unknown.
    RpcDelete(RpcId),
    SaveTelemetry(Telemetry),
    DeleteTelemetry {
        keys: Vec<Key>,
        selection: DeleteSelection,
    },
    SaveAttributes {
        scope: Scope,
        entries: Vec<(Key, Value)>,
    },
    DeleteAttributes {
        scope: Scope,
        keys: Vec<Key>,
    },
    /// Ends live sessions: after the device was disabled (`DeviceDisabled`) or its credentials
    /// changed (`CredentialsChanged`).
    EndSessions(Reason),
    /// Ends live sessions (`DeviceDeleted`), commits `Change::DeviceDelete`, refuses all that follows.
    Delete,
    /// Reply: `Snapshot`.
    Snapshot,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CommandReply {
    Done,
    Rpc(RpcAnswer),
    Refused(Rejection),
    Snapshot(crate::device::Snapshot),
}

/// Every call to a device ends in one of these (design.md 7.2).
#[derive(Clone, Debug, PartialEq)]
pub enum CallOutcome {
    Reply(CommandReply),
    /// There is no such device.
    NobodyHome,
    /// Another node owns the device (never on a single node).
    Moved(NodeId),
    /// Its actor did not answer in `registry.call_timeout` (plus an RPC's own life).
    TimedOut,
}

pub use super::supervisor::Registry;
