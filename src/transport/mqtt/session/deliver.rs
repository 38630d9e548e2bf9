//! PUBLISH to the client: notifications, RPCs and answers, with packet ids, the in-flight window
//! and delivery reports (contract/mqtt.md 4 and 8; MQTT 5 sections 3.1.2.11.3, 4.3.2, 4.4).

use super::open::Open;
use super::outcome::{nothing, Then};
use super::{Effects, Now, Settings};
use crate::model::downlink::{Downlink, DownlinkBody, DownlinkId};
use crate::model::reject::{Reason, Rejection};
use crate::model::scarce::Scarce;
use crate::model::uplink::{DeliveryStep, Uplink};
use crate::transport::mqtt::codec::packet::{Ack, Publish};
use crate::transport::mqtt::codec::{code, Level, Packet, QoS};
use crate::transport::mqtt::mapping::downlink::{attribute_changes, rpc_request, Message};
use crate::transport::mqtt::mapping::Kind;

/// Most bytes of a PUBLISH of attribute changes around its payload: fixed header, the longest
/// topic of them, packet id, no properties.
const PUBLISH_FRAME: u32 = 5 + 2 + "v1/devices/me/attributes".len() as u32 + 2 + 1;

/// What is on its way to the client.
#[derive(Default)]
pub(super) struct Outbound {
    last_id: u16,
    /// Sent at QoS 1, not yet acknowledged, in the order of sending.
    pub flights: Scarce<Flight>,
    /// Waiting for room in the window.
    pub waiting: Scarce<Flight>,
    waiting_bytes: usize,
    /// Acknowledged retransmissions of an earlier connection's downlinks: the actor may have
    /// offered its copy before it heard of that.
    settled: Scarce<DownlinkId>,
    /// Steps to report once the bytes have left.
    leaving: Scarce<(DownlinkId, DeliveryStep)>,
}

/// One QoS 1 publish of ours.
pub(super) struct Flight {
    /// 0 while it has none.
    pub packet_id: u16,
    pub dup: bool,
    /// `None` for direct replies.
    pub downlink: Option<DownlinkId>,
    /// Emptied after sending unless the session may be resumed.
    pub message: Message,
}

impl Outbound {
    /// No more downlinks for now.
    pub fn is_full(&self, settings: &Settings) -> bool {
        self.waiting.len() >= usize::from(settings.inflight_window)
            || self.waiting_bytes >= settings.outstanding_bytes
    }

    /// Not even room for a direct reply: answers may go beyond what stops downlinks. The parts of
    /// one large downlink do not count: they would keep the answers out.
    pub fn has_overflowed(&self, settings: &Settings) -> bool {
        let most = 2 * usize::from(settings.inflight_window);
        let most_bytes = 2 * settings.outstanding_bytes;
        if self.waiting.len() < most && self.waiting_bytes < most_bytes {
            return false;
        }
        let answers = self.waiting.iter().filter(|f| f.downlink.is_none());
        let (count, bytes) = answers.fold((0, 0), |(count, bytes), flight| {
            (count + 1, bytes + flight.message.payload.len())
        });
        count >= most || bytes >= most_bytes
    }

    /// Something is to be reported once its bytes have left.
    pub fn leaves(&self) -> bool {
        !self.leaving.is_empty()
    }

    pub fn wait(&mut self, flight: Flight) {
        self.waiting_bytes += flight.message.payload.len();
        self.waiting.push(flight);
    }

    fn knows(&self, id: DownlinkId) -> bool {
        let same = |flight: &Flight| flight.downlink == Some(id);
        self.flights.iter().any(same) || self.waiting.iter().any(same)
    }

    /// 1 to 65,535 and round again, leaving out ids that are in use (MQTT-2.2.1-3).
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let id = self.last_id;
            let used = |flight: &Flight| flight.packet_id == id;
            // The window is far below 65,535, so there is a free one.
            if !self.flights.iter().any(used) && !self.waiting.iter().any(used) {
                return id;
            }
        }
    }
}

