//! One session's (or one request's) line to its actor: what it sends keeps its order, and when the
//! line is dropped, the session ends.

use super::batching;
use super::desk::Desk;
use super::messages::{Letter, Mail, Poll, PollReply, SessionEnd, Speaker};
use crate::model::ids::DeviceId;
use crate::model::reject::{Reason, Rejection};
use crate::model::uplink::{Outcome, Uplink};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Made by the actor when it admits somebody.
pub struct Link {
    desk: Arc<Desk>,
    speaker: Speaker,
    closed: AtomicBool,
}

impl Link {
    pub(super) fn new(desk: Arc<Desk>, speaker: Speaker) -> Self {
        Self {
            desk,
            speaker,
            closed: AtomicBool::new(false),
        }
    }

    pub fn device(&self) -> DeviceId {
        self.desk.device
    }

    pub fn speaker(&self) -> Speaker {
        self.speaker
    }

    /// The place in the device's order is taken when this returns. The receiver fails when the
    /// actor died.
    pub fn submit(&self, uplinks: Vec<Uplink>) -> oneshot::Receiver<Vec<Outcome>> {
        let (reply, outcomes) = oneshot::channel();
        self.send(Mail::Uplinks {
            from: self.speaker,
            plain: batching::plain(&uplinks),
            uplinks,
            reply,
        });
        outcomes
    }

    /// Waits for one event; the actor watches the time.
    pub async fn poll(&self, poll: Poll, timeout: Duration) -> PollReply {
        let (reply, polled) = oneshot::channel();
        self.send(Mail::Poll {
            from: self.speaker,
            poll,
            timeout,
            reply,
        });
        polled.await.unwrap_or_else(|_| Err(died()))
    }

    /// Ends the session; returns when its end is durable. Only the first end counts.
    pub async fn close(&self, end: SessionEnd) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        let (done, closed) = oneshot::channel();
        self.send(Mail::Close {
            from: self.speaker,
            end,
            done: Some(done),
        });
        // The actor drops `done` when the end is durable, and when it dies.
        let _ = closed.await;
    }

    fn send(&self, mail: Mail) {
        self.desk.post(Letter::from(mail));
    }
}

/// What everybody hears whose actor died under way.
pub fn died() -> Rejection {
    Rejection::new(
        Reason::Internal,
        "the device's actor failed; what was not acknowledged may be sent again",
    )
}

impl Drop for Link {
    fn drop(&mut self) {
        let open = !self.closed.swap(true, Ordering::SeqCst);
        if open && !self.desk.depart(self.speaker) {
            let end = SessionEnd {
                reason: "connection lost".to_owned(),
                ..SessionEnd::default()
            };
            self.send(Mail::Close {
                from: self.speaker,
                end,
                done: None,
            });
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("device", &self.desk.device)
            .field("speaker", &self.speaker)
            .finish_non_exhaustive()
    }
}
