//! The packets of 3.1 and 3.1.1 that `mqtt-protocol` decodes and encodes: exact, checked frames
//! only, since its own stream codec panics and allocates on hostile input (design.md section 4).

use super::error::{DecodeError, EncodeError};
use super::frame::kind;
use super::packet::*;
use super::writer::{check_text, judge};
use bytes::{BufMut, BytesMut};
use bytestring::ByteString;
use mqtt::control::{ConnectReturnCode, ControlType, FixedHeader, PacketType};
use mqtt::packet::suback::SubscribeReturnCode;
use mqtt::packet::{
    ConnackPacket, DecodablePacket, DisconnectPacket, EncodablePacket, SubackPacket,
    SubscribePacket, UnsubackPacket, UnsubscribePacket,
};
use mqtt::{Encodable, QualityOfService, TopicFilter};

/// `body` is what follows the fixed header and has passed `check::body`.
pub(super) fn decode(packet_type: u8, body: &[u8]) -> Result<Packet, DecodeError> {
    Ok(match packet_type {
        kind::CONNACK => {
            let packet: ConnackPacket = exact(ControlType::ConnectAcknowledgement, body)?;
            Packet::Connack(Box::new(Connack {
                session_present: packet.connack_flags().session_present,
                code: packet.connect_return_code().to_u8(),
                ..Connack::default()
            }))
        }
        kind::SUBSCRIBE => {
            let packet: SubscribePacket = exact(ControlType::Subscribe, body)?;
            let filters = packet.subscribes().iter();
            Packet::Subscribe(Subscribe {
                packet_id: packet.packet_identifier(),
                filters: filters
                    .map(|(filter, qos)| from_filter(filter, *qos))
                    .collect(),
                subscription_id: None,
            })
        }
        kind::SUBACK => {
            let packet: SubackPacket = exact(ControlType::SubscribeAcknowledgement, body)?;
            Packet::Suback(Suback {
                packet_id: packet.packet_identifier(),
                codes: packet.subscribes().iter().map(|code| *code as u8).collect(),
            })
        }
        kind::UNSUBSCRIBE => {
            let packet: UnsubscribePacket = exact(ControlType::Unsubscribe, body)?;
            let filters = packet.subscribes().iter();
            Packet::Unsubscribe(Unsubscribe {
                packet_id: packet.packet_identifier(),
                filters: filters.map(|filter| ByteString::from(&***filter)).collect(),
            })
        }
        kind::UNSUBACK => {
            let packet: UnsubackPacket = exact(ControlType::UnsubscribeAcknowledgement, body)?;
            Packet::Unsuback(Unsuback {
                packet_id: packet.packet_identifier(),
                codes: Vec::new(),
            })
        }
        kind::DISCONNECT => {
            exact::<DisconnectPacket>(ControlType::Disconnect, body)?;
            Packet::Disconnect(Disconnect::default())
        }
        other => return Err(DecodeError::ReservedType(other)),
    })
}

fn exact<P: DecodablePacket>(control: ControlType, mut body: &[u8]) -> Result<P, DecodeError> {
    let length = u32::try_from(body.len()).map_err(|_| DecodeError::RemainingLength)?;
    let header = FixedHeader::new(PacketType::with_default(control), length);
    let packet = P::decode_packet(&mut body, header).map_err(|_| DecodeError::Malformed)?;
    match body {
        [] => Ok(packet),
        _ => Err(DecodeError::TrailingBytes),
    }
}

fn from_filter(filter: &TopicFilter, qos: QualityOfService) -> Filter {
    let qos = match qos {
        QualityOfService::Level0 => QoS::AtMostOnce,
        QualityOfService::Level1 => QoS::AtLeastOnce,
        QualityOfService::Level2 => QoS::ExactlyOnce,
    };
    Filter::new(&***filter, qos)
}

