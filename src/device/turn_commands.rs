//! What is asked of a device from outside its sessions: connects, polls, operators' commands, the
//! platform's stop.

use super::handle_session::millis;
use super::lines::Caller;
use super::messages::{
    CallReply, Command, CommandReply, ConnectReply, Poll, PollReply, SessionAsked, Speaker,
};
use super::state::{Claim, WaitingPoll};
use super::turn::Turn;
use crate::model::ids::SessionId;
use crate::model::reject::{Reason, Rejection};
use crate::model::rpc::RpcOrder;
use crate::model::session::Transport;
use crate::model::uplink::Outcome;
use crate::model::Millis;
use crate::store::{Batch, Change};
use std::time::Duration;
use tokio::sync::oneshot;

pub(super) fn deleted() -> Rejection {
    Rejection::new(Reason::DeviceDeleted, "there is no such device any more")
}

impl Turn {
    pub(super) async fn connect(
        &mut self,
        session: SessionId,
        transport: Transport,
        asked: Option<SessionAsked>,
        reply: oneshot::Sender<ConnectReply>,
        now: Millis,
    ) {
        if let Some(refusal) = self.refuses_all() {
            let _ = reply.send(refusal.map(Err));
            return;
        }
        self.forget_given_up();
        let Some(asked) = asked else {
            let caller = Caller {
                reply,
                downlinks: None,
            };
            self.lines.wait_for_admission(session, caller);
            return self
                .lifecycle(now, |state, fx| state.visit(session, transport, now, fx))
                .await;
        };
        let claim = Claim {
            session,
            transport,
            client_id: asked.client_id.into(),
            clean_start: asked.clean_start,
            expiry: millis(asked.expiry),
        };
        let caller = Caller {
            reply,
            downlinks: Some(asked.downlinks),
        };
        self.lines.wait_for_admission(session, caller);
        self.lifecycle(now, |state, fx| {
            let before = state.sessions.len();
            state.claim(claim, now, fx);
            state.note_presence(before, now);
        })
        .await;
    }

    /// `None`: come in. `Some(None)`: no such device. `Some(Some(why))`: refused.
    fn refuses_all(&self) -> Option<Option<Rejection>> {
        match (&self.absent, self.state.closed) {
            (Some(why), _) => Some((**why).clone()),
            (None, Some(Reason::DeviceDeleted)) => Some(None),
            (None, Some(reason)) => Some(Some(Rejection::new(reason, "the platform is stopping"))),
            (None, None) => None,
        }
    }

    fn forget_gone_polls(&mut self) {
        let lines = &self.lines;
        self.state.forget_polls(|id| lines.poll_is_gone(id));
        self.lines.drop_gone_polls();
    }

    pub(super) async fn poll(
        &mut self,
        from: Speaker,
        kind: Poll,
        timeout: Duration,
        reply: oneshot::Sender<PollReply>,
        now: Millis,
    ) {
        if let Err(rejection) = self.state.may_speak(&from) {
            self.refused(from.transport, &rejection, now);
            let _ = reply.send(Err(rejection));
            return;
        }
        self.forget_gone_polls();
        self.last_poll = self.last_poll.wrapping_add(1);
        let poll = WaitingPoll {
            id: self.last_poll,
            kind,
            deadline: now.saturating_add(millis(timeout)),
        };
        self.lines.wait_for_poll(poll.id, reply);
        let began = self
            .step(now, |state, fx| state.poll(poll, from.transport, now, fx))
            .await;
        if let Err(rejection) = began {
            self.refused(from.transport, &rejection, now);
            self.lines.end_poll(poll.id, Err(rejection));
        }
    }

    pub(super) async fn command(
        &mut self,
        command: Command,
        reply: oneshot::Sender<CallReply>,
        now: Millis,
    ) {
        if let Some(refusal) = self.refuses_all() {
            let _ = reply.send(refusal.map(CommandReply::Refused));
            return;
        }
        let command = match command {
            Command::Rpc(order) => return self.order(order, reply, now).await,
            other => other,
        };
        let answer = match self.obey(command, now).await {
            Ok(answer) => answer,
            Err(rejection) => {
                self.refused(Transport::Rest, &rejection, now);
                CommandReply::Refused(rejection)
            }
        };
        let _ = reply.send(Some(answer));
    }

