//! Why bytes are no packet, or a packet cannot become bytes: each with its clause of the
//! specification, its MQTT 5 reason code and the platform's reason.

use super::packet::code;
use crate::model::reject::Reason;
use std::fmt;

/// Clauses are those of MQTT 3.1.1; `/` separates the one of MQTT 5 where its number differs.
/// Never holds bytes of the packet beyond single codes: a packet may carry secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// Packet type 0, or 15 below MQTT 5.
    ReservedType(u8),
    /// Flags of the fixed header that this packet type does not allow.
    HeaderFlags {
        packet_type: u8,
        flags: u8,
    },
    /// More than four bytes of Remaining Length.
    RemainingLength,
    /// A variable byte integer longer than needed (MQTT 5).
    LongLength,
    /// The whole packet, in bytes, and what is allowed.
    TooLarge {
        size: usize,
        limit: usize,
    },
    /// The body ends inside a field.
    Truncated,
    /// Bytes follow the last field.
    TrailingBytes,
    /// Not UTF-8, or a surrogate.
    InvalidUtf8,
    /// U+0000 in a string.
    NulCharacter,
    /// The first packet is not CONNECT.
    NotConnect(u8),
    /// A later CONNECT that is malformed besides.
    SecondConnect,
    ProtocolName,
    /// The protocol level that CONNECT names (CONNACK 0x01, in MQTT 5's terms 0x84).
    UnsupportedLevel(u8),
    /// The reserved bit of the connect flags is set.
    ConnectFlags,
    /// Will QoS 3, or will QoS or retain without a will.
    WillFlags,
    /// A client id longer than we take at level 3.1.
    ClientId,
    /// Flags of CONNACK other than Session Present.
    ConnackFlags,
    /// QoS 3 in a PUBLISH.
    PublishQos,
    /// DUP with QoS 0.
    DupWithoutQos,
    PacketIdZero,
    /// A topic name that is empty without an alias.
    EmptyTopic,
    /// `+` or `#` in a topic name.
    WildcardInTopic,
    /// An empty or misplaced wildcard filter.
    FilterSyntax,
    /// Reserved bits, QoS 3 or retain handling 3 in the options of a SUBSCRIBE.
    SubscribeOptions,
    /// SUBSCRIBE, UNSUBSCRIBE, SUBACK or UNSUBACK without entries.
    NoEntries,
    /// No Local on a shared subscription.
    NoLocalShared,
    /// A code that this packet type does not know.
    ReasonCode(u8),
    /// A property that no version defines or that this packet does not take.
    PropertyUnknown(u8),
    PropertyTwice(u8),
    /// A value outside what the property allows.
    PropertyValue(u8),
    /// Topic Alias 0.
    TopicAliasZero,
    /// Authentication Data without a method.
    AuthenticationData,
    /// AUTH without its method.
    AuthenticationMethod,
    /// The library behind us refused what our own checks let through.
    Malformed,
}

