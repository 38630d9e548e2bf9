//! The packets of MQTT 5 that `rmqtt-codec` decodes and encodes: exact, checked frames only.

use super::error::{DecodeError, EncodeError};
use super::packet::*;
use super::writer::check_text;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use rmqtt_codec::v5;
use std::num::{NonZeroU16, NonZeroU32};
use tokio_util::codec::{Decoder, Encoder};

/// `frame` is whole and has passed `check::body`.
pub(super) fn decode(frame: &Bytes) -> Result<Packet, DecodeError> {
    let mut buffer = BytesMut::from(frame.as_ref());
    // No limit: the framer has judged the size.
    let decoded = v5::Codec::new(0, 0).decode(&mut buffer);
    match decoded {
        Ok(Some((packet, _))) if buffer.is_empty() => from_library(packet),
        Ok(Some(_)) => Err(DecodeError::TrailingBytes),
        Ok(None) => Err(DecodeError::Truncated),
        Err(_) => Err(DecodeError::Malformed),
    }
}

fn from_library(packet: v5::Packet) -> Result<Packet, DecodeError> {
    Ok(match packet {
        v5::Packet::ConnectAck(ack) => Packet::Connack(Box::new(from_connack(*ack))),
        v5::Packet::Subscribe(subscribe) => Packet::Subscribe(Subscribe {
            packet_id: subscribe.packet_id.get(),
            filters: subscribe
                .topic_filters
                .into_iter()
                .map(from_filter)
                .collect(),
            subscription_id: subscribe.id.map(NonZeroU32::get),
        }),
        v5::Packet::SubscribeAck(ack) => Packet::Suback(Suback {
            packet_id: ack.packet_id.get(),
            codes: ack.status.into_iter().map(u8::from).collect(),
        }),
        v5::Packet::Unsubscribe(unsubscribe) => Packet::Unsubscribe(Unsubscribe {
            packet_id: unsubscribe.packet_id.get(),
            filters: unsubscribe.topic_filters,
        }),
        v5::Packet::UnsubscribeAck(ack) => Packet::Unsuback(Unsuback {
            packet_id: ack.packet_id.get(),
            codes: ack.status.into_iter().map(u8::from).collect(),
        }),
        v5::Packet::Disconnect(disconnect) => Packet::Disconnect(Disconnect {
            reason: disconnect.reason_code.into(),
            session_expiry: disconnect.session_expiry_interval_secs,
            reason_string: disconnect.reason_string,
        }),
        v5::Packet::Auth(auth) => Packet::Auth(Auth {
            reason: auth.reason_code.into(),
            method: auth.auth_method,
        }),
        _ => return Err(DecodeError::Malformed),
    })
}

fn from_filter((filter, options): (ByteString, v5::SubscriptionOptions)) -> Filter {
    let qos = QoS::from_bits(options.qos.value()).unwrap_or(QoS::ExactlyOnce);
    Filter {
        filter,
        qos,
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: options.retain_handling.into(),
    }
}

/// The library gives defaults for what was absent; here a default reads as absent.
fn from_connack(ack: v5::ConnectAck) -> Connack {
    let refused = |available: bool| (!available).then_some(false);
    Connack {
        session_present: ack.session_present,
        code: ack.reason_code.into(),
        session_expiry: ack.session_expiry_interval_secs,
        receive_maximum: Some(ack.receive_max.get()).filter(|n| *n != u16::MAX),
        maximum_qos: Some(ack.max_qos.value()).filter(|qos| *qos < 2),
        retain_available: refused(ack.retain_available),
        maximum_packet_size: ack.max_packet_size,
        assigned_client_id: ack.assigned_client_id,
        topic_alias_maximum: Some(ack.topic_alias_max).filter(|n| *n != 0),
        reason_string: ack.reason_string,
        wildcard_subscription_available: refused(ack.wildcard_subscription_available),
        subscription_identifiers_available: refused(ack.subscription_identifiers_available),
        shared_subscription_available: refused(ack.shared_subscription_available),
        server_keep_alive: ack.server_keepalive_sec,
    }
}

/// The packets that `decode` knows; others are written elsewhere.
pub(super) fn encode(
    packet: &Packet,
    peer_limit: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let packet = to_library(packet)?;
    let start = out.len();
    let written = v5::Codec::new(0, 0).encode(packet, out);
    let size = out.len() - start;
    match written {
        Ok(()) if size <= peer_limit => Ok(()),
        Ok(()) => Err(EncodeError::TooLarge {
            size,
            limit: peer_limit,
        }),
        Err(_) => Err(EncodeError::Value),
    }
}

