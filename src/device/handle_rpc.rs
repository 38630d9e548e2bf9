//! Server-side RPC: taken, offered, delivered, answered, expired (contract/rpc.md 2, 3 and 7).

use super::client_rpc;
use super::effects::Effects;
use super::messages::{CommandReply, Poll, PollId};
use super::rpcs::{request_id_of, PendingRpc, Place, Taker};
use super::state::State;
use crate::model::downlink::{Downlink, DownlinkId};
use crate::model::event::EventKind;
use crate::model::ids::{Epoch, RpcId};
use crate::model::reject::{Reason, Rejection};
use crate::model::rpc::{RpcAnswer, RpcOrder, RpcState};
use crate::model::session::Transport;
use crate::model::uplink::{DeliveryStep, Outcome};
use crate::model::Millis;
use crate::store::Change;
use bytes::Bytes;
use std::sync::Arc;

/// The lines an RPC can be given to. Each says whether it was taken.
pub trait Takers {
    fn session(&mut self, epoch: Epoch, downlink: Downlink) -> bool;
    fn poll(&mut self, poll: PollId, downlink: Downlink) -> bool;
}

impl State {
    /// An operator's order. A persistent one is answered once it is on disk; a lightweight one
    /// when it ends.
    pub fn order(&mut self, order: RpcOrder, now: Millis, fx: &mut Effects) {
        let id = order.id;
        if self.rpcs.len() >= self.config.pending_rpcs {
            let detail = "too many RPCs wait for this device (device.pending_rpcs)";
            return refuse_order(id, Reason::QueueFull, detail, fx);
        }
        if self.rpcs.by_id(id).is_some() {
            let detail = "an RPC with this id is waiting already";
            return refuse_order(id, Reason::BadRequestId, detail, fx);
        }
        let (request_id, reserve) = self.rpcs.take_id();
        if let Some(upto) = reserve {
            fx.changes.push(Change::RpcIdsReserved {
                device: self.device,
                upto,
            });
        }
        let rpc = PendingRpc {
            order: Arc::new(order),
            request_id,
            state: RpcState::Queued,
            attempts: 0,
            place: Place::Waiting,
            tried: false,
        };
        if rpc.order.persistent {
            let accepted = CommandReply::Rpc(RpcAnswer::Accepted(id));
            fx.answers.push((id, accepted));
        }
        self.rpcs.pending.push(rpc);
        let at = self.rpcs.len() - 1;
        self.moved(at, None, now, fx);
    }

    /// Withdraws a persistent RPC and deletes its record.
    pub fn delete_rpc(&mut self, id: RpcId, fx: &mut Effects) {
        let pending = &mut self.rpcs.pending;
        pending.retain(|rpc| rpc.order.id != id || !rpc.order.persistent);
        fx.changes.push(Change::RpcDelete {
            device: self.device,
            rpc: id,
        });
    }

    /// Gives waiting RPCs, oldest first, to whoever can take them: the newest session that
    /// subscribed, else a waiting poll. Exactly one gets each.
    pub fn offer_rpcs(&mut self, now: Millis, takers: &mut impl Takers) {
        if !self.rpcs.has_waiting() {
            return;
        }
        let session = self
            .sessions
            .iter()
            .filter(|s| s.subscriptions.rpc && s.takes_downlinks())
            .map(|s| s.epoch)
            .max();
        for at in 0..self.rpcs.pending.len() {
            let Some(rpc) = self.rpcs.pending.get(at) else {
                return;
            };
            if rpc.place != Place::Waiting || rpc.order.expires <= now {
                continue;
            }
            let downlink = rpc.downlink();
            let taker = match session {
                Some(epoch) => takers
                    .session(epoch, downlink)
                    .then_some(Taker::Session(epoch)),
                None => self.first_poll(downlink, takers).map(Taker::Poll),
            };
            let (Some(taker), Some(rpc)) = (taker, self.rpcs.pending.get_mut(at)) else {
                return;
            };
            rpc.place = Place::Offered(taker);
            rpc.tried = rpc.tried || matches!(taker, Taker::Session(_));
        }
    }

