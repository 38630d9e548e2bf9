//! PUBACK, PUBREC, PUBREL and PUBCOMP at every level, by hand: the hot path's other half
//! (MQTT 3.1.1 and 5 sections 3.4 to 3.7).

use super::error::{DecodeError, EncodeError};
use super::frame::kind;
use super::packet::{code, Ack, Level};
use super::property::{id, walk, Place, Value};
use super::reader::Reader;
use super::writer::{check_text, judge, put_field, put_header, put_variable, variable_size};
use bytes::{BufMut, BytesMut};

/// The older levels hold a packet id and no more; MQTT 5 may add a code, then properties.
pub(super) fn decode(
    packet_type: u8,
    mut reader: Reader<'_>,
    level: Level,
) -> Result<Ack, DecodeError> {
    let mut ack = Ack::new(reader.packet_id()?);
    if level == Level::V5 && !reader.is_empty() {
        ack.reason = reader.u8()?;
        if !is_code(packet_type, ack.reason) {
            return Err(DecodeError::ReasonCode(ack.reason));
        }
        if !reader.is_empty() {
            walk(&mut reader, Place::Ack, |property, value| {
                if let (id::REASON_STRING, Value::Text(text)) = (property, value) {
                    ack.reason_string = Some(text.into());
                }
            })?;
        }
    }
    reader.finish()?;
    Ok(ack)
}

/// Writes the shortest form: two bytes where the reason is success and there is nothing to add.
pub(super) fn encode(
    packet_type: u8,
    ack: &Ack,
    level: Level,
    peer_limit: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    if ack.packet_id == 0 {
        return Err(EncodeError::PacketId);
    }
    let first = packet_type << 4
        | if packet_type == kind::PUBREL {
            0b0010
        } else {
            0
        };
    if level != Level::V5 || (ack.reason == code::SUCCESS && ack.reason_string.is_none()) {
        judge(2, peer_limit)?;
        let [high, low] = ack.packet_id.to_be_bytes();
        out.extend_from_slice(&[first, 2, high, low]);
        return Ok(());
    }
    if !is_code(packet_type, ack.reason) {
        return Err(EncodeError::Value);
    }
    let Some(text) = &ack.reason_string else {
        put_header(out, first, 3, peer_limit)?;
        out.put_u16(ack.packet_id);
        out.put_u8(ack.reason);
        return Ok(());
    };
    check_text(text)?;
    let properties = 3 + text.len();
    let remaining = 3 + variable_size(properties) + properties;
    put_header(out, first, remaining, peer_limit)?;
    out.put_u16(ack.packet_id);
    out.put_u8(ack.reason);
    put_variable(out, properties);
    out.put_u8(id::REASON_STRING);
    put_field(out, text.as_bytes())
}

/// Tables 3-4 to 3-7 of MQTT 5.
fn is_code(packet_type: u8, reason: u8) -> bool {
    match packet_type {
        kind::PUBREL | kind::PUBCOMP => {
            matches!(reason, code::SUCCESS | code::PACKET_ID_NOT_FOUND)
        }
        _ => matches!(
            reason,
            code::SUCCESS
                | code::NO_MATCHING_SUBSCRIBERS
                | code::UNSPECIFIED
                | code::IMPLEMENTATION_SPECIFIC
                | code::NOT_AUTHORIZED
                | code::TOPIC_NAME_INVALID
                | code::PACKET_ID_IN_USE
                | code::QUOTA_EXCEEDED
                | code::PAYLOAD_FORMAT_INVALID
        ),
    }
}
