//! What a step of the state wants done: first the changes, then, once they are durable, the rest.

use super::messages::{CommandReply, PollId};
use crate::model::event::EventKind;
use crate::model::ids::{Epoch, RpcId, SessionId};
use crate::model::reject::{Reason, Rejection};
use crate::model::session::{StoredSession, Transport};
use crate::store::Change;

/// Nothing of this may leave before `changes` are on disk; if they cannot be, nothing of it does.
#[derive(Debug, Default)]
pub struct Effects {
    pub changes: Vec<Change>,
    pub events: Vec<(Option<Transport>, EventKind)>,
    /// Counted, and a row each.
    pub refusals: Vec<(Transport, Rejection)>,
    /// Answers to waiting RPC callers.
    pub answers: Vec<(RpcId, CommandReply)>,
    /// Sessions that may start now.
    pub admitted: Vec<Admission>,
    /// Sessions that are told to end.
    pub closes: Vec<(Epoch, Reason)>,
    /// Sessions that are over: their lines are cut.
    pub ended: Vec<Epoch>,
    /// Polls that end without a downlink.
    pub polls: Vec<(PollId, Result<(), Rejection>)>,
}

/// A claim that became a session.
#[derive(Debug)]
pub struct Admission {
    pub session: SessionId,
    pub epoch: Epoch,
    pub transport: Transport,
    pub resumed: Option<StoredSession>,
}

impl Effects {
    pub fn event(&mut self, transport: Option<Transport>, kind: EventKind) {
        self.events.push((transport, kind));
    }

    /// Points of one message: one row for those of messages that follow each other.
    pub fn saved(&mut self, transport: Transport, points: u32) {
        if let Some((Some(last), EventKind::TelemetrySaved { points: sum })) =
            self.events.last_mut()
        {
            if *last == transport {
                *sum = sum.saturating_add(points);
                return;
            }
        }
        self.event(Some(transport), EventKind::TelemetrySaved { points });
    }

    pub fn refuse(&mut self, transport: Transport, rejection: Rejection) {
        self.refusals.push((transport, rejection));
    }
}
