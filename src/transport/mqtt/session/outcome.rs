//! Acknowledgements: each leaves only when its outcome is there, in the order of the uplinks
//! (contract/mqtt.md 5).

use super::open::Open;
use super::{Effects, Now, Settings};
use crate::model::reject::{Reason, Rejection};
use crate::model::uplink::{Outcome, Uplink};
use crate::transport::mqtt::codec::packet::{Ack, Suback, Unsuback};
use crate::transport::mqtt::codec::{code, Packet, QoS};
use crate::transport::mqtt::mapping::downlink::{self, Message};
use crate::transport::mqtt::mapping::{codes, Filter, Form, Kind, Reply};
use bytes::Bytes;
use bytestring::ByteString;

/// Below this Maximum Packet Size of the client no reason string is added (it is optional, and
/// must not make an acknowledgement too large).
const ROOM_FOR_REASONS: u32 = 512;
/// Longest reason string, in characters.
const REASON_LENGTH: usize = 160;

/// One uplink on its way.
pub(super) struct Pending {
    pub then: Then,
    pub bytes: usize,
}

/// What its outcome leads to.
pub(super) enum Then {
    Nothing,
    Acknowledge(Receipt, Reply),
    /// Refused here, and the row about it is on its way: acknowledge with this code.
    Refuse(Box<(Receipt, u8, ByteString)>),
    Suback(Box<Granting>),
    Unsuback(Box<Unsuback>),
}

/// A publish to be acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Receipt {
    pub qos: QoS,
    /// 0 at QoS 0.
    pub packet_id: u16,
}

/// A SUBSCRIBE that becomes effective with its outcome.
pub(super) struct Granting {
    pub suback: Suback,
    /// What each of its filters had before; for the case that it is refused.
    pub before: Vec<(Filter, Option<QoS>)>,
}

impl Open {
    pub fn outcome(&mut self, settings: &Settings, outcome: Outcome, now: Now, fx: &mut Effects) {
        let Some(pending) = self.pending.pop_front() else {
            return;
        };
        self.pending_bytes = self.pending_bytes.saturating_sub(pending.bytes);
        match (pending.then, outcome) {
            (Then::Nothing, _) => {}
            (Then::Refuse(refused), _) => {
                let (receipt, code, detail) = *refused;
                self.acknowledge(receipt, code, Some(&detail), fx);
            }
            (Then::Acknowledge(receipt, _), Outcome::Refused(rejection)) => {
                self.not_taken(receipt, &rejection, now, fx);
            }
            (Then::Acknowledge(receipt, reply), outcome) => {
                self.taken(settings, receipt, reply, outcome, now, fx);
            }
            (Then::Suback(granting), Outcome::Refused(rejection)) => {
                self.not_granted(*granting, rejection.reason, fx);
            }
            (Then::Suback(granting), _) => fx.send.push(Packet::Suback(granting.suback)),
            (Then::Unsuback(unsuback), _) => fx.send.push(Packet::Unsuback(*unsuback)),
        }
    }

    fn taken(
        &mut self,
        settings: &Settings,
        receipt: Receipt,
        reply: Reply,
        outcome: Outcome,
        now: Now,
        fx: &mut Effects,
    ) {
        let answer = match (reply, outcome) {
            (Reply::None, _) => return self.acknowledge(receipt, 0, None, fx),
            (Reply::Attributes(form, id), Outcome::Attributes(found)) => {
                let message = downlink::attribute_response(form, id, &found);
                Some((message, Kind::AttributeResponses, form))
            }
            (Reply::Rpc(form, id), Outcome::RpcResult(result)) => {
                let message = downlink::rpc_response(form, id, &result);
                Some((message, Kind::RpcResponses, form))
            }
            (Reply::SessionLimits(id), _) => {
                let form = Form::Long;
                let message = downlink::rpc_response(form, id, &settings.session_limits);
                Some((message, Kind::RpcResponses, form))
            }
            _ => None,
        };
        let Some((message, kind, form)) = answer else {
            let rejection = Rejection::new(Reason::Internal, "an answer of another kind came back");
            return self.not_taken(receipt, &rejection, now, fx);
        };
        if self.outbound.has_overflowed(settings) {
            let rejection = Rejection::new(
                Reason::QueueFull,
                "the client has left too many of our publishes unacknowledged to be answered",
            );
            self.submit(Uplink::Refused(rejection.clone()), Then::Nothing, 0, fx);
            return self.not_taken(receipt, &rejection, now, fx);
        }
        self.acknowledge(receipt, 0, None, fx);
        let qos = self.table.qos_of(kind, form).unwrap_or(QoS::AtLeastOnce);
        self.answer(settings, message, qos, fx);
    }