    /// The oldest waiting RPC poll whose client is still there.
    fn first_poll(&mut self, downlink: Downlink, takers: &mut impl Takers) -> Option<PollId> {
        while let Some(at) = self
            .polls()
            .waiting
            .iter()
            .position(|poll| poll.kind == Poll::Rpc)
        {
            let Some(poll) = self.polls_mut().waiting.remove(at) else {
                break;
            };
            if takers.poll(poll.id, downlink.clone()) {
                self.polls_mut()
                    .unconfirmed
                    .push(super::state::UnconfirmedPoll {
                        id: poll.id,
                        revision: None,
                    });
                return Some(poll.id);
            }
        }
        None
    }

    /// How a downlink fared.
    pub fn delivery(
        &mut self,
        epoch: Epoch,
        id: DownlinkId,
        step: DeliveryStep,
        now: Millis,
        fx: &mut Effects,
    ) {
        let Some(request_id) = request_id_of(id) else {
            return self.attributes_delivery(epoch, id, step);
        };
        // A late word on an RPC that ended meanwhile changes nothing.
        if let Some(at) = self.rpcs.by_request(request_id) {
            self.rpc_step(at, Taker::Session(epoch), step, now, fx);
        }
    }

    /// A poll's RPC was written, or its client had gone.
    pub(super) fn polled_rpc(
        &mut self,
        poll: PollId,
        written: bool,
        now: Millis,
        fx: &mut Effects,
    ) {
        let to = Taker::Poll(poll);
        let mut pending = self.rpcs.pending.iter();
        let Some(at) = pending.position(|rpc| rpc.place == Place::Offered(to)) else {
            return;
        };
        if written {
            self.rpc_step(at, to, DeliveryStep::Delivered, now, fx);
        } else if let Some(rpc) = self.rpcs.pending.get_mut(at) {
            rpc.place = Place::Waiting;
        }
    }

    /// The device's reply: any bytes. The first one counts.
    pub fn rpc_reply(
        &mut self,
        request_id: i32,
        body: Bytes,
        transport: Transport,
        now: Millis,
        fx: &mut Effects,
    ) -> Outcome {
        self.heard(Some(transport), now, fx);
        let at = self.rpcs.by_request(request_id);
        let Some((at, rpc)) = at.and_then(|at| self.rpcs.pending.get_mut(at).map(|rpc| (at, rpc)))
        else {
            let detail = format!("RPC reply {request_id}: nothing waits for it");
            fx.refuse(transport, Rejection::new(Reason::UnknownRpc, detail));
            return Outcome::Done;
        };
        if rpc.order.oneway {
            // Nobody wants the reply, but it tells that the RPC arrived.
            self.rpc_step(at, Taker::Poll(0), DeliveryStep::Delivered, now, fx);
            return Outcome::Done;
        }
        rpc.state = RpcState::Successful;
        if rpc.order.persistent {
            self.moved(at, response_text(&body), now, fx);
        } else {
            self.complete(at, RpcAnswer::Reply(body), fx);
        }
        Outcome::Done
    }

    /// Client-side RPC: answered at once.
    pub fn rpc_call(
        &mut self,
        method: String,
        params: &str,
        transport: Transport,
        now: Millis,
        fx: &mut Effects,
    ) -> Outcome {
        self.heard(Some(transport), now, fx);
        let (text, handled) = client_rpc::answer(&method, params, now);
        fx.event(Some(transport), EventKind::ClientRpc { method, handled });
        Outcome::RpcResult(text)
    }
}

fn refuse_order(id: RpcId, reason: Reason, detail: &'static str, fx: &mut Effects) {
    let rejection = Rejection::new(reason, detail);
    fx.refuse(Transport::Rest, rejection.clone());
    fx.answers.push((id, CommandReply::Refused(rejection)));
}

/// How a persistent RPC keeps its reply: JSON as it came, anything else as `{"error":"<text>"}`,
/// an empty one not at all.
fn response_text(body: &[u8]) -> Option<Box<str>> {
    if body.is_empty() {
        return None;
    }
    let json = serde_json::from_slice::<&serde_json::value::RawValue>(body);
    if let Ok(json) = json {
        return Some(json.get().into());
    }
    let text = String::from_utf8_lossy(body);
    Some(serde_json::json!({ "error": text }).to_string().into())
}
