//! CONNECT at every level, by hand: both libraries refuse packets that are legal. `mqtt-protocol`
//! takes passwords for UTF-8, `rmqtt-codec` refuses an empty client id without Clean Start and a
//! will that expires at once (MQTT 3.1, 3.1.1 and 5 section 3.1).

use super::error::{DecodeError, EncodeError};
use super::frame::{kind, Header};
use super::packet::{Connect, Level, QoS};
use super::property::{id, walk, Place, Value};
use super::reader::Reader;
use super::writer::{check_text, put_field, put_header, put_variable};
use bytes::{BufMut, Bytes, BytesMut};

/// Longest client id at level 3.1, in bytes. That specification says 23 characters, but its
/// clients send longer ones and no broker minds.
pub const LONGEST_V31_CLIENT_ID: usize = 1_024;

const USER_NAME: u8 = 0b1000_0000;
const PASSWORD: u8 = 0b0100_0000;
const WILL_RETAIN: u8 = 0b0010_0000;
const WILL: u8 = 0b0000_0100;
const CLEAN: u8 = 0b0000_0010;
const RESERVED: u8 = 0b0000_0001;

/// The level that a whole CONNECT frame names; tells in which form to answer a bad one.
pub fn level_of(frame: &Bytes) -> Result<Level, DecodeError> {
    let header = Header::read(frame)?.ok_or(DecodeError::Truncated)?;
    level(&mut Reader::new(frame, header.length))
}

fn level(reader: &mut Reader<'_>) -> Result<Level, DecodeError> {
    let name = reader.binary()?;
    if !matches!(name, b"MQTT" | b"MQIsdp") {
        return Err(DecodeError::ProtocolName);
    }
    match (name, reader.u8()?) {
        (b"MQIsdp", 3) => Ok(Level::V31),
        (b"MQTT", 4) => Ok(Level::V311),
        (b"MQTT", 5) => Ok(Level::V5),
        (_, other) => Err(DecodeError::UnsupportedLevel(other)),
    }
}

/// Decodes what follows the fixed header.
pub(super) fn decode(mut reader: Reader<'_>) -> Result<Connect, DecodeError> {
    let level = level(&mut reader)?;
    let flags = reader.u8()?;
    check_flags(flags, level)?;
    let mut connect = Connect::new(level, "");
    connect.clean_start = flags & CLEAN != 0;
    connect.will = flags & WILL != 0;
    connect.keepalive = reader.u16()?;
    if level == Level::V5 {
        properties(&mut reader, &mut connect)?;
    } else if !connect.clean_start {
        connect.session_expiry = u32::MAX;
    }
    connect.client_id = reader.string()?;
    if level == Level::V31 && connect.client_id.len() > LONGEST_V31_CLIENT_ID {
        return Err(DecodeError::ClientId);
    }
    if connect.will {
        will(&mut reader, level)?;
    }
    // 3.1 puts Remaining Length above these two flags: the fields may be missing.
    let absent = |reader: &Reader<'_>| level == Level::V31 && reader.is_empty();
    if flags & USER_NAME != 0 && !absent(&reader) {
        connect.user_name = Some(reader.text()?.to_owned());
    }
    if flags & PASSWORD != 0 && !absent(&reader) {
        connect.password = Some(reader.binary()?.to_vec());
    }
    reader.finish()?;
    Ok(connect)
}

/// A password without a user name passes: contract/mqtt.md 2 wants CONNACK 0x04 for it, at every
/// level, where MQTT-3.1.2-22 would close. Will QoS and retain without a will are "not used" in 3.1.
fn check_flags(flags: u8, level: Level) -> Result<(), DecodeError> {
    if flags & RESERVED != 0 {
        return Err(DecodeError::ConnectFlags);
    }
    let will_qos = QoS::from_bits((flags >> 3) & 0b11);
    let quiet = will_qos == Some(QoS::AtMostOnce) && flags & WILL_RETAIN == 0;
    let fits = match flags & WILL {
        0 => quiet || level == Level::V31,
        _ => will_qos.is_some(),
    };
    if fits {
        Ok(())
    } else {
        Err(DecodeError::WillFlags)
    }
}

