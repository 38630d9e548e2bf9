//! PUBLISH at every level, by hand: the hot path. Topic and payload stay where they were read (MQTT 3.1.1
//! and 5 section 3.3).

use super::error::{DecodeError, EncodeError};
use super::frame::kind;
use super::packet::{Level, Publish, Published, QoS};
use super::property::{id, walk, Place, Value};
use super::reader::{check_topic, Reader};
use super::writer::{check_text, put_field, put_header, put_variable};
use bytes::{BufMut, BytesMut};

/// `first` is the frame's first byte, whose flags have been checked.
pub(super) fn decode<'f>(
    first: u8,
    mut reader: Reader<'f>,
    level: Level,
) -> Result<Published<'f>, DecodeError> {
    let qos = QoS::from_bits((first >> 1) & 0b11).ok_or(DecodeError::PublishQos)?;
    let topic = reader.topic()?;
    let packet_id = match qos {
        QoS::AtMostOnce => None,
        _ => Some(reader.packet_id()?),
    };
    let (mut topic_alias, mut message_expiry) = (None, None);
    if level == Level::V5 {
        walk(&mut reader, Place::Publish, |property, value| {
            match (property, value) {
                (id::TOPIC_ALIAS, Value::Number(alias)) => topic_alias = u16::try_from(alias).ok(),
                (id::MESSAGE_EXPIRY, Value::Number(seconds)) => message_expiry = Some(seconds),
                _ => {}
            }
        })?;
    }
    if topic.is_empty() && topic_alias.is_none() {
        return Err(DecodeError::EmptyTopic);
    }
    Ok(Published {
        dup: first & 0b1000 != 0,
        qos,
        retain: first & 1 != 0,
        topic,
        packet_id,
        payload: reader.rest(),
        topic_alias,
        message_expiry,
    })
}

pub(super) fn encode(
    publish: &Publish,
    level: Level,
    peer_limit: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    check(publish, level)?;
    let alias = publish.topic_alias.filter(|_| level == Level::V5);
    let expiry = publish.message_expiry.filter(|_| level == Level::V5);
    let properties = alias.map_or(0, |_| 3) + expiry.map_or(0, |_| 5);
    let remaining = 2
        + publish.topic.len()
        + publish.packet_id.map_or(0, |_| 2)
        + if level == Level::V5 {
            1 + properties
        } else {
            0
        }
        + publish.payload.len();
    put_header(out, first_byte(publish), remaining, peer_limit)?;
    put_field(out, publish.topic.as_bytes())?;
    if let Some(packet_id) = publish.packet_id {
        out.put_u16(packet_id);
    }
    if level == Level::V5 {
        put_variable(out, properties);
        if let Some(alias) = alias {
            out.put_u8(id::TOPIC_ALIAS);
            out.put_u16(alias);
        }
        if let Some(expiry) = expiry {
            out.put_u8(id::MESSAGE_EXPIRY);
            out.put_u32(expiry);
        }
    }
    out.put_slice(&publish.payload);
    Ok(())
}

fn first_byte(publish: &Publish) -> u8 {
    kind::PUBLISH << 4
        | u8::from(publish.dup) << 3
        | publish.qos.bits() << 1
        | u8::from(publish.retain)
}

fn check(publish: &Publish, level: Level) -> Result<(), EncodeError> {
    match (publish.qos, publish.packet_id) {
        (QoS::AtMostOnce, None) if publish.dup => return Err(EncodeError::Value),
        (QoS::AtMostOnce, None) => {}
        (QoS::AtMostOnce, Some(_)) | (_, None | Some(0)) => return Err(EncodeError::PacketId),
        _ => {}
    }
    check_text(&publish.topic)?;
    check_topic(&publish.topic).map_err(|_| EncodeError::Value)?;
    let aliased = level == Level::V5 && publish.topic_alias.is_some();
    if publish.topic_alias == Some(0) || (publish.topic.is_empty() && !aliased) {
        return Err(EncodeError::Value);
    }
    Ok(())
}
