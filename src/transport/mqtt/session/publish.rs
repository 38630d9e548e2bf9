//! PUBLISH from the client, at QoS 0, 1 and 2 (contract/mqtt.md 5 and 6; MQTT 5 section 4.3).

use super::open::Open;
use super::outcome::{Receipt, Then};
use super::{Effects, Now, Settings};
use crate::model::reject::{Reason, Rejection};
use crate::model::scarce::Scarce;
use crate::model::uplink::Uplink;
use crate::transport::mqtt::codec::packet::{Ack, Published};
use crate::transport::mqtt::codec::{code, Packet, QoS};
use crate::transport::mqtt::error::Violation;
use crate::transport::mqtt::mapping::{codes, uplink, Topic};
use bytestring::ByteString;
use std::collections::BTreeMap;

/// Half-done QoS 2 handshakes of a client that knows no Receive Maximum (3.1, 3.1.1).
const MOST_HANDSHAKES: usize = 4096;

/// What the client has sent and not yet got rid of.
#[derive(Default)]
// The box is the point: few clients send at QoS 2, and every idle session has this.
#[allow(clippy::box_collection)]
pub(super) struct Inbound {
    /// Publishes that count against our Receive Maximum.
    unacknowledged: u32,
    /// QoS 2 packet ids before their PUBREL.
    handshakes: Option<Box<BTreeMap<u16, Handshake>>>,
    /// By alias - 1. Topics are kept parsed: an alias costs no more for a long name.
    aliases: Scarce<Option<Topic>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Handshake {
    /// On its way to disk: PUBREC follows.
    Storing,
    /// PUBREC is sent: a repetition is not applied again.
    Received,
}

impl Inbound {
    fn handshake(&self, packet_id: u16) -> Option<&Handshake> {
        self.handshakes.as_ref()?.get(&packet_id)
    }

    fn shake(&mut self, packet_id: u16, handshake: Handshake) {
        let handshakes = self.handshakes.get_or_insert_default();
        handshakes.insert(packet_id, handshake);
    }

    fn began(&mut self, receipt: Receipt) {
        if receipt.qos != QoS::AtMostOnce {
            self.unacknowledged += 1;
        }
        if receipt.qos == QoS::ExactlyOnce {
            self.shake(receipt.packet_id, Handshake::Storing);
        }
    }

    /// PUBACK or PUBREC leaves. A PUBREC with an error of MQTT 5 ends the handshake.
    pub fn answered(&mut self, receipt: Receipt, reason: u8, v5: bool) {
        if receipt.qos == QoS::ExactlyOnce && !(v5 && reason >= code::UNSPECIFIED) {
            self.shake(receipt.packet_id, Handshake::Received);
        } else {
            self.forget(receipt);
        }
    }

    /// It ends without an acknowledgement, or with its last one.
    pub fn forget(&mut self, receipt: Receipt) {
        if receipt.qos != QoS::AtMostOnce {
            self.unacknowledged = self.unacknowledged.saturating_sub(1);
        }
        if receipt.qos == QoS::ExactlyOnce {
            if let Some(handshakes) = &mut self.handshakes {
                handshakes.remove(&receipt.packet_id);
            }
            self.handshakes.take_if(|handshakes| handshakes.is_empty());
        }
    }

    /// Packet ids that a resumed session must know again.
    pub fn received(&self) -> Vec<u16> {
        let received =
            |(id, state): (&u16, &Handshake)| (*state == Handshake::Received).then_some(*id);
        let handshakes = self.handshakes.iter().flat_map(|all| all.iter());
        handshakes.filter_map(received).collect()
    }

    /// They do not count against Receive Maximum: a client's quota is whole again after CONNACK,
    /// and repeating PUBREL takes nothing of it (MQTT 5 section 4.9).
    pub fn restore(&mut self, received: impl IntoIterator<Item = u16>) {
        for packet_id in received.into_iter().take(MOST_HANDSHAKES) {
            self.shake(packet_id, Handshake::Received);
        }
    }