/// The packets that `decode` knows; others are written elsewhere or do not exist at these levels.
pub(super) fn encode(
    packet: &Packet,
    peer_limit: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    match packet {
        Packet::Connack(connack) => {
            let code = ConnectReturnCode::from_u8(connack.code);
            if matches!(code, ConnectReturnCode::Reserved(_)) {
                return Err(EncodeError::Value);
            }
            write(
                &ConnackPacket::new(connack.session_present, code),
                2,
                peer_limit,
                out,
            )
        }
        Packet::Subscribe(subscribe) => {
            listed(subscribe.packet_id, subscribe.filters.len())?;
            let remaining = 2 + subscribe
                .filters
                .iter()
                .map(|f| 3 + f.filter.len())
                .sum::<usize>();
            let filters = subscribe
                .filters
                .iter()
                .map(|f| to_filter(&f.filter, f.qos));
            let packet =
                SubscribePacket::new(subscribe.packet_id, filters.collect::<Result<_, _>>()?);
            write(&packet, remaining, peer_limit, out)
        }
        Packet::Suback(suback) => {
            listed(suback.packet_id, suback.codes.len())?;
            let codes = suback.codes.iter().map(|code| return_code(*code));
            let packet = SubackPacket::new(suback.packet_id, codes.collect::<Result<_, _>>()?);
            write(&packet, 2 + suback.codes.len(), peer_limit, out)
        }
        Packet::Unsubscribe(unsubscribe) => {
            listed(unsubscribe.packet_id, unsubscribe.filters.len())?;
            let remaining = 2 + unsubscribe
                .filters
                .iter()
                .map(|f| 2 + f.len())
                .sum::<usize>();
            let filters = unsubscribe.filters.iter().map(|f| topic_filter(f));
            let packet =
                UnsubscribePacket::new(unsubscribe.packet_id, filters.collect::<Result<_, _>>()?);
            write(&packet, remaining, peer_limit, out)
        }
        Packet::Unsuback(unsuback) => {
            listed(unsuback.packet_id, 1)?;
            write(&UnsubackPacket::new(unsuback.packet_id), 2, peer_limit, out)
        }
        Packet::Disconnect(_) => write(&DisconnectPacket::new(), 0, peer_limit, out),
        _ => Err(EncodeError::NotAtThisLevel),
    }
}

/// A packet id and at least one entry (MQTT-2.3.1-1, MQTT-3.8.3-3, MQTT-3.10.3-2).
fn listed(packet_id: u16, entries: usize) -> Result<(), EncodeError> {
    match (packet_id, entries) {
        (0, _) => Err(EncodeError::PacketId),
        (_, 0) => Err(EncodeError::Value),
        _ => Ok(()),
    }
}

/// `remaining`: the body's length, judged before the library writes anything.
fn write<P: EncodablePacket>(
    packet: &P,
    remaining: usize,
    peer_limit: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    out.reserve(judge(remaining, peer_limit)?);
    packet
        .encode(&mut out.writer())
        .map_err(|_| EncodeError::Value)
}

fn topic_filter(filter: &str) -> Result<TopicFilter, EncodeError> {
    check_text(filter)?;
    TopicFilter::new(filter).map_err(|_| EncodeError::Value)
}

fn to_filter(filter: &str, qos: QoS) -> Result<(TopicFilter, QualityOfService), EncodeError> {
    let qos = match qos {
        QoS::AtMostOnce => QualityOfService::Level0,
        QoS::AtLeastOnce => QualityOfService::Level1,
        QoS::ExactlyOnce => QualityOfService::Level2,
    };
    Ok((topic_filter(filter)?, qos))
}

fn return_code(code: u8) -> Result<SubscribeReturnCode, EncodeError> {
    Ok(match code {
        0 => SubscribeReturnCode::MaximumQoSLevel0,
        1 => SubscribeReturnCode::MaximumQoSLevel1,
        2 => SubscribeReturnCode::MaximumQoSLevel2,
        // Every refusal of MQTT 5 is the one failure that 3.1.1 knows.
        0x80..=0xff => SubscribeReturnCode::Failure,
        _ => return Err(EncodeError::Value),
    })
}