impl DecodeError {
    /// The clause of the specification that the bytes break.
    pub fn clause(&self) -> &'static str {
        use DecodeError::*;
        match self {
            ReservedType(_) => "MQTT section 2.2.1 / 2.1.2",
            HeaderFlags { .. } => "MQTT-2.2.2-2 / MQTT-2.1.3-1",
            RemainingLength => "MQTT section 2.2.3 / 1.5.5",
            LongLength => "MQTT-1.5.5-1",
            TooLarge { .. } => "MQTT-3.1.2-24 / MQTT section 3.2.2.3.6",
            Truncated | TrailingBytes => "MQTT section 2.2.3 / 2.1.4",
            InvalidUtf8 => "MQTT-1.5.3-1 / MQTT-1.5.4-1",
            NulCharacter => "MQTT-1.5.3-2 / MQTT-1.5.4-2",
            NotConnect(_) => "MQTT-3.1.0-1",
            SecondConnect => "MQTT-3.1.0-2",
            ProtocolName => "MQTT-3.1.2-1",
            UnsupportedLevel(_) => "MQTT-3.1.2-2",
            ConnectFlags => "MQTT-3.1.2-3",
            WillFlags => "MQTT-3.1.2-13..15 / MQTT-3.1.2-11..13",
            ClientId => "MQTT-3.1.3-5",
            ConnackFlags => "MQTT-3.2.2-4 / MQTT-3.2.2-1, MQTT-3.2.2-6",
            PublishQos => "MQTT-3.3.1-4",
            DupWithoutQos => "MQTT-3.3.1-2",
            PacketIdZero => "MQTT-2.3.1-1 / MQTT-2.2.1-3",
            EmptyTopic => "MQTT-4.7.3-1",
            WildcardInTopic => "MQTT-3.3.2-2",
            FilterSyntax => "MQTT-4.7.1-2, MQTT-4.7.1-3, MQTT-4.7.3-1",
            SubscribeOptions => "MQTT-3.8.3-4 / MQTT-3.8.3-5",
            NoEntries => "MQTT-3.8.3-3, MQTT-3.10.3-2 / MQTT-3.8.3-2, MQTT-3.10.3-2",
            NoLocalShared => "MQTT-3.8.3-4 (5)",
            ReasonCode(_) => "MQTT section 2.4 (5)",
            PropertyUnknown(_) | PropertyTwice(_) | PropertyValue(_) => "MQTT section 2.2.2.2 (5)",
            TopicAliasZero => "MQTT-3.3.2-8 (5)",
            AuthenticationData => "MQTT section 3.1.2.11.10 (5)",
            AuthenticationMethod => "MQTT section 3.15.2.2.2 (5)",
            Malformed => "MQTT section 4.8 / 4.13",
        }
    }

    /// Reason code of MQTT 5, for CONNACK or DISCONNECT.
    pub fn code(&self) -> u8 {
        use DecodeError::*;
        match self {
            TooLarge { .. } => code::PACKET_TOO_LARGE,
            UnsupportedLevel(_) | ProtocolName => code::UNSUPPORTED_PROTOCOL_VERSION,
            ClientId => code::CLIENT_ID_NOT_VALID,
            TopicAliasZero => code::TOPIC_ALIAS_INVALID,
            WildcardInTopic => code::TOPIC_NAME_INVALID,
            FilterSyntax => code::TOPIC_FILTER_INVALID,
            NotConnect(_) | SecondConnect | EmptyTopic | NoEntries | NoLocalShared
            | PropertyTwice(_) | PropertyValue(_) | AuthenticationData | AuthenticationMethod
            | PacketIdZero => code::PROTOCOL_ERROR,
            _ => code::MALFORMED_PACKET,
        }
    }

    /// The platform's reason, for the counter and the event row.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::TooLarge,
            _ => Reason::ProtocolViolation,
        }
    }

    fn what(&self) -> &'static str {
        use DecodeError::*;
        match self {
            ReservedType(_) => "reserved packet type",
            HeaderFlags { .. } => "flags of the fixed header are not those of this packet type",
            RemainingLength => "remaining length takes more than four bytes",
            LongLength => "a length is not written in the fewest bytes",
            TooLarge { .. } => "packet is larger than allowed",
            Truncated => "packet ends inside a field",
            TrailingBytes => "bytes follow the last field",
            InvalidUtf8 => "a string is not UTF-8",
            NulCharacter => "a string holds U+0000",
            SecondConnect => "a second CONNECT",
            NotConnect(_) => "the first packet is not CONNECT",
            ProtocolName => "protocol name is neither MQTT nor MQIsdp",
            UnsupportedLevel(_) => "protocol level is not 3, 4 or 5",
            ConnectFlags => "reserved connect flag is set",
            WillFlags => "will flags contradict each other",
            ClientId => "client id is too long",
            ConnackFlags => "reserved acknowledge flags are set",
            PublishQos => "QoS 3",
            DupWithoutQos => "DUP with QoS 0",
            PacketIdZero => "packet id 0",
            EmptyTopic => "empty topic",
            WildcardInTopic => "wildcard in a topic name",
            FilterSyntax => "topic filter is not well formed",
            SubscribeOptions => "subscription options are not well formed",
            NoEntries => "no topic filter or code",
            NoLocalShared => "no local on a shared subscription",
            ReasonCode(_) => "code is not one of this packet type",
            PropertyUnknown(_) => "property does not belong to this packet",
            PropertyTwice(_) => "property appears twice",
            PropertyValue(_) => "value of a property is out of range",
            TopicAliasZero => "topic alias 0",
            AuthenticationData => "authentication data without method",
            AuthenticationMethod => "AUTH without authentication method",
            Malformed => "packet is malformed",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DecodeError::*;
        f.write_str(self.what())?;
        match self {
            HeaderFlags { packet_type, flags } => {
                write!(f, " (type {packet_type}, flags {flags:#06b})")?
            }
            TooLarge { size, limit } => write!(f, " ({size} bytes, at most {limit})")?,
            ReservedType(n) | NotConnect(n) | UnsupportedLevel(n) => write!(f, " ({n})")?,
            ReasonCode(n) | PropertyUnknown(n) | PropertyTwice(n) | PropertyValue(n) => {
                write!(f, " ({n:#04x})")?
            }
            _ => {}
        }
        write!(f, " [{}]", self.clause())
    }
}

impl std::error::Error for DecodeError {}

/// A packet that cannot be written; nothing of it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// The whole packet, in bytes, and what the peer (or the protocol) takes.
    TooLarge { size: usize, limit: usize },
    /// A string or binary field over 65,535 bytes.
    FieldTooLong,
    /// A QoS above 0 without a packet id, an id of 0, or an id at QoS 0.
    PacketId,
    /// This level has no such packet (AUTH below MQTT 5, a client's packet we never send).
    NotAtThisLevel,
    /// A value that the specification does not allow here.
    Value,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(f, "packet of {size} bytes, the peer takes {limit}")
            }
            Self::FieldTooLong => f.write_str("a field is longer than 65,535 bytes"),
            Self::PacketId => f.write_str("packet id does not fit the QoS"),
            Self::NotAtThisLevel => f.write_str("this protocol level has no such packet"),
            Self::Value => f.write_str("a value is not allowed by the specification"),
        }
    }
}

impl std::error::Error for EncodeError {}
