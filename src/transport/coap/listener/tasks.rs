//! What the worker waits for beside its socket: connects, outcomes, downlinks.

use super::guests::GuestId;
use super::serve::Job;
use crate::model::downlink::Downlink;
use crate::model::ids::DeviceId;
use crate::model::reject::{Reason, Rejection};
use crate::model::uplink::Outcome;
use crate::registry::{
    downlink_line, ConnectRequest, Connected, DeviceHandle, DownlinkReceiver, OpenSession,
    Registry, SessionEnd, Ticket,
};
use futures_util::future::LocalBoxFuture;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;

pub(super) enum Done {
    Connected {
        guest: GuestId,
        result: Result<Connected, Rejection>,
    },
    /// Of requests, in their order.
    Outcomes {
        guest: GuestId,
        jobs: Vec<Job>,
        outcomes: Vec<Outcome>,
    },
    Opened {
        device: DeviceId,
        result: Result<(Connected, DownlinkReceiver), Rejection>,
    },
    /// Of an observer's request.
    Observed {
        device: DeviceId,
        job: Job,
        outcomes: Vec<Outcome>,
    },
    /// `None`: the device let go of the session.
    Downlink {
        device: DeviceId,
        session: u64,
        downlink: Option<Box<Downlink>>,
        line: DownlinkReceiver,
    },
    /// Whether the peer of an association is whom it has proved to be.
    Vouched {
        number: u64,
        refused: Option<Rejection>,
    },
    Nothing,
}

pub(super) type Task = LocalBoxFuture<'static, Done>;

pub(super) fn connect(registry: Registry, guest: GuestId, request: ConnectRequest) -> Task {
    Box::pin(async move {
        let result = registry.connect(request).await;
        Done::Connected { guest, result }
    })
}

pub(super) fn vouch(registry: Registry, number: u64, request: ConnectRequest) -> Task {
    Box::pin(async move {
        let refused = registry.connect(request).await.err();
        Done::Vouched { number, refused }
    })
}

/// For a handshake that has failed already: who it was, and why, is counted by being asked.
pub(super) fn blame(registry: Registry, request: ConnectRequest) -> Task {
    Box::pin(async move {
        let _ = registry.connect(request).await;
        Done::Nothing
    })
}

/// Opens the session of an observer; its line holds `room` downlinks.
pub(super) fn open(
    registry: Registry,
    device: DeviceId,
    mut request: ConnectRequest,
    room: usize,
) -> Task {
    Box::pin(async move {
        let (sender, line) = downlink_line(room);
        request.session = Some(OpenSession {
            client_id: String::from("coap observer"),
            clean_start: true,
            expiry: Duration::ZERO,
            downlinks: sender,
        });
        let result = registry.connect(request).await;
        Done::Opened {
            device,
            result: result.map(|connected| (connected, line)),
        }
    })
}

/// Waits for outcomes; what takes too long is answered all the same.
async fn outcomes(ticket: Ticket, count: usize, patience: Duration) -> Vec<Outcome> {
    match tokio::time::timeout(patience, ticket).await {
        Ok(outcomes) => outcomes,
        Err(_) => {
            let late = Rejection::new(Reason::Expired, "no answer in time");
            vec![Outcome::Refused(late); count]
        }
    }
}

pub(super) fn served(guest: GuestId, ticket: Ticket, jobs: Vec<Job>, patience: Duration) -> Task {
    Box::pin(async move {
        let outcomes = outcomes(ticket, jobs.len(), patience).await;
        Done::Outcomes {
            guest,
            jobs,
            outcomes,
        }
    })
}

pub(super) fn observed(
    device: DeviceId,
    ticket: Ticket,
    count: usize,
    job: Job,
    patience: Duration,
) -> Task {
    Box::pin(async move {
        let outcomes = outcomes(ticket, count, patience).await;
        Done::Observed {
            device,
            job,
            outcomes,
        }
    })
}

/// Waits for the next downlink of an observer's session. There is one for each of them, so it is no
/// box.
pub(super) struct Listening {
    device: DeviceId,
    session: u64,
    /// `None` when it has come.
    line: Option<DownlinkReceiver>,
}

impl Listening {
    pub fn new(device: DeviceId, session: u64, line: DownlinkReceiver) -> Self {
        Self {
            device,
            session,
            line: Some(line),
        }
    }
}

impl Future for Listening {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        let downlink = match &mut self.line {
            Some(line) => ready!(line.poll_recv(cx)),
            None => return Poll::Pending,
        };
        let Some(line) = self.line.take() else {
            return Poll::Pending;
        };
        Poll::Ready(Done::Downlink {
            device: self.device,
            session: self.session,
            downlink,
            line,
        })
    }
}

pub(super) fn close(handle: DeviceHandle, reason: &'static str) -> Task {
    Box::pin(async move {
        handle
            .close(SessionEnd {
                reason: reason.to_owned(),
                ..SessionEnd::default()
            })
            .await;
        Done::Nothing
    })
}
