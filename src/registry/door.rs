//! The registry's words: how to connect a session, and how to call a device.

use super::handle::DeviceHandle;
use crate::model::credentials::Presented;
use crate::model::device::ProfileOptions;
use crate::model::ids::NodeId;
use crate::model::session::{StoredSession, Transport};
use std::net::IpAddr;
use std::time::Duration;

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
    pub downlinks: DownlinkSender,
}

/// The door is open.
#[derive(Debug)]
pub struct Connected {
    pub handle: DeviceHandle,
    pub profile: ProfileOptions,
    /// The stored session that goes on, if one did.
    pub resumed: Option<StoredSession>,
    /// What let it in was rotated away and is accepted for a while only: a single request's right
    /// to speak is for that request.
    pub brief: bool,
}

pub use crate::device::downlinks::{downlink_line, DownlinkReceiver, DownlinkSender};
pub use crate::device::messages::{Command, CommandReply, Poll, Polled};

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
