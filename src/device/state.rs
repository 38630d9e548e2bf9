//! One device's mind as a plain value: event and `now` go in, effects come out. No runtime, no
//! clock, no store. The steps are in `handle_*`; this file holds what they share.
//!
//! A copy is cheap: the shell keeps one to go back to when a commit fails.

use super::activity::Activity;
use super::host::Epochs;
use super::messages::{Poll, PollId, Speaker};
use super::rpcs::Rpcs;
use super::{Config, Snapshot};
use crate::model::attributes::{Revision, Scope};
use crate::model::ids::{DeviceId, Epoch, Origin, SessionId};
use crate::model::reject::{Reason, Rejection};
use crate::model::scarce::Scarce;
use crate::model::session::{StoredSession, Subscriptions, Transport};
use crate::model::Millis;
use crate::store::Change;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// A session that wants to start, and waits for an older one's end if it must.
#[derive(Clone, Debug)]
pub struct Claim {
    pub session: SessionId,
    pub transport: Transport,
    pub client_id: Arc<str>,
    pub clean_start: bool,
    /// Milliseconds that it outlives its connection; 0: not at all.
    pub expiry: Millis,
}

/// A live session.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub epoch: Epoch,
    pub transport: Transport,
    pub client_id: Arc<str>,
    pub expiry: Millis,
    pub subscriptions: Arc<Subscriptions>,
    /// SHARED revision up to which the device has acknowledged changes.
    pub acknowledged: Revision,
    /// ... and up to which they were offered to it.
    pub offered: Revision,
    /// Something offered did not arrive: the next offer starts from `acknowledged` again.
    pub failed: bool,
    /// It was told to end, must be gone by then, and why.
    pub ending: Option<(Millis, Reason)>,
}

impl Session {
    pub fn is_persistent(&self) -> bool {
        self.expiry > 0
    }

    pub fn takes_downlinks(&self) -> bool {
        self.ending.is_none()
    }
}

/// A long poll that waits.
#[derive(Clone, Copy, Debug)]
pub struct WaitingPoll {
    pub id: PollId,
    pub kind: Poll,
    pub deadline: Millis,
}

/// A poll's downlink on its way to the client.
#[derive(Clone, Copy, Debug)]
pub struct UnconfirmedPoll {
    pub id: PollId,
    /// For attribute polls: the cursor once written.
    pub revision: Option<Revision>,
}

/// Long polls of a device.
#[derive(Clone, Debug, Default)]
pub struct Polls {
    /// SHARED revision up to which polls were answered; `None` before the first poll.
    pub cursor: Option<Revision>,
    pub waiting: Scarce<WaitingPoll>,
    pub unconfirmed: Scarce<UnconfirmedPoll>,
}

/// What all devices go by.
#[derive(Debug)]
pub struct Rules {
    pub config: Config,
    /// How long a session that was told to end may take.
    pub takeover_timeout: Duration,
    pub epochs: Epochs,
}

impl Deref for Rules {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

/// Which notes (device state, stored session) are unwritten.
#[derive(Clone, Copy, Debug)]
pub struct Notes {
    activity: Activity,
    stored_unwritten: Option<bool>,
}

#[derive(Clone, Debug)]
pub struct State {
    pub device: DeviceId,
    pub(super) config: Arc<Rules>,
    pub life: Epoch,
    /// Highest epoch of this device so far.
    pub(super) newest: Epoch,
    sequence: u64,
    pub activity: Activity,
    pub sessions: Vec<Session>,
    pub(super) claims: Scarce<Claim>,
    /// Single requests that hold a line.
    pub(super) visitors: u32,
    /// Requests admitted up to this epoch may not speak any more, and why.
    pub(super) revoked: Option<(Epoch, Reason)>,
    pub(super) stored: Option<Box<StoredSession>>,
    /// `stored` differs from the store: `Some(true)` = write it soon, `Some(false)` = with the
    /// next commit.
    pub(super) stored_unwritten: Option<bool>,
    pub shared_revision: Revision,
    /// `None` until the device's first poll: few ever send one.
    polls: Option<Box<Polls>>,
    pub rpcs: Rpcs,
    /// Why nothing is taken any more: deleted, or the platform stops.
    pub(super) closed: Option<Reason>,
}

impl State {
    pub fn new(device: DeviceId, config: Arc<Rules>, life: Epoch) -> Self {
        let activity = Activity::new(config.inactivity_timeout.millis());
        Self {
            device,
            config,
            life,
            newest: life,
            sequence: 0,
            activity,
            sessions: Vec::new(),
            claims: Scarce::default(),
            visitors: 0,
            revoked: None,
            stored: None,
            stored_unwritten: None,
            shared_revision: 0,
            polls: None,
            rpcs: Rpcs::default(),
            closed: None,
        }
    }

    /// When a session that is told to end now must be gone.
    pub(super) fn patience_ends(&self, now: Millis) -> Millis {
        now.saturating_add(super::handle_session::millis(self.config.takeover_timeout))
    }

    fn report_every(&self) -> Millis {
        self.config.activity_report_every.millis()
    }