impl Open {
    pub fn downlink(
        &mut self,
        settings: &Settings,
        downlink: Downlink,
        now: Now,
        fx: &mut Effects,
    ) {
        if let DownlinkBody::Close(reason) = downlink.body {
            return self.told_to_close(reason, now, fx);
        }
        let id = downlink.id;
        if self.doom.is_some() || self.outbound.knows(id) {
            // It stays with the actor, or is already on its way (a retransmission of ours).
            return;
        }
        if self.outbound.settled.contains(&id) {
            return self.report(id, DeliveryStep::Delivered, fx);
        }
        let is_rpc = matches!(downlink.body, DownlinkBody::Rpc { .. });
        let Some((mut messages, qos)) = self.written_out(settings, downlink.body) else {
            return self.report(id, DeliveryStep::Failed, fx);
        };
        if let Some(rejection) = self.take_out_too_large(settings, &mut messages, qos) {
            self.submit(Uplink::Refused(rejection), Then::Nothing, 0, fx);
            if is_rpc {
                return self.report(id, DeliveryStep::Failed, fx);
            }
        }
        if messages.is_empty() {
            // Discarded as if it had been sent (MQTT-3.1.2-25): a change that never fits must not
            // come again with each later one, and keep that from the client, too.
            return self.report(id, DeliveryStep::Delivered, fx);
        }
        // All parts are known before the first leaves: it is Sent when its last part is.
        for message in messages {
            self.put_out(message, qos, Some(id), fx);
        }
        self.pump(fx);
        if qos == QoS::AtMostOnce {
            self.outbound.leaving.push((id, DeliveryStep::Delivered));
        }
    }

    /// In the form and QoS of the subscription; `None` when there is none (any more).
    fn written_out(&self, settings: &Settings, body: DownlinkBody) -> Option<(Vec<Message>, QoS)> {
        match body {
            DownlinkBody::AttributesChanged {
                updated, deleted, ..
            } => {
                let (form, qos) = self.table.latest(Kind::AttributeUpdates)?;
                let room = self.largest(settings).saturating_sub(PUBLISH_FRAME) as usize;
                let messages = attribute_changes(form, &updated, &deleted, room);
                Some((messages, qos))
            }
            DownlinkBody::Rpc {
                request_id,
                method,
                params,
                ..
            } => {
                let (form, qos) = self.table.latest(Kind::RpcRequests)?;
                Some((vec![rpc_request(form, request_id, &method, &params)], qos))
            }
            DownlinkBody::Close(_) => None,
        }
    }

    /// What is left fits; the row about what does not.
    fn take_out_too_large(
        &self,
        settings: &Settings,
        messages: &mut Vec<Message>,
        qos: QoS,
    ) -> Option<Rejection> {
        let (mut first, mut more) = (None, 0);
        messages.retain(|message| match self.fits(settings, message, qos) {
            Ok(()) => true,
            Err(rejection) => {
                more += usize::from(first.is_some());
                first.get_or_insert(rejection);
                false
            }
        });
        let mut row = first?;
        if more > 0 {
            row.detail = format!("{}, and {more} more", row.detail).into();
        }
        Some(row)
    }

    /// Both the client's Maximum Packet Size and ours hold (MQTT-3.1.2-24). In bytes.
    fn largest(&self, settings: &Settings) -> u32 {
        let clients = self.client.max_packet.unwrap_or(u32::MAX);
        clients.min(settings.max_packet)
    }

    pub fn fits(&self, settings: &Settings, message: &Message, qos: QoS) -> Result<(), Rejection> {
        let size = encoded_size(message, qos, self.client.level);
        let most = self.largest(settings);
        if size <= u64::from(most) {
            return Ok(());
        }
        Err(Rejection::new(
            Reason::TooLarge,
            format!(
                "a message of {size} bytes on `{}` is over the largest packet of {most} bytes",
                message.topic
            ),
        ))
    }

    /// Sends at QoS 0; at QoS 1 `pump` does, as soon as there is room.
    pub fn put_out(
        &mut self,
        message: Message,
        qos: QoS,
        downlink: Option<DownlinkId>,
        fx: &mut Effects,
    ) {
        if qos == QoS::AtMostOnce {
            let publish = Publish::new(message.topic, message.payload);
            return fx.send.push(Packet::Publish(publish));
        }
        self.outbound.wait(Flight {
            packet_id: 0,
            dup: false,
            downlink,
            message,
        });
    }

