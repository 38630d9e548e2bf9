//! Uplinks of a turn: as many as possible share one commit, each in its place; what needs a read
//! or changes more than points and attributes waits until what came before it is on disk.

use super::batching::size;
use super::effects::Effects;
use super::messages::Speaker;
use super::rpcs::request_id_of;
use super::turn::{clock, Turn};
use crate::model::attributes::{Attribute, AttributeReply, AttributeRequest, Scope};
use crate::model::event::EventKind;
use crate::model::reject::Rejection;
use crate::model::session::Transport;
use crate::model::uplink::{Outcome, Uplink};
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::StoreError;
use tokio::sync::oneshot;

/// Enough for one commit.
const GROUP_BYTES: usize = 256 * 1024;

/// The uplinks of one message and their outcomes so far.
struct Ticket {
    reply: oneshot::Sender<Vec<Outcome>>,
    outcomes: Vec<Outcome>,
    wanted: usize,
    transport: Transport,
}

/// What shares the next commit.
pub struct Group {
    fx: Effects,
    tickets: Vec<Ticket>,
    /// Outcomes that hold only if the commit does: (ticket, outcome).
    hanging: Vec<(usize, usize)>,
    bytes: usize,
    points: u64,
    has_attributes: bool,
    at: Millis,
}

impl Group {
    pub fn new() -> Self {
        Self {
            fx: Effects::default(),
            tickets: Vec::new(),
            hanging: Vec::new(),
            bytes: 0,
            points: 0,
            has_attributes: false,
            at: 0,
        }
    }

    fn settled(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.tickets.last_mut() {
            ticket.outcomes.push(outcome);
        }
    }

    /// Adds an outcome that nothing can change any more.
    fn add_final(&mut self, outcome: Outcome, transport: Transport) {
        if let Outcome::Refused(rejection) = &outcome {
            self.fx.refuse(transport, rejection.clone());
        }
        self.settled(outcome);
    }

    /// Adds an outcome that the next commit decides, with the size of what it adds to it.
    fn add(&mut self, outcome: Outcome, transport: Transport, changes_before: usize) {
        if matches!(outcome, Outcome::Refused(_)) {
            return self.add_final(outcome, transport);
        }
        let added = self.fx.changes.iter().skip(changes_before);
        self.bytes += added.map(size).sum::<usize>();
        if let Some(ticket) = self.tickets.last() {
            self.hanging
                .push((self.tickets.len() - 1, ticket.outcomes.len()));
        }
        self.settled(outcome);
    }
}

impl Turn {
    pub(super) async fn uplinks(
        &mut self,
        from: Speaker,
        uplinks: Vec<Uplink>,
        reply: oneshot::Sender<Vec<Outcome>>,
        group: &mut Group,
    ) {
        let now = clock();
        group.at = now;
        let wanted = uplinks.len();
        self.outside.metrics.uplinks(from.transport, wanted as u64);
        group.tickets.push(Ticket {
            reply,
            outcomes: Vec::with_capacity(wanted),
            wanted,
            transport: from.transport,
        });
        for uplink in uplinks {
            self.uplink(from, uplink, now, group).await;
            if group.bytes >= GROUP_BYTES {
                self.flush(group).await;
            }
        }
    }

    async fn uplink(&mut self, from: Speaker, uplink: Uplink, now: Millis, group: &mut Group) {
        let transport = from.transport;
        if let Err(rejection) = self.may_speak(&from) {
            return group.add_final(Outcome::Refused(rejection), transport);
        }
        let before = group.fx.changes.len();
        match uplink {
            Uplink::Telemetry(telemetry) => {
                let points = telemetry.points() as u64;
                let fx = &mut group.fx;
                let outcome = self.state.telemetry(telemetry, transport, now, fx);
                if outcome == Outcome::Done {
                    group.points += points;
                }
                group.add(outcome, transport, before);
            }
            Uplink::Activity => {
                self.state.heard(Some(transport), now, &mut group.fx);
                group.settled(Outcome::Done);
            }
            Uplink::Refused(rejection) => {
                group.fx.refuse(transport, rejection);
                group.settled(Outcome::Done);
            }
            Uplink::RpcCall { method, params } => {
                let fx = &mut group.fx;
                let outcome = self.state.rpc_call(method, &params, transport, now, fx);
                group.settled(outcome);
            }
            Uplink::Attributes {
                entries,
                nulls_skipped,
            } => {
                self.client_attributes(entries, nulls_skipped, transport, now, group)
                    .await;
            }
            Uplink::AttributeRequest(request) => {
                self.flush(group).await;
                let outcome = self.read_attributes(request).await;
                self.state.heard(Some(transport), now, &mut group.fx);
                group.add_final(outcome, transport);
            }
            Uplink::Delivery { id, step } if request_id_of(id).is_none() => {
                let fx = &mut group.fx;
                self.state.delivery(from.epoch, id, step, now, fx);
                group.settled(Outcome::Done);
            }
            barrier => {
                self.flush(group).await;
                let outcome = self.barrier(from, barrier, now).await;
                group.add_final(outcome, transport);
            }
        }
    }