    /// A direct reply: sent whether or not the client subscribed.
    fn answer(&mut self, settings: &Settings, message: Message, qos: QoS, fx: &mut Effects) {
        if let Err(rejection) = self.fits(settings, &message, qos) {
            self.submit(Uplink::Refused(rejection), Then::Nothing, 0, fx);
            return;
        }
        self.put_out(message, qos, None, fx);
        self.pump(fx);
    }

    /// The device actor did not take it (and has recorded why).
    fn not_taken(&mut self, receipt: Receipt, rejection: &Rejection, now: Now, fx: &mut Effects) {
        let code = codes::refused(rejection.reason);
        if self.is_v5() {
            let detail = ByteString::from(rejection.detail.as_ref());
            self.acknowledge(receipt, code, Some(&detail), fx);
        } else {
            self.inbound.forget(receipt);
            self.doom(code, rejection.to_string(), now, fx);
        }
    }

    /// PUBACK or PUBREC; `reason` 0 = success. Older levels know no other.
    fn acknowledge(
        &mut self,
        receipt: Receipt,
        reason: u8,
        detail: Option<&ByteString>,
        fx: &mut Effects,
    ) {
        let ack = Ack {
            packet_id: receipt.packet_id,
            reason: if self.is_v5() { reason } else { 0 },
            reason_string: detail.and_then(|detail| self.reason_string(detail)),
        };
        match receipt.qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => fx.send.push(Packet::Puback(ack)),
            QoS::ExactlyOnce => fx.send.push(Packet::Pubrec(ack)),
        }
        self.inbound.answered(receipt, reason, self.is_v5());
    }

    /// `None` where the client cannot or does not want to read it.
    pub fn reason_string(&self, text: &str) -> Option<ByteString> {
        let wanted = self.is_v5()
            && self.client.problem_information
            && self
                .client
                .max_packet
                .is_none_or(|most| most >= ROOM_FOR_REASONS);
        wanted.then(|| {
            text.chars()
                .take(REASON_LENGTH)
                .filter(|c| *c != '\0')
                .collect::<String>()
                .into()
        })
    }

    fn not_granted(&mut self, granting: Granting, reason: Reason, fx: &mut Effects) {
        for (filter, before) in granting.before.into_iter().rev() {
            match before {
                Some(qos) => self.table.put(filter, qos),
                None => self.table.remove(filter),
            };
        }
        let failed = if self.is_v5() {
            codes::refused(reason)
        } else {
            code::SUBACK_FAILURE
        };
        let Suback { packet_id, codes } = granting.suback;
        let codes = codes
            .into_iter()
            .map(|code| if code < 0x80 { failed } else { code })
            .collect();
        fx.send.push(Packet::Suback(Suback { packet_id, codes }));
        // A later SUBSCRIBE may already have carried what was just taken back.
        if self
            .pending
            .iter()
            .any(|p| matches!(p.then, Then::Suback(_) | Then::Unsuback(_)))
        {
            let uplink = Uplink::Subscribe(self.table.subscriptions(self.is_persistent()));
            self.submit(uplink, Then::Nothing, 0, fx);
        }
    }
}

/// An empty payload, for what need not be kept.
pub(super) fn nothing() -> Bytes {
    Bytes::new()
}
