//! Uplinks of a turn: as many as possible share one commit, each in its place; what needs a read
//! or changes more than points and attributes waits until what came before it is on disk.

use super::limits::{Cost, Limits};
use super::messages::Speaker;
use super::rpcs::request_id_of;
use super::turn::{clock, Turn};
use super::turn_group::{Group, GROUP_BYTES};
use crate::model::attributes::{Attribute, AttributeReply, AttributeRequest, Scope};
use crate::model::event::EventKind;
use crate::model::reject::Rejection;
use crate::model::session::Transport;
use crate::model::uplink::{Outcome, Uplink};
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::StoreError;
use tokio::sync::oneshot;

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
        self.lines
            .desk
            .outside
            .metrics
            .uplinks(from.transport, wanted as u64);
        group.open(reply, wanted, from.transport);
        for uplink in uplinks {
            if let Some(uplink) = self.uplink(from, uplink, now, group) {
                Box::pin(self.slow_uplink(from, uplink, now, group)).await;
            }
            if group.bytes >= GROUP_BYTES {
                Box::pin(self.flush(group)).await;
            }
        }
    }

    /// What only adds to the group. Anything else is given back.
    pub(super) fn uplink(
        &mut self,
        from: Speaker,
        uplink: Uplink,
        now: Millis,
        group: &mut Group,
    ) -> Option<Uplink> {
        let transport = from.transport;
        if let Err(rejection) = self.may_speak(&from) {
            group.add_final(Outcome::Refused(rejection), transport);
            return None;
        }
        if self.limits.is_some() || self.lines.desk.outside.limits.is_limited() {
            if let Some(outcome) = self.over_the_limit(&uplink, transport, now, group) {
                group.settled(outcome);
                return None;
            }
        }
        let before = group.fx.changes.len();
        let fx = &mut group.fx;
        match uplink {
            Uplink::Telemetry(telemetry) => {
                let points = telemetry.points() as u64;
                let outcome = self.state.telemetry(telemetry, transport, now, fx);
                if outcome == Outcome::Done {
                    group.points += points;
                }
                group.add(outcome, transport, before);
            }
            Uplink::Activity => {
                self.state.heard(Some(transport), now, fx);
                group.settled(Outcome::Done);
            }
            Uplink::Refused(rejection) => {
                fx.refuse(transport, rejection);
                group.settled(Outcome::Done);
            }
            Uplink::RpcCall { method, params } => {
                let outcome = self.state.rpc_call(method, &params, transport, now, fx);
                group.settled(outcome);
            }
            Uplink::Delivery { id, step } if request_id_of(id).is_none() => {
                self.state.delivery(from.epoch, id, step, now, fx);
                group.settled(Outcome::Done);
            }
            slow => return Some(slow),
        }
        None
    }

    /// The outcome of an uplink that a limit refuses, counted and perhaps told.
    fn over_the_limit(
        &mut self,
        uplink: &Uplink,
        transport: Transport,
        now: Millis,
        group: &mut Group,
    ) -> Option<Outcome> {
        let cost = Cost::of(uplink)?;
        let limits = self.limits.get_or_insert_with(|| Box::new(Limits::none()));
        let over = limits
            .take(cost, &self.lines.desk.outside.limits, now)
            .err()?;
        if let Some(detail) = over.row {
            let reason = over.rejection.reason;
            let row = EventKind::Refused { reason, detail };
            group.fx.event(Some(transport), row);
        }
        if let Uplink::Refused(other) = uplink {
            // The device has heard of it already; here it is only counted.
            self.lines
                .desk
                .outside
                .metrics
                .rejected(transport, other.reason);
            return Some(Outcome::Done);
        }
        let metrics = &self.lines.desk.outside.metrics;
        metrics.rejected(transport, over.rejection.reason);
        Some(Outcome::Refused(over.rejection))
    }

    /// What reads, or must not share its commit.
    async fn slow_uplink(&mut self, from: Speaker, uplink: Uplink, now: Millis, group: &mut Group) {
        let transport = from.transport;
        match uplink {
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
            barrier => {
                self.flush(group).await;
                let outcome = self.barrier(from, barrier, now).await;
                group.add_final(outcome, transport);
            }
        }
    }

    fn may_speak(&self, from: &Speaker) -> Result<(), Rejection> {
        match &self.absent {
            Some(why) => Err((**why)
                .clone()
                .unwrap_or_else(super::turn_commands::deleted)),
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
        self.lines
            .desk
            .outside
            .store
            .attributes(device, scope, keys)
            .await
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
}
