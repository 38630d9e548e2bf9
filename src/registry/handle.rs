//! What a transport holds of a device after `connect`: it sends uplinks and ends the session.

use super::door::{Poll, Polled};
use crate::device::link::{died, Link};
use crate::model::ids::{DeviceId, Epoch, SessionId};
use crate::model::reject::Rejection;
use crate::model::uplink::{Outcome, Uplink};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll as Ready};
use std::time::Duration;
use tokio::sync::oneshot;

pub use crate::device::messages::SessionEnd;

/// One session's (or one request's) way to its device actor. Clones speak for the same session.
#[derive(Clone, Debug)]
pub struct DeviceHandle(Arc<Link>);

impl DeviceHandle {
    pub(super) fn new(link: Link) -> Self {
        Self(Arc::new(link))
    }

    pub fn device(&self) -> DeviceId {
        self.0.device()
    }

    /// Whether anybody still holds it.
    pub(super) fn line(&self) -> Weak<Link> {
        Arc::downgrade(&self.0)
    }

    pub fn session(&self) -> SessionId {
        self.0.speaker().session
    }

    pub fn epoch(&self) -> Epoch {
        self.0.speaker().epoch
    }

    /// Sends all uplinks of one read as one message. Its place in the device's order is taken when
    /// this returns. Any number of tickets may be outstanding: the caller bounds them (it stops
    /// reading its socket).
    pub fn submit(&self, uplinks: Vec<Uplink>) -> Ticket {
        let wanted = uplinks.len();
        let outcomes = self.0.submit(uplinks);
        Ticket { outcomes, wanted }
    }

    /// Waits for one event, at most `timeout`; `None` when nothing came.
    pub async fn poll(&self, poll: Poll, timeout: Duration) -> Result<Option<Polled>, Rejection> {
        self.0.poll(poll, timeout).await
    }

    /// Ends the session; returns when its end is durable. Dropping the last clone ends it too,
    /// with reason `connection lost`.
    pub async fn close(&self, end: SessionEnd) {
        self.0.close(end).await;
    }
}

/// Outcomes of one `submit`: same number and order as its uplinks. When the actor dies meanwhile,
/// every outcome is `Refused(Internal)`: what was not acknowledged may be sent again.
pub struct Ticket {
    outcomes: oneshot::Receiver<Vec<Outcome>>,
    wanted: usize,
}

impl Future for Ticket {
    type Output = Vec<Outcome>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Ready<Self::Output> {
        let outcomes = std::task::ready!(Pin::new(&mut self.outcomes).poll(cx));
        Ready::Ready(outcomes.unwrap_or_else(|_| vec![Outcome::Refused(died()); self.wanted]))
    }
}
