//! Properties of MQTT 5 (section 2.2.2): which belong where, their types, ranges and that each
//! appears once.

use super::error::DecodeError;
use super::reader::{check_topic, Reader};

/// Property identifiers (table 2-4).
pub(super) mod id {
    pub const PAYLOAD_FORMAT: u8 = 0x01;
    pub const MESSAGE_EXPIRY: u8 = 0x02;
    pub const CONTENT_TYPE: u8 = 0x03;
    pub const RESPONSE_TOPIC: u8 = 0x08;
    pub const CORRELATION_DATA: u8 = 0x09;
    pub const SUBSCRIPTION_ID: u8 = 0x0B;
    pub const SESSION_EXPIRY: u8 = 0x11;
    pub const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub const AUTHENTICATION_METHOD: u8 = 0x15;
    pub const AUTHENTICATION_DATA: u8 = 0x16;
    pub const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub const WILL_DELAY: u8 = 0x18;
    pub const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub const RESPONSE_INFORMATION: u8 = 0x1A;
    pub const SERVER_REFERENCE: u8 = 0x1C;
    pub const REASON_STRING: u8 = 0x1F;
    pub const RECEIVE_MAXIMUM: u8 = 0x21;
    pub const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub const TOPIC_ALIAS: u8 = 0x23;
    pub const MAXIMUM_QOS: u8 = 0x24;
    pub const RETAIN_AVAILABLE: u8 = 0x25;
    pub const USER_PROPERTY: u8 = 0x26;
    pub const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub const WILDCARD_AVAILABLE: u8 = 0x28;
    pub const SUBSCRIPTION_IDS_AVAILABLE: u8 = 0x29;
    pub const SHARED_AVAILABLE: u8 = 0x2A;
}

/// Where properties stand; a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Connect = 1,
    Connack = 2,
    Publish = 4,
    Will = 8,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK.
    Ack = 16,
    Subscribe = 32,
    Unsubscribe = 64,
    Disconnect = 128,
    Auth = 256,
}

#[derive(Clone, Copy)]
enum Kind {
    /// A byte that is 0 or 1.
    Flag,
    Two,
    /// Two bytes, not 0.
    TwoPositive,
    Four,
    FourPositive,
    /// A variable byte integer, not 0.
    Variable,
    Text,
    Topic,
    Binary,
    Pair,
}

/// A value as read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value<'a> {
    Number(u32),
    Text(&'a str),
    /// Binary data and user properties: checked, of no use to us.
    Other,
}