fn to_library(packet: &Packet) -> Result<v5::Packet, EncodeError> {
    Ok(match packet {
        Packet::Connack(connack) => v5::Packet::ConnectAck(Box::new(to_connack(connack)?)),
        Packet::Subscribe(subscribe) => v5::Packet::Subscribe(v5::Subscribe {
            packet_id: packet_id(subscribe.packet_id)?,
            id: to_subscription_id(subscribe.subscription_id)?,
            user_properties: Vec::new(),
            topic_filters: collect(&subscribe.filters, to_filter)?,
        }),
        Packet::Suback(suback) => v5::Packet::SubscribeAck(v5::SubscribeAck {
            packet_id: packet_id(suback.packet_id)?,
            properties: Vec::new(),
            reason_string: None,
            status: collect(&suback.codes, |code| reason(*code))?,
        }),
        Packet::Unsubscribe(unsubscribe) => v5::Packet::Unsubscribe(v5::Unsubscribe {
            packet_id: packet_id(unsubscribe.packet_id)?,
            user_properties: Vec::new(),
            topic_filters: collect(&unsubscribe.filters, text)?,
        }),
        Packet::Unsuback(unsuback) => v5::Packet::UnsubscribeAck(v5::UnsubscribeAck {
            packet_id: packet_id(unsuback.packet_id)?,
            properties: Vec::new(),
            reason_string: None,
            status: collect(&unsuback.codes, |code| reason(*code))?,
        }),
        Packet::Disconnect(disconnect) => v5::Packet::Disconnect(v5::Disconnect {
            reason_code: reason(disconnect.reason)?,
            session_expiry_interval_secs: disconnect.session_expiry,
            server_reference: None,
            reason_string: optional(&disconnect.reason_string)?,
            user_properties: Vec::new(),
        }),
        // The method may not be left out (section 3.15.2.2.2).
        Packet::Auth(Auth { method: None, .. }) => return Err(EncodeError::Value),
        Packet::Auth(auth) => v5::Packet::Auth(v5::Auth {
            reason_code: reason(auth.reason)?,
            auth_method: optional(&auth.method)?,
            ..v5::Auth::default()
        }),
        _ => return Err(EncodeError::NotAtThisLevel),
    })
}

fn to_connack(connack: &Connack) -> Result<v5::ConnectAck, EncodeError> {
    let qos =
        v5::QoS::try_from(connack.maximum_qos.unwrap_or(2)).map_err(|_| EncodeError::Value)?;
    let receive_max = connack.receive_maximum.unwrap_or(u16::MAX);
    Ok(v5::ConnectAck {
        session_present: connack.session_present,
        reason_code: reason(connack.code)?,
        session_expiry_interval_secs: connack.session_expiry,
        receive_max: NonZeroU16::new(receive_max).ok_or(EncodeError::Value)?,
        max_qos: qos,
        max_packet_size: connack.maximum_packet_size,
        assigned_client_id: optional(&connack.assigned_client_id)?,
        topic_alias_max: connack.topic_alias_maximum.unwrap_or(0),
        retain_available: connack.retain_available.unwrap_or(true),
        wildcard_subscription_available: connack.wildcard_subscription_available.unwrap_or(true),
        subscription_identifiers_available: connack
            .subscription_identifiers_available
            .unwrap_or(true),
        shared_subscription_available: connack.shared_subscription_available.unwrap_or(true),
        server_keepalive_sec: connack.server_keep_alive,
        reason_string: optional(&connack.reason_string)?,
        ..v5::ConnectAck::default()
    })
}

fn to_filter(filter: &Filter) -> Result<(ByteString, v5::SubscriptionOptions), EncodeError> {
    let options = v5::SubscriptionOptions {
        qos: v5::QoS::try_from(filter.qos.bits()).map_err(|_| EncodeError::Value)?,
        no_local: filter.no_local,
        retain_as_published: filter.retain_as_published,
        retain_handling: reason(filter.retain_handling)?,
    };
    Ok((text(&filter.filter)?, options))
}

fn to_subscription_id(id: Option<u32>) -> Result<Option<NonZeroU32>, EncodeError> {
    match id {
        None => Ok(None),
        Some(1..=268_435_455) => Ok(id.and_then(NonZeroU32::new)),
        Some(_) => Err(EncodeError::Value),
    }
}

fn packet_id(id: u16) -> Result<NonZeroU16, EncodeError> {
    NonZeroU16::new(id).ok_or(EncodeError::PacketId)
}

fn reason<T: TryFrom<u8>>(code: u8) -> Result<T, EncodeError> {
    T::try_from(code).map_err(|_| EncodeError::Value)
}

fn text(text: &ByteString) -> Result<ByteString, EncodeError> {
    check_text(text)?;
    Ok(text.clone())
}

fn optional(value: &Option<ByteString>) -> Result<Option<ByteString>, EncodeError> {
    value.as_ref().map(text).transpose()
}

/// At least one entry (MQTT-3.8.3-2, MQTT-3.10.3-2), each as `each` makes it.
fn collect<A, B>(
    items: &[A],
    each: impl Fn(&A) -> Result<B, EncodeError>,
) -> Result<Vec<B>, EncodeError> {
    if items.is_empty() {
        return Err(EncodeError::Value);
    }
    items.iter().map(each).collect()
}
