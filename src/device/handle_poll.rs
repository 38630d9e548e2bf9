//! Long polls: one event for each (contract/http.md 5). A change between two polls of a device is
//! not lost: the cursor of its polls is kept on disk.

use super::effects::Effects;
use super::handle_attributes::downlink;
use super::handle_rpc::Takers;
use super::messages::{Poll, PollId};
use super::state::{State, UnconfirmedPoll, WaitingPoll};
use crate::model::attributes::{AttributeChanges, Revision};
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::model::Millis;
use crate::store::Change;

impl State {
    /// A poll begins to wait. The first attribute poll of a device starts at the present.
    pub fn poll(&mut self, poll: WaitingPoll, transport: Transport, now: Millis, fx: &mut Effects) {
        self.heard(Some(transport), now, fx);
        if self.polls().waiting.len() >= self.config.pending_polls {
            let detail = "too many polls of this device wait (device.pending_polls)";
            let rejection = Rejection::new(Reason::QueueFull, detail);
            fx.refuse(transport, rejection.clone());
            fx.polls.push((poll.id, Err(rejection)));
            return;
        }
        if poll.kind == Poll::Attributes && self.polls().cursor.is_none() {
            self.move_poll_cursor(self.shared_revision, fx);
        }
        self.polls_mut().waiting.push(poll);
    }

    /// Polls whose clients have gone leave their places.
    pub fn forget_polls(&mut self, gone: impl Fn(PollId) -> bool) {
        if !self.polls().waiting.is_empty() {
            self.polls_mut().waiting.retain(|poll| !gone(poll.id));
        }
    }

    /// From where to read changes for the waiting attribute polls, if there are any for them.
    pub fn polls_behind(&self) -> Option<Revision> {
        let cursor = self.polls().cursor?;
        let mut waiting = self.polls().waiting.iter();
        let waiting = waiting.any(|poll| poll.kind == Poll::Attributes);
        (waiting && cursor < self.shared_revision).then_some(cursor)
    }

    /// All waiting attribute polls get the changes.
    pub fn answer_polls(&mut self, changes: AttributeChanges, takers: &mut impl Takers) {
        if changes.is_empty() {
            let polls = self.polls_mut();
            polls.cursor = polls.cursor.max(Some(changes.revision));
            return;
        }
        let revision = changes.revision;
        let downlink = downlink(changes);
        let polls = self.polls_mut();
        let all = polls.waiting.take();
        let (attributes, rest): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|poll| poll.kind == Poll::Attributes);
        polls.waiting = rest.into();
        for poll in attributes {
            if takers.poll(poll.id, downlink.clone()) {
                polls.unconfirmed.push(UnconfirmedPoll {
                    id: poll.id,
                    revision: Some(revision),
                });
            }
        }
    }

    /// Whether what a poll got reached its client.
    pub fn poll_written(&mut self, id: PollId, written: bool, now: Millis, fx: &mut Effects) {
        let mut unconfirmed = self.polls().unconfirmed.iter();
        let Some(at) = unconfirmed.position(|poll| poll.id == id) else {
            return;
        };
        let polls = self.polls_mut();
        match polls.unconfirmed.remove(at).and_then(|poll| poll.revision) {
            None => self.polled_rpc(id, written, now, fx),
            Some(revision) if written && polls.cursor < Some(revision) => {
                self.move_poll_cursor(revision, fx);
            }
            Some(_) => {}
        }
    }

    fn move_poll_cursor(&mut self, revision: Revision, fx: &mut Effects) {
        self.polls_mut().cursor = Some(revision);
        fx.changes.push(Change::PollCursor {
            device: self.device,
            acknowledged: revision,
        });
    }

    /// Polls whose time is over.
    pub fn expire_polls(&mut self, now: Millis, fx: &mut Effects) {
        if self.polls().waiting.is_empty() {
            return;
        }
        self.polls_mut().waiting.retain(|poll| {
            let waits = poll.deadline > now;
            if !waits {
                fx.polls.push((poll.id, Ok(())));
            }
            waits
        });
    }
}
