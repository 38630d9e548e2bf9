//! An RPC on its way: sent, delivered, not acknowledged, expired, over (contract/rpc.md 2 and 3).

use super::effects::Effects;
use super::messages::CommandReply;
use super::rpcs::{PendingRpc, Place, Taker};
use super::state::State;
use crate::model::event::EventKind;
use crate::model::rpc::{RpcAnswer, RpcState};
use crate::model::uplink::DeliveryStep;
use crate::model::Millis;
use crate::store::Change;

impl State {
    pub(super) fn rpc_step(
        &mut self,
        at: usize,
        to: Taker,
        step: DeliveryStep,
        now: Millis,
        fx: &mut Effects,
    ) {
        let ack_timeout = self.config.rpc_ack_timeout.millis();
        let Some(rpc) = self.rpcs.pending.get_mut(at) else {
            return;
        };
        rpc.tried = true;
        match step {
            DeliveryStep::Sent => {
                let ack_by = now.saturating_add(ack_timeout).min(rpc.order.expires);
                rpc.place = Place::Sent { to, ack_by };
                rpc.state = RpcState::Sent;
                if rpc.order.oneway && !rpc.order.persistent {
                    return self.complete(at, RpcAnswer::Delivered, fx);
                }
                self.moved(at, None, now, fx);
            }
            DeliveryStep::Delivered => {
                rpc.place = Place::Delivered;
                rpc.state = RpcState::Delivered;
                if rpc.order.oneway && !rpc.order.persistent {
                    return self.complete(at, RpcAnswer::Delivered, fx);
                }
                self.moved(at, None, now, fx);
            }
            DeliveryStep::Failed => self.unacknowledged(at, now, fx),
        }
    }

    /// A try failed: the next one, or the end.
    fn unacknowledged(&mut self, at: usize, now: Millis, fx: &mut Effects) {
        let Some(rpc) = self.rpcs.pending.get_mut(at) else {
            return;
        };
        if !rpc.order.persistent {
            rpc.place = Place::Parked;
            return;
        }
        rpc.attempts += 1;
        if rpc.attempts > rpc.order.retries {
            rpc.state = RpcState::Failed;
            let response = format!(
                "{{\"error\":\"There was a Timeout and all retry attempts have been exhausted. Retry attempts set: {}\"}}",
                rpc.order.retries
            );
            return self.moved(at, Some(response.into()), now, fx);
        }
        rpc.state = RpcState::Timeout;
        rpc.place = Place::Waiting;
        self.moved(at, None, now, fx);
    }

    /// Ends what is past its time, and what was not acknowledged in time.
    pub fn expire_rpcs(&mut self, now: Millis, fx: &mut Effects) {
        let mut at = 0;
        while at < self.rpcs.pending.len() {
            let before = self.rpcs.pending.len();
            self.expire_rpc(at, now, fx);
            at += usize::from(self.rpcs.pending.len() == before);
        }
    }

    fn expire_rpc(&mut self, at: usize, now: Millis, fx: &mut Effects) {
        let Some(rpc) = self.rpcs.pending.get_mut(at) else {
            return;
        };
        if rpc.order.expires > now {
            return self.overdue(at, now, fx);
        }
        rpc.state = RpcState::Expired;
        match (rpc.order.persistent, rpc.tried) {
            (true, _) => self.moved(at, None, now, fx),
            (false, true) => self.complete(at, RpcAnswer::NoReply, fx),
            (false, false) => self.complete(at, RpcAnswer::NotConnected, fx),
        }
    }

    fn overdue(&mut self, at: usize, now: Millis, fx: &mut Effects) {
        let rpc = self.rpcs.pending.get(at);
        let late = rpc.is_some_and(|rpc| {
            rpc.order.persistent && matches!(rpc.place, Place::Sent { ack_by, .. } if ack_by <= now)
        });
        if late {
            self.unacknowledged(at, now, fx);
        }
    }

    /// A lightweight RPC is over: its caller hears, and it is forgotten.
    pub(super) fn complete(&mut self, at: usize, answer: RpcAnswer, fx: &mut Effects) {
        let Some(rpc) = self.rpcs.pending.remove(at) else {
            return;
        };
        self.rpc_event(&rpc, fx);
        fx.answers.push((rpc.order.id, CommandReply::Rpc(answer)));
    }

    /// An RPC came to a new state: durable if it is persistent, forgotten here if it is final.
    pub(super) fn moved(
        &mut self,
        at: usize,
        response: Option<Box<str>>,
        now: Millis,
        fx: &mut Effects,
    ) {
        let Some(rpc) = self.rpcs.pending.get(at).cloned() else {
            return;
        };
        if rpc.order.persistent {
            let record = rpc.record(self.device, response, now);
            fx.changes.push(Change::RpcPut(record));
        }
        self.rpc_event(&rpc, fx);
        if rpc.state.is_final(rpc.order.oneway) {
            self.rpcs.pending.remove(at);
        }
    }

    fn rpc_event(&self, rpc: &PendingRpc, fx: &mut Effects) {
        let kind = EventKind::Rpc {
            rpc: rpc.order.id,
            request_id: rpc.request_id,
            method: rpc.order.method.clone(),
            state: rpc.state,
        };
        fx.event(None, kind);
    }
}