    pub(super) fn polls(&self) -> &Polls {
        static NONE: Polls = Polls {
            cursor: None,
            waiting: Scarce::NONE,
            unconfirmed: Scarce::NONE,
        };
        self.polls.as_deref().unwrap_or(&NONE)
    }

    pub(super) fn polls_mut(&mut self) -> &mut Polls {
        self.polls.get_or_insert_default()
    }

    pub(super) fn take_epoch(&mut self) -> Epoch {
        self.newest = self.config.epochs.take();
        self.newest
    }

    /// Where the next write comes from (design.md 7.5): the sequence counts the writes of this
    /// life, and the epoch is the highest of the device, so a later write wins.
    pub(super) fn next_origin(&mut self) -> Origin {
        self.sequence += 1;
        Origin {
            epoch: self.newest,
            sequence: self.sequence,
        }
    }

    pub(super) fn session_mut(&mut self, epoch: Epoch) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|s| s.epoch == epoch)
    }

    /// May this epoch speak? Sessions that were told to end for another reason than a takeover
    /// may not; what a taken-over session sent before it learnt of it still counts.
    pub fn may_speak(&self, from: &Speaker) -> Result<(), Rejection> {
        if let Some(reason) = self.closed {
            return Err(Rejection::new(reason, "this device takes nothing any more"));
        }
        if from.visitor {
            return match self.revoked {
                Some((upto, reason)) if from.epoch <= upto => Err(Rejection::new(
                    reason,
                    "the request's right to speak has ended",
                )),
                _ if from.epoch < self.life => Err(stale()),
                _ => Ok(()),
            };
        }
        let session = self.sessions.iter().find(|s| s.epoch == from.epoch);
        match session.ok_or_else(stale)?.ending {
            None | Some((_, Reason::TakenOver)) => Ok(()),
            Some((_, reason)) => Err(Rejection::new(reason, "the session has been ended")),
        }
    }

    /// Nobody needs this actor: it may be let go. Persistent RPCs are on disk and do not count.
    pub fn is_quiet(&self) -> bool {
        self.sessions.is_empty()
            && self.claims.is_empty()
            && self.visitors == 0
            && self.polls().waiting.is_empty()
            && self.polls().unconfirmed.is_empty()
            && !self.rpcs.has_lightweight()
    }

    /// Device state and the stored session, as far as they should be written now; `force`: all.
    pub fn drain_notes(&mut self, now: Millis, force: bool) -> Vec<Change> {
        if self.closed == Some(Reason::DeviceDeleted) {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let entries = self.activity.drain(now, self.report_every(), force);
        if !entries.is_empty() {
            // A change is large, and `Vec` would begin with room for four.
            changes.reserve_exact(2);
            changes.push(Change::AttributesPut {
                device: self.device,
                scope: Scope::Server,
                at: now,
                entries,
            });
        }
        if self.stored_unwritten.take().is_some() {
            changes.push(match &self.stored {
                Some(session) => Change::SessionPut {
                    device: self.device,
                    session: (**session).clone(),
                },
                None => Change::SessionDelete(self.device),
            });
        }
        changes
    }

    /// What `drain_notes` changes, to go back to when the commit fails.
    pub fn clone_notes(&self) -> Notes {
        Notes {
            activity: self.activity,
            stored_unwritten: self.stored_unwritten,
        }
    }

    pub fn restore_notes(&mut self, notes: Notes) {
        self.activity.undrain(&notes.activity);
        self.stored_unwritten = notes.stored_unwritten;
    }

    /// Notes alone are not tried again before.
    pub fn retry_notes_at(&mut self, at: Millis) {
        self.activity.retry_at = at;
    }

    /// When notes must be written even if nothing else is.
    pub fn notes_due_at(&self) -> Option<Millis> {
        if self.closed == Some(Reason::DeviceDeleted) {
            return None;
        }
        let stored = match self.stored_unwritten {
            Some(true) => Some(self.activity.retry_at),
            _ => None,
        };
        earliest([self.activity.due_at(self.report_every()), stored])
    }

    /// When something happens by itself.
    pub fn next_deadline(&self) -> Option<Millis> {
        let ending = self.sessions.iter().filter_map(|s| s.ending.map(|e| e.0));
        let polls = self.polls().waiting.iter().map(|poll| poll.deadline);
        earliest([
            ending.min(),
            polls.min(),
            self.rpcs.next_deadline(),
            self.notes_due_at(),
            self.activity.inactive_at(),
        ])
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            device: self.device,
            epoch: self.newest,
            sessions: self.sessions.len(),
            polls: self.polls().waiting.len(),
            pending_rpcs: self.rpcs.len(),
            active: self.activity.active,
            last_activity: self.activity.last,
        }
    }
}

pub(super) fn stale() -> Rejection {
    Rejection::new(Reason::StaleEpoch, "a newer session speaks for this device")
}

pub(super) fn earliest<const N: usize>(times: [Option<Millis>; N]) -> Option<Millis> {
    // By hand: the adapters of an array cost more than all of the comparisons.
    let mut first: Option<Millis> = None;
    for time in &times {
        if let Some(time) = *time {
            first = Some(first.map_or(time, |first| first.min(time)));
        }
    }
    first
}