    fn topic(&mut self, publish: Published<'_>, most: u16) -> Result<Topic, Violation> {
        let Some(alias) = publish.topic_alias else {
            if publish.topic.is_empty() {
                return Err(Violation::NoTopic);
            }
            return Ok(Topic::parse(publish.topic));
        };
        if alias == 0 || alias > most {
            return Err(Violation::AliasRange(alias));
        }
        let index = usize::from(alias - 1);
        if publish.topic.is_empty() {
            let known = self.aliases.get(index).cloned().flatten();
            return known.ok_or(Violation::NoTopic);
        }
        let topic = Topic::parse(publish.topic);
        while self.aliases.len() <= index {
            self.aliases.push(None);
        }
        if let Some(slot) = self.aliases.get_mut(index) {
            *slot = Some(topic.clone());
        }
        Ok(topic)
    }
}

impl Open {
    pub fn publish(
        &mut self,
        settings: &Settings,
        publish: Published<'_>,
        now: Now,
        fx: &mut Effects,
    ) {
        let topic = match self.inbound.topic(publish, settings.topic_alias_maximum) {
            Ok(topic) => topic,
            Err(violation) => return self.violated(violation, now, fx),
        };
        let receipt = Receipt {
            qos: publish.qos,
            packet_id: publish.packet_id.unwrap_or(0),
        };
        if self.is_repetition(receipt, fx) {
            return;
        }
        if let Err(violation) = self.has_room_for(receipt, settings) {
            return self.violated(violation, now, fx);
        }
        self.inbound.began(receipt);
        let payload = publish.payload;
        match uplink::uplink(&topic, payload, now.wall, &settings.rules, self.profile) {
            Ok((uplink, reply)) => {
                let then = Then::Acknowledge(receipt, reply);
                self.submit(uplink, then, payload.len(), fx);
            }
            Err(rejection) => self.refuse(receipt, rejection, now, fx),
        }
    }

    /// A QoS 2 publish that was taken before: it is only acknowledged again.
    fn is_repetition(&self, receipt: Receipt, fx: &mut Effects) -> bool {
        if receipt.qos != QoS::ExactlyOnce {
            return false;
        }
        match self.inbound.handshake(receipt.packet_id) {
            None => false,
            Some(Handshake::Storing) => true,
            Some(Handshake::Received) => {
                fx.send.push(Packet::Pubrec(Ack::new(receipt.packet_id)));
                true
            }
        }
    }

    fn has_room_for(&self, receipt: Receipt, settings: &Settings) -> Result<(), Violation> {
        let most = settings.receive_maximum;
        if receipt.qos == QoS::AtMostOnce {
            Ok(())
        } else if self.is_v5() && self.inbound.unacknowledged >= u32::from(most) {
            Err(Violation::ReceiveMaximum(most))
        } else if self.inbound.handshakes.as_ref().map_or(0, |all| all.len()) >= MOST_HANDSHAKES {
            Err(Violation::Handshakes(MOST_HANDSHAKES))
        } else {
            Ok(())
        }
    }

    /// The acknowledgement table's refusals. The row in the device's stream comes first; the
    /// acknowledgement follows with its outcome.
    fn refuse(&mut self, receipt: Receipt, rejection: Rejection, now: Now, fx: &mut Effects) {
        let reason = rejection.reason;
        let code = codes::refused(reason);
        let answered = receipt.qos != QoS::AtMostOnce;
        let stays = match reason {
            Reason::UnknownTopic | Reason::NotAGateway => true,
            _ if self.is_v5() => answered,
            _ => answered && self.profile.ack_malformed,
        };
        if stays {
            let detail = ByteString::from(rejection.detail.as_ref());
            let then = Then::Refuse(Box::new((receipt, code, detail)));
            self.submit(Uplink::Refused(rejection), then, 0, fx);
        } else {
            self.inbound.forget(receipt);
            self.fail(rejection, code, now, fx);
        }
    }

    pub fn pubrel(&mut self, packet_id: u16, fx: &mut Effects) {
        let known = self.inbound.handshake(packet_id) == Some(&Handshake::Received);
        if known {
            let qos = QoS::ExactlyOnce;
            self.inbound.forget(Receipt { qos, packet_id });
        }
        // Older levels know no error here; MQTT-4.3.3 wants the PUBCOMP in any case.
        let reason = if known {
            code::SUCCESS
        } else {
            code::PACKET_ID_NOT_FOUND
        };
        fx.send
            .push(Packet::Pubcomp(Ack::with_reason(packet_id, reason)));
    }

    /// Nothing of ours is at QoS 2, so no PUBREC is expected; MQTT 5 answers it.
    pub fn pubrec(&mut self, packet_id: u16, fx: &mut Effects) {
        if self.is_v5() {
            let reason = code::PACKET_ID_NOT_FOUND;
            fx.send
                .push(Packet::Pubrel(Ack::with_reason(packet_id, reason)));
        }
    }
}
