//! What the libraries let through and the specification forbids, for the packets that they decode:
//! truncation, trailing bytes, packet id 0, NUL, empty lists, filters, options, codes, properties.
//!
//! After a check passed, the library sees only well-formed frames.

use super::error::DecodeError;
use super::frame::kind;
use super::packet::{code, Level};
use super::property::{id, walk, Place, Value};
use super::reader::Reader;
use rmqtt_codec::v5;

/// Judges the body of any packet but CONNECT, PUBLISH and the four acknowledgements.
pub(super) fn body(packet_type: u8, reader: Reader<'_>, level: Level) -> Result<(), DecodeError> {
    match packet_type {
        kind::CONNACK => connack(reader, level),
        kind::SUBSCRIBE => subscribe(reader, level),
        kind::UNSUBSCRIBE => unsubscribe(reader, level),
        kind::SUBACK | kind::UNSUBACK => codes(packet_type, reader, level),
        kind::DISCONNECT if level == Level::V5 => disconnect(reader),
        kind::AUTH => auth(reader),
        _ => reader.finish(),
    }
}

fn properties(reader: &mut Reader<'_>, level: Level, place: Place) -> Result<(), DecodeError> {
    match level {
        Level::V5 => walk(reader, place, |_, _| {}),
        _ => Ok(()),
    }
}

fn connack(mut reader: Reader<'_>, level: Level) -> Result<(), DecodeError> {
    let flags = reader.u8()?;
    let reason = reader.u8()?;
    // Session Present goes only with success (MQTT-3.2.2-4 / MQTT-3.2.2-6).
    if flags > 1 || (flags == 1 && reason != code::SUCCESS) {
        return Err(DecodeError::ConnackFlags);
    }
    known(kind::CONNACK, reason, level)?;
    properties(&mut reader, level, Place::Connack)?;
    reader.finish()
}

fn subscribe(mut reader: Reader<'_>, level: Level) -> Result<(), DecodeError> {
    reader.packet_id()?;
    properties(&mut reader, level, Place::Subscribe)?;
    if reader.is_empty() {
        return Err(DecodeError::NoEntries);
    }
    while !reader.is_empty() {
        let filter = reader.filter()?;
        let options = reader.u8()?;
        let reserved = match level {
            Level::V5 => 0b1100_0000,
            _ => 0b1111_1100,
        };
        if options & reserved != 0 || options & 0b11 == 0b11 || options & 0b11_0000 == 0b11_0000 {
            return Err(DecodeError::SubscribeOptions);
        }
        if options & 0b100 != 0 && filter.starts_with("$share/") {
            return Err(DecodeError::NoLocalShared);
        }
    }
    Ok(())
}

fn unsubscribe(mut reader: Reader<'_>, level: Level) -> Result<(), DecodeError> {
    reader.packet_id()?;
    properties(&mut reader, level, Place::Unsubscribe)?;
    if reader.is_empty() {
        return Err(DecodeError::NoEntries);
    }
    while !reader.is_empty() {
        reader.filter()?;
    }
    Ok(())
}

/// SUBACK and UNSUBACK: a code per filter; UNSUBACK has none below MQTT 5.
fn codes(packet_type: u8, mut reader: Reader<'_>, level: Level) -> Result<(), DecodeError> {
    reader.packet_id()?;
    properties(&mut reader, level, Place::Ack)?;
    if packet_type == kind::UNSUBACK && level != Level::V5 {
        return reader.finish();
    }
    if reader.is_empty() {
        return Err(DecodeError::NoEntries);
    }
    while !reader.is_empty() {
        known(packet_type, reader.u8()?, level)?;
    }
    Ok(())
}

/// DISCONNECT of MQTT 5: nothing, a code, or a code and properties (section 3.14.2).
fn disconnect(mut reader: Reader<'_>) -> Result<(), DecodeError> {
    if reader.is_empty() {
        return Ok(());
    }
    known(kind::DISCONNECT, reader.u8()?, Level::V5)?;
    if !reader.is_empty() {
        walk(&mut reader, Place::Disconnect, |_, _| {})?;
    }
    reader.finish()
}

/// AUTH may be empty; otherwise it names its method (section 3.15.2).
fn auth(mut reader: Reader<'_>) -> Result<(), DecodeError> {
    if reader.is_empty() {
        return Ok(());
    }
    known(kind::AUTH, reader.u8()?, Level::V5)?;
    let mut method = false;
    walk(&mut reader, Place::Auth, |property, value| {
        method |= property == id::AUTHENTICATION_METHOD && matches!(value, Value::Text(_));
    })?;
    reader.finish()?;
    match method {
        true => Ok(()),
        false => Err(DecodeError::AuthenticationMethod),
    }
}

/// Whether this packet type knows the code at this level.
pub(super) fn is_code(packet_type: u8, reason: u8, level: Level) -> bool {
    match (packet_type, level) {
        (kind::CONNACK, Level::V5) => v5::ConnectAckReason::try_from(reason).is_ok(),
        (kind::CONNACK, _) => reason <= code::v3::NOT_AUTHORIZED,
        (kind::SUBACK, Level::V5) => v5::SubscribeAckReason::try_from(reason).is_ok(),
        (kind::SUBACK, _) => matches!(reason, 0..=2 | code::SUBACK_FAILURE),
        (kind::UNSUBACK, Level::V5) => v5::UnsubscribeAckReason::try_from(reason).is_ok(),
        (kind::DISCONNECT, Level::V5) => v5::DisconnectReasonCode::try_from(reason).is_ok(),
        (kind::AUTH, Level::V5) => v5::AuthReasonCode::try_from(reason).is_ok(),
        _ => false,
    }
}

fn known(packet_type: u8, reason: u8, level: Level) -> Result<(), DecodeError> {
    match is_code(packet_type, reason, level) {
        true => Ok(()),
        false => Err(DecodeError::ReasonCode(reason)),
    }
}