fn properties(reader: &mut Reader<'_>, connect: &mut Connect) -> Result<(), DecodeError> {
    let mut data = false;
    walk(reader, Place::Connect, |property, value| match value {
        Value::Number(n) => number(connect, property, n),
        Value::Text(text) if property == id::AUTHENTICATION_METHOD => {
            connect.authentication_method = Some(text.into());
        }
        _ => data |= property == id::AUTHENTICATION_DATA,
    })?;
    if data && connect.authentication_method.is_none() {
        return Err(DecodeError::AuthenticationData);
    }
    Ok(())
}

fn number(connect: &mut Connect, property: u8, n: u32) {
    let two = u16::try_from(n).unwrap_or(u16::MAX);
    match property {
        id::SESSION_EXPIRY => connect.session_expiry = n,
        id::RECEIVE_MAXIMUM => connect.receive_maximum = two,
        id::MAXIMUM_PACKET_SIZE => connect.maximum_packet_size = Some(n),
        id::TOPIC_ALIAS_MAXIMUM => connect.topic_alias_maximum = two,
        id::REQUEST_PROBLEM_INFORMATION => connect.request_problem_information = n == 1,
        id::REQUEST_RESPONSE_INFORMATION => connect.request_response_information = n == 1,
        _ => {}
    }
}

fn will(reader: &mut Reader<'_>, level: Level) -> Result<(), DecodeError> {
    if level == Level::V5 {
        walk(reader, Place::Will, |_, _| {})?;
    }
    if reader.topic()?.is_empty() {
        return Err(DecodeError::EmptyTopic);
    }
    reader.binary().map(|_| ())
}

/// For tools and tests: the platform itself never connects. A will is not written (`Value`).
pub(super) fn encode(
    connect: &Connect,
    level: Level,
    peer_limit: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    if level != connect.level {
        return Err(EncodeError::NotAtThisLevel);
    }
    let mut body = BytesMut::new();
    let (name, number) = match level {
        Level::V31 => ("MQIsdp", 3),
        Level::V311 => ("MQTT", 4),
        Level::V5 => ("MQTT", 5),
    };
    put_field(&mut body, name.as_bytes())?;
    body.put_u8(number);
    body.put_u8(flags_of(connect)?);
    body.put_u16(connect.keepalive);
    if level == Level::V5 {
        let properties = put_properties(connect)?;
        put_variable(&mut body, properties.len());
        body.extend_from_slice(&properties);
    }
    check_text(&connect.client_id)?;
    put_field(&mut body, connect.client_id.as_bytes())?;
    if let Some(user_name) = &connect.user_name {
        check_text(user_name)?;
        put_field(&mut body, user_name.as_bytes())?;
    }
    if let Some(password) = &connect.password {
        put_field(&mut body, password)?;
    }
    put_header(out, kind::CONNECT << 4, body.len(), peer_limit)?;
    out.put_slice(&body);
    Ok(())
}

fn flags_of(connect: &Connect) -> Result<u8, EncodeError> {
    if connect.will {
        return Err(EncodeError::Value);
    }
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    Ok(flag(connect.clean_start, CLEAN)
        | flag(connect.user_name.is_some(), USER_NAME)
        | flag(connect.password.is_some(), PASSWORD))
}

fn put_properties(connect: &Connect) -> Result<BytesMut, EncodeError> {
    let mut out = BytesMut::new();
    if connect.session_expiry != 0 {
        out.put_u8(id::SESSION_EXPIRY);
        out.put_u32(connect.session_expiry);
    }
    if connect.receive_maximum != u16::MAX {
        out.put_u8(id::RECEIVE_MAXIMUM);
        out.put_u16(connect.receive_maximum);
    }
    if let Some(size) = connect.maximum_packet_size {
        out.put_u8(id::MAXIMUM_PACKET_SIZE);
        out.put_u32(size);
    }
    if connect.topic_alias_maximum != 0 {
        out.put_u8(id::TOPIC_ALIAS_MAXIMUM);
        out.put_u16(connect.topic_alias_maximum);
    }
    if !connect.request_problem_information {
        out.put_slice(&[id::REQUEST_PROBLEM_INFORMATION, 0]);
    }
    if connect.request_response_information {
        out.put_slice(&[id::REQUEST_RESPONSE_INFORMATION, 1]);
    }
    if let Some(method) = &connect.authentication_method {
        check_text(method)?;
        out.put_u8(id::AUTHENTICATION_METHOD);
        put_field(&mut out, method.as_bytes())?;
    }
    Ok(out)
}