/// The table of section 2.2.2.2, for packets that reach a server (no Subscription Identifier in
/// PUBLISH, MQTT-3.3.4-6). `None`: no such property.
fn rule(property: u8) -> Option<(Kind, u16)> {
    use Place::*;
    const fn at(places: &[Place]) -> u16 {
        let (mut bits, mut index) = (0, 0);
        while index < places.len() {
            bits |= places[index] as u16;
            index += 1;
        }
        bits
    }
    const MESSAGE: u16 = at(&[Publish, Will]);
    const BOTH: u16 = at(&[Connect, Connack]);
    const LOGIN: u16 = at(&[Connect, Connack, Auth]);
    let found = match property {
        id::PAYLOAD_FORMAT => (Kind::Flag, MESSAGE),
        id::MESSAGE_EXPIRY => (Kind::Four, MESSAGE),
        id::CONTENT_TYPE => (Kind::Text, MESSAGE),
        id::RESPONSE_TOPIC => (Kind::Topic, MESSAGE),
        id::CORRELATION_DATA => (Kind::Binary, MESSAGE),
        id::SUBSCRIPTION_ID => (Kind::Variable, at(&[Subscribe])),
        id::SESSION_EXPIRY => (Kind::Four, at(&[Connect, Connack, Disconnect])),
        id::ASSIGNED_CLIENT_ID => (Kind::Text, at(&[Connack])),
        id::SERVER_KEEP_ALIVE => (Kind::Two, at(&[Connack])),
        id::AUTHENTICATION_METHOD => (Kind::Text, LOGIN),
        id::AUTHENTICATION_DATA => (Kind::Binary, LOGIN),
        id::REQUEST_PROBLEM_INFORMATION | id::REQUEST_RESPONSE_INFORMATION => {
            (Kind::Flag, at(&[Connect]))
        }
        id::WILL_DELAY => (Kind::Four, at(&[Will])),
        id::RESPONSE_INFORMATION => (Kind::Text, at(&[Connack])),
        id::SERVER_REFERENCE => (Kind::Text, at(&[Connack, Disconnect])),
        id::REASON_STRING => (Kind::Text, at(&[Connack, Ack, Disconnect, Auth])),
        id::RECEIVE_MAXIMUM => (Kind::TwoPositive, BOTH),
        id::TOPIC_ALIAS_MAXIMUM => (Kind::Two, BOTH),
        id::TOPIC_ALIAS => (Kind::TwoPositive, at(&[Publish])),
        id::MAXIMUM_QOS
        | id::RETAIN_AVAILABLE
        | id::WILDCARD_AVAILABLE
        | id::SUBSCRIPTION_IDS_AVAILABLE
        | id::SHARED_AVAILABLE => (Kind::Flag, at(&[Connack])),
        id::USER_PROPERTY => (Kind::Pair, u16::MAX),
        id::MAXIMUM_PACKET_SIZE => (Kind::FourPositive, BOTH),
        _ => return None,
    };
    Some(found)
}

/// Reads the property length and all properties; `each` gets those that are checked.
pub(super) fn walk<'a>(
    reader: &mut Reader<'a>,
    place: Place,
    mut each: impl FnMut(u8, Value<'a>),
) -> Result<(), DecodeError> {
    let length = reader.variable()? as usize;
    if length == 0 {
        return Ok(());
    }
    let mut part = reader.part(length)?;
    let mut seen = 0u64;
    while !part.is_empty() {
        let property = part.u8()?;
        let (kind, places) = rule(property).ok_or(DecodeError::PropertyUnknown(property))?;
        if places & place as u16 == 0 {
            return Err(DecodeError::PropertyUnknown(property));
        }
        let bit = 1u64 << (property & 0x3f);
        if seen & bit != 0 && property != id::USER_PROPERTY {
            return Err(DecodeError::PropertyTwice(property));
        }
        seen |= bit;
        each(property, value(&mut part, property, kind)?);
    }
    Ok(())
}

fn value<'a>(part: &mut Reader<'a>, property: u8, kind: Kind) -> Result<Value<'a>, DecodeError> {
    let (number, allowed) = match kind {
        Kind::Flag => part.u8().map(|n| (u32::from(n), n <= 1))?,
        Kind::Two => (u32::from(part.u16()?), true),
        Kind::TwoPositive => part.u16().map(|n| (u32::from(n), n != 0))?,
        Kind::Four => (part.u32()?, true),
        Kind::FourPositive => part.u32().map(|n| (n, n != 0))?,
        Kind::Variable => part.variable().map(|n| (n, n != 0))?,
        Kind::Text => return part.text().map(Value::Text),
        Kind::Topic => {
            let topic = part.text()?;
            check_topic(topic)?;
            return if topic.is_empty() {
                Err(DecodeError::EmptyTopic)
            } else {
                Ok(Value::Text(topic))
            };
        }
        Kind::Binary => return part.binary().map(|_| Value::Other),
        Kind::Pair => {
            part.text()?;
            part.text()?;
            return Ok(Value::Other);
        }
    };
    match allowed {
        true => Ok(Value::Number(number)),
        false if property == id::TOPIC_ALIAS => Err(DecodeError::TopicAliasZero),
        false => Err(DecodeError::PropertyValue(property)),
    }
}
