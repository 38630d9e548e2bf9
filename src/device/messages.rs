//! What reaches a device actor: the commands of operators, polls, and the mail they travel in.
//!
//! The registry re-exports the words that its callers need (`registry::door`).

use super::desk::Desk;
use super::downlinks::DownlinkSender;
use super::link::Link;
use crate::model::attributes::Scope;
use crate::model::device::ProfileRates;
use crate::model::downlink::Downlink;
use crate::model::ids::{Epoch, RpcId, SessionId};
use crate::model::reject::{Reason, Rejection};
use crate::model::rpc::{RpcAnswer, RpcOrder};
use crate::model::session::{StoredSession, Transport};
use crate::model::telemetry::Telemetry;
use crate::model::uplink::{Outcome, Uplink};
use crate::model::value::{Key, Value};
use crate::store::batch::DeleteSelection;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, OwnedSemaphorePermit};

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
    pub written: oneshot::Sender<bool>,
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
    /// Ends one session or request line, if it still lives: what let it in counts no longer.
    EndSession(Epoch, Reason),
    /// Ends live sessions (`DeviceDeleted`), commits `Change::DeviceDelete`, refuses all that follows.
    Delete,
    /// The operator REST refused something about this device: counted and put in its event stream.
    /// Reply: `Refused`, the same.
    Refused(Rejection),
    /// Reply: `Snapshot`.
    Snapshot,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CommandReply {
    Done,
    Rpc(RpcAnswer),
    Refused(Rejection),
    Snapshot(super::Snapshot),
}

/// How and why a session ended.
#[derive(Clone, Debug, Default)]
pub struct SessionEnd {
    /// For the `Disconnected` event, e.g. `client disconnected`, `keepalive expired`.
    pub reason: String,
    /// Persistent sessions: `StoredSession::inflight`.
    pub inflight: Vec<u8>,
    /// A new expiry (MQTT 5 DISCONNECT may change it); `None` keeps the one of `OpenSession`.
    pub expiry: Option<Duration>,
}

/// Who sends a piece of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker {
    pub session: SessionId,
    pub epoch: Epoch,
    pub transport: Transport,
    /// A single request: no session of its own.
    pub visitor: bool,
}

/// A session at the door, as the actor sees it.
#[derive(Debug)]
pub struct SessionAsked {
    pub client_id: String,
    pub clean_start: bool,
    pub expiry: Duration,
    pub downlinks: DownlinkSender,
}

/// An accepted session or request. Dropping the link ends it.
pub struct Admitted {
    pub link: Link,
    pub resumed: Option<StoredSession>,
}

/// The answer to a connect; `None`: no such device.
pub type ConnectReply = Option<Result<Admitted, Rejection>>;
/// The answer to a command; `None`: no such device.
pub type CallReply = Option<CommandReply>;
pub type PollReply = Result<Option<Polled>, Rejection>;

/// One poll of one actor life.
pub type PollId = u32;

/// The mail of a device actor. All of it waits in one queue: the device's order.
pub enum Mail {
    Connect {
        session: SessionId,
        transport: Transport,
        /// `None`: a single request.
        asked: Option<SessionAsked>,
        /// What its profile lets it send, if it says so.
        rates: Option<Box<ProfileRates>>,
        reply: oneshot::Sender<ConnectReply>,
    },
    Uplinks {
        from: Speaker,
        uplinks: Vec<Uplink>,
        /// Their size in the log, if they change nothing but points (`batching::plain`).
        plain: Option<usize>,
        reply: oneshot::Sender<Vec<Outcome>>,
    },
    Close {
        from: Speaker,
        end: SessionEnd,
        /// Dropped once the end is durable.
        done: Option<oneshot::Sender<()>>,
    },
    Poll {
        from: Speaker,
        poll: Poll,
        timeout: Duration,
        reply: oneshot::Sender<PollReply>,
    },
    /// Whether a poll's downlink reached its client.
    PollWritten { poll: PollId, written: bool },
    Command {
        command: Command,
        reply: oneshot::Sender<CallReply>,
    },
    /// Something is due.
    Tick,
    /// The platform stops: end the sessions, commit the last; dropped when done.
    Stop { done: oneshot::Sender<()> },
}

/// A piece of mail, and what its sender holds until it is dealt with.
pub struct Letter {
    pub mail: Mail,
    pub slip: Option<Slip>,
}

impl From<Mail> for Letter {
    fn from(mail: Mail) -> Self {
        Self { mail, slip: None }
    }
}

/// Counts a letter that came through the registry as long as it is not dealt with: an actor is
/// never let go while one is under way. May hold a permit (back-pressure).
pub struct Slip {
    desk: Arc<Desk>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slip {
    pub fn new(desk: &Arc<Desk>, permit: Option<OwnedSemaphorePermit>) -> Self {
        desk.open.fetch_add(1, Ordering::SeqCst);
        Self {
            desk: desk.clone(),
            _permit: permit,
        }
    }
}

impl Drop for Slip {
    fn drop(&mut self) {
        self.desk.open.fetch_sub(1, Ordering::SeqCst);
    }
}