    /// Sends what fits into the window.
    pub fn pump(&mut self, fx: &mut Effects) {
        while self.outbound.flights.len() < usize::from(self.client.window) {
            let Some(mut flight) = self.outbound.waiting.remove(0) else {
                return;
            };
            let payload = flight.message.payload.len();
            self.outbound.waiting_bytes = self.outbound.waiting_bytes.saturating_sub(payload);
            if flight.packet_id == 0 {
                flight.packet_id = self.outbound.free_id();
            }
            self.launch(flight, fx);
        }
    }

    fn launch(&mut self, mut flight: Flight, fx: &mut Effects) {
        let Message { topic, payload } = if self.is_persistent() {
            flight.message.clone()
        } else {
            let payload = std::mem::replace(&mut flight.message.payload, nothing());
            let topic = std::mem::take(&mut flight.message.topic);
            Message { topic, payload }
        };
        let mut publish = Publish::new(topic, payload).at_least_once(flight.packet_id);
        publish.dup = flight.dup;
        fx.send.push(Packet::Publish(publish));
        let downlink = flight.downlink;
        self.outbound.flights.push(flight);
        if let Some(id) = downlink {
            let parts_left = |flight: &Flight| flight.downlink == Some(id);
            if !self.outbound.waiting.iter().any(parts_left) {
                self.outbound.leaving.push((id, DeliveryStep::Sent));
            }
        }
    }

    /// The bytes of everything sent so far have left.
    pub fn written(&mut self, fx: &mut Effects) {
        for (id, step) in self.outbound.leaving.take() {
            self.report(id, step, fx);
        }
    }

    fn report(&mut self, id: DownlinkId, step: DeliveryStep, fx: &mut Effects) {
        self.submit(Uplink::Delivery { id, step }, Then::Nothing, 0, fx);
    }

    pub fn puback(&mut self, ack: Ack, fx: &mut Effects) {
        let acknowledged = |flight: &Flight| flight.packet_id == ack.packet_id;
        let Some(index) = self.outbound.flights.iter().position(acknowledged) else {
            // Of an earlier connection, or twice: there is nothing left to do for it.
            return;
        };
        // What is acknowledged has left.
        self.written(fx);
        let flight = self.outbound.flights.remove(index);
        let again = flight.as_ref().is_some_and(|flight| flight.dup);
        if let Some(id) = flight.and_then(|flight| flight.downlink) {
            if again {
                // As many as a stored session holds, so never more than a window or two.
                self.outbound.settled.push(id);
            }
            if ack.reason >= code::UNSPECIFIED {
                self.refused_by_client(id, ack.reason, fx);
            } else if !self.outbound.knows(id) {
                self.report(id, DeliveryStep::Delivered, fx);
            }
        }
        self.pump(fx);
    }

    /// The other part of the same downlink goes on, but its fate is settled.
    fn refused_by_client(&mut self, id: DownlinkId, reason: u8, fx: &mut Effects) {
        let flights = self.outbound.flights.iter_mut();
        for flight in flights.chain(self.outbound.waiting.iter_mut()) {
            if flight.downlink == Some(id) {
                flight.downlink = None;
            }
        }
        let detail = format!("the device refused a message with reason {reason:#04x}");
        let rejection = Rejection::new(Reason::ProtocolViolation, detail);
        self.submit(Uplink::Refused(rejection), Then::Nothing, 0, fx);
        self.report(id, DeliveryStep::Failed, fx);
    }
}

/// Bytes of a PUBLISH as the codec writes it (no properties), fixed header included.
fn encoded_size(message: &Message, qos: QoS, level: Level) -> u64 {
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { 2 };
    let properties = usize::from(level == Level::V5);
    let remaining = 2 + message.topic.len() + packet_id + properties + message.payload.len();
    let length_bytes = match remaining {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    };
    (1 + length_bytes + remaining) as u64
}
