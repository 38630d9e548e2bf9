//! What a transport holds of a device after `connect`: it sends uplinks and ends the session.

use super::door::{Poll, Polled};
use crate::model::ids::{DeviceId, Epoch, SessionId};
use crate::model::reject::Rejection;
use crate::model::uplink::{Outcome, Uplink};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll as Ready};
use std::time::Duration;

/// One session's (or one request's) way to its device actor. Clones speak for the same session.
#[derive(Clone, Debug)]
pub struct DeviceHandle {
    device: DeviceId,
    session: SessionId,
    epoch: Epoch,
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

impl DeviceHandle {
    pub fn device(&self) -> DeviceId {
        self.device
    }

    pub fn session(&self) -> SessionId {
        self.session
    }

    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Sends all uplinks of one read as one message. Its place in the device's order is taken when
    /// this returns. Any number of tickets may be outstanding: the caller bounds them (it stops
    /// reading its socket).
    pub fn submit(&self, _uplinks: Vec<Uplink>) -> Ticket {
        todo!()
    }

    /// Waits for one event, at most `timeout`; `None` when nothing came.
    pub async fn poll(&self, _poll: Poll, _timeout: Duration) -> Result<Option<Polled>, Rejection> {
        todo!()
    }

    /// Ends the session. Dropping the last clone does it too, with reason `connection lost`.
    pub async fn close(&self, _end: SessionEnd) {
        todo!()
    }
}

/// Outcomes of one `submit`: same number and order as its uplinks. When the actor dies meanwhile,
/// every outcome is `Refused(Internal)`: what was not acknowledged may be sent again.
pub struct Ticket(Pin<Box<dyn Future<Output = Vec<Outcome>> + Send>>);

impl Ticket {
    pub fn new(future: impl Future<Output = Vec<Outcome>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for Ticket {
    type Output = Vec<Outcome>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Ready<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}