    async fn obey(&mut self, command: Command, now: Millis) -> Result<CommandReply, Rejection> {
        let outcome = match command {
            Command::Snapshot => {
                self.forget_gone_polls();
                return Ok(CommandReply::Snapshot(self.state.snapshot()));
            }
            Command::Refused(rejection) => return Err(rejection),
            Command::Delete => {
                self.delete(now).await?;
                Outcome::Done
            }
            Command::SaveTelemetry(telemetry) => {
                let points = telemetry.points() as u64;
                let saved = self
                    .step(now, |state, fx| {
                        state.telemetry(telemetry, Transport::Rest, now, fx)
                    })
                    .await?;
                self.lines.desk.outside.metrics.points(points);
                saved
            }
            // The API's own doors are above; what is left are plain steps.
            other => {
                self.step(now, |state, fx| match other {
                    Command::RpcDelete(id) => {
                        state.delete_rpc(id, fx);
                        Outcome::Done
                    }
                    Command::DeleteTelemetry { keys, selection } => {
                        state.delete_telemetry(keys, selection, fx);
                        Outcome::Done
                    }
                    Command::SaveAttributes { scope, entries } => {
                        state.save_attributes(scope, entries, now, fx)
                    }
                    Command::DeleteAttributes { scope, keys } => {
                        state.delete_attributes(scope, keys, now, fx);
                        Outcome::Done
                    }
                    Command::EndSession(epoch, reason) => {
                        state.end_one(epoch, reason, now, fx);
                        Outcome::Done
                    }
                    Command::EndSessions(reason) => {
                        state.end_all(reason, now, fx);
                        Outcome::Done
                    }
                    _ => Outcome::Done,
                })
                .await?
            }
        };
        match outcome {
            Outcome::Refused(rejection) => Err(rejection),
            _ => Ok(CommandReply::Done),
        }
    }

    async fn order(&mut self, order: RpcOrder, reply: oneshot::Sender<CallReply>, now: Millis) {
        let id = order.id;
        if let Err(rejection) = self.is_new(&order).await {
            self.refused(Transport::Rest, &rejection, now);
            let _ = reply.send(Some(CommandReply::Refused(rejection)));
            return;
        }
        self.lines.wait_for_rpc(id, reply);
        let taken = self
            .step(now, |state, fx| state.order(order, now, fx))
            .await;
        if let Err(rejection) = taken {
            self.refused(Transport::Rest, &rejection, now);
            self.lines.answer(id, CommandReply::Refused(rejection));
        }
    }

    /// A persistent RPC's record must not replace another one, whichever device it is of; and the
    /// caller of a waiting one keeps his line.
    async fn is_new(&self, order: &RpcOrder) -> Result<(), Rejection> {
        let waits = self.state.rpcs.by_id(order.id).is_some();
        let known = waits
            || (order.persistent && self.lines.desk.outside.store.rpc(order.id).await?.is_some());
        if known {
            let detail = "an RPC with this id exists already";
            return Err(Rejection::new(Reason::BadRequestId, detail));
        }
        Ok(())
    }

    /// The device goes with all it owns. If that cannot be written, nothing has happened.
    async fn delete(&mut self, now: Millis) -> Result<(), Rejection> {
        let device = self.state.device;
        let batch = Batch::of_device(device, vec![Change::DeviceDelete(device)]);
        self.lines.desk.outside.store.commit(batch).await?;
        self.close_down(Reason::DeviceDeleted, now).await;
        Ok(())
    }

    async fn close_down(&mut self, reason: Reason, now: Millis) {
        self.state.closed = Some(reason);
        let rejection = Rejection::new(reason, reason.label());
        self.lifecycle(now, |state, fx| {
            state.end_all(reason, now, fx);
            state.rpcs.pending.retain(|rpc| rpc.order.persistent);
        })
        .await;
        self.lines.refuse_rpcs(&rejection);
        for claim in self.state.claims.take() {
            self.lines
                .decline(claim.session, Some(Err(rejection.clone())));
        }
    }

    pub(super) async fn stop(&mut self, done: oneshot::Sender<()>, now: Millis) {
        self.stopping.push(done);
        if self.absent.is_none() && self.state.closed.is_none() {
            self.close_down(Reason::ShuttingDown, now).await;
        }
    }
}
