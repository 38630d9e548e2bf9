//! Uplinks that share one commit, and what each of them is answered.

use super::batching::size;
use super::effects::Effects;
use super::turn::Turn;
use crate::model::event::EventKind;
use crate::model::reject::Rejection;
use crate::model::session::Transport;
use crate::model::uplink::Outcome;
use crate::model::Millis;
use crate::store::StoreError;
use smallvec::SmallVec;
use tokio::sync::oneshot;

/// Enough for one commit.
pub(super) const GROUP_BYTES: usize = 256 * 1024;

/// The uplinks of one message and their outcomes so far.
struct Ticket {
    reply: oneshot::Sender<Vec<Outcome>>,
    outcomes: Vec<Outcome>,
    wanted: usize,
    transport: Transport,
}

/// What shares the next commit.
pub struct Group {
    pub(super) fx: Effects,
    tickets: SmallVec<[Ticket; 1]>,
    /// Outcomes that hold only if the commit does: (ticket, outcome).
    hanging: SmallVec<[(u32, u32); 2]>,
    pub(super) bytes: usize,
    /// `bytes` are known to be few: nothing is measured.
    pub(super) measured: bool,
    pub(super) points: u64,
    pub(super) has_attributes: bool,
    pub(super) at: Millis,
}

impl Group {
    pub fn new() -> Self {
        Self {
            fx: Effects::default(),
            tickets: SmallVec::new(),
            hanging: SmallVec::new(),
            bytes: 0,
            measured: false,
            points: 0,
            has_attributes: false,
            at: 0,
        }
    }

    /// The uplinks of the next message are added from here on.
    pub(super) fn open(
        &mut self,
        reply: oneshot::Sender<Vec<Outcome>>,
        wanted: usize,
        transport: Transport,
    ) {
        // A change is large, and there is nearly always one for each uplink.
        match self.fx.changes.is_empty() {
            true => self.fx.changes.reserve_exact(wanted),
            false => self.fx.changes.reserve(wanted),
        }
        self.hanging.reserve(wanted);
        self.tickets.push(Ticket {
            reply,
            outcomes: Vec::with_capacity(wanted),
            wanted,
            transport,
        });
    }

    pub(super) fn settled(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.tickets.last_mut() {
            ticket.outcomes.push(outcome);
        }
    }

    /// Adds an outcome that nothing can change any more.
    pub(super) fn add_final(&mut self, outcome: Outcome, transport: Transport) {
        if let Outcome::Refused(rejection) = &outcome {
            self.fx.refuse(transport, rejection.clone());
        }
        self.settled(outcome);
    }

    /// Adds an outcome that the next commit decides, with the size of what it adds to it.
    pub(super) fn add(&mut self, outcome: Outcome, transport: Transport, changes_before: usize) {
        if matches!(outcome, Outcome::Refused(_)) {
            return self.add_final(outcome, transport);
        }
        if !self.measured {
            let added = self.fx.changes.iter().skip(changes_before);
            self.bytes += added.map(size).sum::<usize>();
        }
        if let Some(ticket) = self.tickets.last() {
            let place = (self.tickets.len() - 1, ticket.outcomes.len());
            self.hanging.push((place.0 as u32, place.1 as u32));
        }
        self.settled(outcome);
    }
}

impl Turn {
    /// Commits what the group gathered, then answers.
    pub(super) async fn flush(&mut self, group: &mut Group) {
        let changes = std::mem::take(&mut group.fx.changes);
        let result = self.commit(changes, group.at).await;
        self.answer(group, result);
    }

    /// Lets out what waited for the group's commit, and answers the tickets that are complete.
    pub(super) fn answer(&mut self, group: &mut Group, result: Result<(), StoreError>) {
        let mut fx = std::mem::take(&mut group.fx);
        let hanging = std::mem::take(&mut group.hanging);
        match result {
            Ok(()) => {
                self.lines.desk.outside.metrics.points(group.points);
            }
            Err(error) => {
                refuse(hanging, group, &mut fx, &Rejection::from(error));
            }
        }
        self.release(fx, group.at);
        (group.bytes, group.points, group.has_attributes) = (0, 0, false);
        for ticket in std::mem::take(&mut group.tickets) {
            if ticket.outcomes.len() >= ticket.wanted {
                // A session that has gone needs no answer.
                let _ = ticket.reply.send(ticket.outcomes);
            } else {
                group.tickets.push(ticket);
            }
        }
    }
}

/// Nothing of the group was kept: every outcome that hung on it is a refusal, and each is counted.
fn refuse(
    hanging: SmallVec<[(u32, u32); 2]>,
    group: &mut Group,
    fx: &mut Effects,
    rejection: &Rejection,
) {
    fx.events.retain(|(_, kind)| {
        !matches!(
            kind,
            EventKind::TelemetrySaved { .. } | EventKind::AttributesSaved { .. }
        )
    });
    for (ticket, outcome) in hanging {
        let Some(ticket) = group.tickets.get_mut(ticket as usize) else {
            continue;
        };
        if let Some(outcome) = ticket.outcomes.get_mut(outcome as usize) {
            *outcome = Outcome::Refused(rejection.clone());
            fx.refusals.push((ticket.transport, rejection.clone()));
        }
    }
}