    fn may_speak(&self, from: &Speaker) -> Result<(), Rejection> {
        match &self.absent {
            Some(why) => Err(why.clone().unwrap_or_else(super::turn_commands::deleted)),
            None => self.state.may_speak(from),
        }
    }

    /// Uplinks that move more than points and attributes: each in a step of its own.
    async fn barrier(&mut self, from: Speaker, uplink: Uplink, now: Millis) -> Outcome {
        let transport = from.transport;
        let outcome = self
            .step(now, |state, fx| match uplink {
                Uplink::RpcReply { request_id, body } => {
                    state.rpc_reply(request_id, body, transport, now, fx)
                }
                Uplink::Subscribe(subscriptions) => {
                    state.subscribe(from.epoch, subscriptions, now, fx)
                }
                Uplink::Delivery { id, step } => {
                    state.delivery(from.epoch, id, step, now, fx);
                    Outcome::Done
                }
                _ => Outcome::Done,
            })
            .await;
        outcome.unwrap_or_else(Outcome::Refused)
    }

    async fn client_attributes(
        &mut self,
        entries: Vec<(Key, Value)>,
        nulls_skipped: u32,
        transport: Transport,
        now: Millis,
        group: &mut Group,
    ) {
        if group.has_attributes {
            // What is stored is not yet what the device last said.
            self.flush(group).await;
        }
        let before = group.fx.changes.len();
        let keys: Vec<Key> = entries.iter().map(|(key, _)| key.clone()).collect();
        let current = self.read(Scope::Client, Some(&keys)).await;
        let outcome = match current {
            Ok(current) => self.state.client_attributes(
                entries,
                nulls_skipped,
                &current,
                transport,
                now,
                &mut group.fx,
            ),
            Err(error) => Outcome::Refused(error.into()),
        };
        group.has_attributes |= group.fx.changes.len() > before;
        group.add(outcome, transport, before);
    }

    async fn read(&self, scope: Scope, keys: Option<&[Key]>) -> Result<Vec<Attribute>, StoreError> {
        let device = self.state.device;
        self.outside.store.attributes(device, scope, keys).await
    }

    async fn read_attributes(&self, request: AttributeRequest) -> Outcome {
        let all = request.client.is_none() && request.shared.is_none();
        let mut reply = AttributeReply::default();
        let wanted = [
            (Scope::Client, request.client, &mut reply.client),
            (Scope::Shared, request.shared, &mut reply.shared),
        ];
        for (scope, keys, section) in wanted {
            if keys.is_none() && !all {
                continue;
            }
            match self.read(scope, keys.as_deref()).await {
                Ok(found) => section.extend(found.into_iter().map(|a| (a.key, a.value))),
                Err(error) => return Outcome::Refused(error.into()),
            }
        }
        Outcome::Attributes(reply)
    }

    /// Commits what the group gathered, then answers the tickets that are complete.
    pub(super) async fn flush(&mut self, group: &mut Group) {
        let mut fx = std::mem::take(&mut group.fx);
        let changes = std::mem::take(&mut fx.changes);
        let hanging = std::mem::take(&mut group.hanging);
        match self.commit(changes, group.at).await {
            Ok(()) => {
                self.outside.metrics.points(group.points);
                merge_saved(&mut fx);
            }
            Err(error) => {
                refuse(hanging, group, &mut fx, &Rejection::from(error));
            }
        }
        self.release(fx, group.at);
        let (done, open): (Vec<_>, Vec<_>) = std::mem::take(&mut group.tickets)
            .into_iter()
            .partition(|ticket| ticket.outcomes.len() >= ticket.wanted);
        for ticket in done {
            // A session that has gone needs no answer.
            let _ = ticket.reply.send(ticket.outcomes);
        }
        let at = group.at;
        *group = Group::new();
        group.tickets = open;
        group.at = at;
    }
}

/// Nothing of the group was kept: every outcome that hung on it is a refusal, and each is counted.
fn refuse(
    hanging: Vec<(usize, usize)>,
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
        let Some(ticket) = group.tickets.get_mut(ticket) else {
            continue;
        };
        if let Some(outcome) = ticket.outcomes.get_mut(outcome) {
            *outcome = Outcome::Refused(rejection.clone());
            fx.refusals.push((ticket.transport, rejection.clone()));
        }
    }
}

/// One row for the telemetry of one commit.
fn merge_saved(fx: &mut Effects) {
    let mut merged: Vec<(Option<Transport>, EventKind)> = Vec::with_capacity(fx.events.len());
    for (transport, kind) in fx.events.drain(..) {
        if let (
            Some((last_transport, EventKind::TelemetrySaved { points: sum })),
            EventKind::TelemetrySaved { points },
        ) = (merged.last_mut(), &kind)
        {
            if *last_transport == transport {
                *sum = sum.saturating_add(*points);
                continue;
            }
        }
        merged.push((transport, kind));
    }
    fx.events = merged;
}
