//! The packets of MQTT 3.1, 3.1.1 and 5 in one shape: what the session machine sees.
//!
//! Fields that only MQTT 5 knows are `None`, zero or empty at the older levels and are not written
//! there. Properties that the platform has no use for (user properties, content type, the will's)
//! are checked on the wire and then forgotten.

use bytes::Bytes;
use bytestring::ByteString;
use std::fmt;

/// The protocol level that CONNECT names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// `MQIsdp`, level 3.
    V31,
    /// `MQTT`, level 4.
    V311,
    /// `MQTT`, level 5.
    V5,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum QoS {
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}

impl QoS {
    /// `None` for 3 and above.
    pub fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    pub fn bits(self) -> u8 {
        self as u8
    }
}

/// Any control packet, either direction. The session refuses what a client may not send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet {
    Connect(Box<Connect>),
    Connack(Box<Connack>),
    Publish(Publish),
    Puback(Ack),
    Pubrec(Ack),
    Pubrel(Ack),
    Pubcomp(Ack),
    Subscribe(Subscribe),
    Suback(Suback),
    Unsubscribe(Unsubscribe),
    Unsuback(Unsuback),
    Pingreq,
    Pingresp,
    Disconnect(Disconnect),
    /// MQTT 5 only; the platform offers no enhanced authentication.
    Auth(Auth),
}

impl Packet {
    /// The name the specification gives it, for logs and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "CONNECT",
            Self::Connack(_) => "CONNACK",
            Self::Publish(_) => "PUBLISH",
            Self::Puback(_) => "PUBACK",
            Self::Pubrec(_) => "PUBREC",
            Self::Pubrel(_) => "PUBREL",
            Self::Pubcomp(_) => "PUBCOMP",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Suback(_) => "SUBACK",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::Unsuback(_) => "UNSUBACK",
            Self::Pingreq => "PINGREQ",
            Self::Pingresp => "PINGRESP",
            Self::Disconnect(_) => "DISCONNECT",
            Self::Auth(_) => "AUTH",
        }
    }

    /// The same without its reason string; `None` if it has none.
    pub fn without_reason_string(&self) -> Option<Self> {
        let mut shorter = self.clone();
        let reason_string = match &mut shorter {
            Self::Connack(connack) => &mut connack.reason_string,
            Self::Puback(ack) | Self::Pubrec(ack) | Self::Pubrel(ack) | Self::Pubcomp(ack) => {
                &mut ack.reason_string
            }
            Self::Disconnect(disconnect) => &mut disconnect.reason_string,
            _ => return None,
        };
        reason_string.take().map(|_| shorter)
    }
}

/// CONNECT. A will is checked on the wire, then ignored (contract/mqtt.md 2).
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    pub level: Level,
    /// May be empty at every level; with `clean_start` false 3.1 and 3.1.1 then demand CONNACK
    /// 0x02 (MQTT-3.1.3-8), which is the session's to say.
    pub client_id: ByteString,
    /// Clean Session at the older levels.
    pub clean_start: bool,
    /// Seconds; 0 = off.
    pub keepalive: u16,
    /// Usually the access token: never logged.
    pub user_name: Option<String>,
    /// Binary at every level: never logged.
    pub password: Option<Vec<u8>>,
    /// Seconds; `u32::MAX` = never. Older levels: 0 with Clean Session, otherwise `u32::MAX`.
    pub session_expiry: u32,
    /// How many unacknowledged publishes the client takes; 65,535 unless it said less.
    pub receive_maximum: u16,
    /// Largest packet the client takes, whole, in bytes.
    pub maximum_packet_size: Option<u32>,
    /// How many topic aliases the client takes.
    pub topic_alias_maximum: u16,
    /// False: no reason strings outside CONNACK, PUBLISH and DISCONNECT (MQTT-3.1.2-29).
    pub request_problem_information: bool,
    pub request_response_information: bool,
    /// Set when the client asks for enhanced authentication (answer 0x8C).
    pub authentication_method: Option<ByteString>,
    /// A will was given.
    pub will: bool,
}

impl Connect {
    /// What a client of this level gets that sends nothing beyond the client id.
    pub fn new(level: Level, client_id: impl Into<ByteString>) -> Self {
        Self {
            level,
            client_id: client_id.into(),
            clean_start: true,
            keepalive: 0,
            user_name: None,
            password: None,
            session_expiry: 0,
            receive_maximum: u16::MAX,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_problem_information: true,
            request_response_information: false,
            authentication_method: None,
            will: false,
        }
    }
}

/// Neither token nor password.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("level", &self.level)
            .field("client_id", &self.client_id)
            .field("clean_start", &self.clean_start)
            .field("keepalive", &self.keepalive)
            .field("has_user_name", &self.user_name.is_some())
            .field("has_password", &self.password.is_some())
            .field("session_expiry", &self.session_expiry)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("will", &self.will)
            .finish_non_exhaustive()
    }
}

/// CONNACK. Everything after `code` is written in MQTT 5 only, and only where it is `Some`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Connack {
    pub session_present: bool,
    /// Return code of the older levels (0 to 5) or reason code of MQTT 5.
    pub code: u8,
    /// Seconds, when other than what the client asked for.
    pub session_expiry: Option<u32>,
    pub receive_maximum: Option<u16>,
    /// 0 or 1; absent = 2.
    pub maximum_qos: Option<u8>,
    pub retain_available: Option<bool>,
    pub maximum_packet_size: Option<u32>,
    pub assigned_client_id: Option<ByteString>,
    pub topic_alias_maximum: Option<u16>,
    pub reason_string: Option<ByteString>,
    pub wildcard_subscription_available: Option<bool>,
    pub subscription_identifiers_available: Option<bool>,
    pub shared_subscription_available: Option<bool>,
    /// Seconds.
    pub server_keep_alive: Option<u16>,
}

/// PUBLISH.
#[derive(Clone, PartialEq, Eq)]
pub struct Publish {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    /// Without wildcards. Empty only together with `topic_alias`.
    pub topic: ByteString,
    /// Present, and not zero, exactly if `qos` is not 0.
    pub packet_id: Option<u16>,
    pub payload: Bytes,
    /// Never 0; whether it is within what was announced is the session's to say.
    pub topic_alias: Option<u16>,
    /// Seconds.
    pub message_expiry: Option<u32>,
}

/// A PUBLISH whose topic and payload are where they were read; the fields are those of [`Publish`].
#[derive(Clone, Copy)]
pub struct Published<'f> {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    pub topic: &'f str,
    pub packet_id: Option<u16>,
    pub payload: &'f [u8],
    pub topic_alias: Option<u16>,
    pub message_expiry: Option<u32>,
}

impl Published<'_> {
    /// One of its own; its payload is a slice of `frame`.
    pub(super) fn kept(self, frame: &Bytes) -> Publish {
        Publish {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: self.topic.into(),
            packet_id: self.packet_id,
            payload: frame.slice_ref(self.payload),
            topic_alias: self.topic_alias,
            message_expiry: self.message_expiry,
        }
    }
}

impl Publish {
    pub fn as_published(&self) -> Published<'_> {
        Published {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic: &self.topic,
            packet_id: self.packet_id,
            payload: &self.payload,
            topic_alias: self.topic_alias,
            message_expiry: self.message_expiry,
        }
    }

    /// A QoS 0 publish.
    pub fn new(topic: impl Into<ByteString>, payload: impl Into<Bytes>) -> Self {
        Self {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: topic.into(),
            packet_id: None,
            payload: payload.into(),
            topic_alias: None,
            message_expiry: None,
        }
    }

    /// The same at QoS 1.
    pub fn at_least_once(mut self, packet_id: u16) -> Self {
        self.qos = QoS::AtLeastOnce;
        self.packet_id = Some(packet_id);
        self
    }
}

/// The payload may hold secrets (claims, provisioning): only its length is shown.
impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("dup", &self.dup)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("topic", &self.topic)
            .field("packet_id", &self.packet_id)
            .field("payload_bytes", &self.payload.len())
            .field("topic_alias", &self.topic_alias)
            .field("message_expiry", &self.message_expiry)
            .finish()
    }
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ack {
    /// Never 0.
    pub packet_id: u16,
    /// MQTT 5; 0 = success, and what the older levels mean.
    pub reason: u8,
    pub reason_string: Option<ByteString>,
}

impl Ack {
    pub fn new(packet_id: u16) -> Self {
        Self::with_reason(packet_id, code::SUCCESS)
    }

    pub fn with_reason(packet_id: u16, reason: u8) -> Self {
        Self {
            packet_id,
            reason,
            reason_string: None,
        }
    }
}

/// SUBSCRIBE with at least one filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscribe {
    pub packet_id: u16,
    pub filters: Vec<Filter>,
    pub subscription_id: Option<u32>,
}

/// One filter of a SUBSCRIBE; well formed, but not necessarily one that we serve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    pub filter: ByteString,
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    /// 0, 1 or 2.
    pub retain_handling: u8,
}

impl Filter {
    pub fn new(filter: impl Into<ByteString>, qos: QoS) -> Self {
        Self {
            filter: filter.into(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        }
    }
}

/// SUBACK: one code per filter, in order (granted QoS, or 0x80 and above).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suback {
    pub packet_id: u16,
    pub codes: Vec<u8>,
}

/// UNSUBSCRIBE with at least one filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsubscribe {
    pub packet_id: u16,
    pub filters: Vec<ByteString>,
}

/// UNSUBACK; the codes are written in MQTT 5 only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsuback {
    pub packet_id: u16,
    pub codes: Vec<u8>,
}

/// DISCONNECT. The older levels write no body, and only clients send it there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Disconnect {
    pub reason: u8,
    /// Seconds; a client may change what it asked for in CONNECT.
    pub session_expiry: Option<u32>,
    pub reason_string: Option<ByteString>,
}

/// AUTH. Its data is a credential, checked and forgotten.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Auth {
    pub reason: u8,
    pub method: Option<ByteString>,
}

/// Reason codes of MQTT 5 (section 2.4) and return codes of CONNACK 3.1.1 (table 3.1).
pub mod code {
    pub const SUCCESS: u8 = 0x00;
    pub const DISCONNECT_WITH_WILL: u8 = 0x04;
    pub const NO_MATCHING_SUBSCRIBERS: u8 = 0x10;
    pub const NO_SUBSCRIPTION_EXISTED: u8 = 0x11;
    pub const CONTINUE_AUTHENTICATION: u8 = 0x18;
    pub const REAUTHENTICATE: u8 = 0x19;
    pub const UNSPECIFIED: u8 = 0x80;
    pub const MALFORMED_PACKET: u8 = 0x81;
    pub const PROTOCOL_ERROR: u8 = 0x82;
    pub const IMPLEMENTATION_SPECIFIC: u8 = 0x83;
    pub const UNSUPPORTED_PROTOCOL_VERSION: u8 = 0x84;
    pub const CLIENT_ID_NOT_VALID: u8 = 0x85;
    pub const BAD_USER_NAME_OR_PASSWORD: u8 = 0x86;
    pub const NOT_AUTHORIZED: u8 = 0x87;
    pub const SERVER_UNAVAILABLE: u8 = 0x88;
    pub const SERVER_BUSY: u8 = 0x89;
    pub const BANNED: u8 = 0x8A;
    pub const SERVER_SHUTTING_DOWN: u8 = 0x8B;
    pub const BAD_AUTHENTICATION_METHOD: u8 = 0x8C;
    pub const KEEP_ALIVE_TIMEOUT: u8 = 0x8D;
    pub const SESSION_TAKEN_OVER: u8 = 0x8E;
    pub const TOPIC_FILTER_INVALID: u8 = 0x8F;
    pub const TOPIC_NAME_INVALID: u8 = 0x90;
    pub const PACKET_ID_IN_USE: u8 = 0x91;
    pub const PACKET_ID_NOT_FOUND: u8 = 0x92;
    pub const RECEIVE_MAXIMUM_EXCEEDED: u8 = 0x93;
    pub const TOPIC_ALIAS_INVALID: u8 = 0x94;
    pub const PACKET_TOO_LARGE: u8 = 0x95;
    pub const MESSAGE_RATE_TOO_HIGH: u8 = 0x96;
    pub const QUOTA_EXCEEDED: u8 = 0x97;
    pub const ADMINISTRATIVE_ACTION: u8 = 0x98;
    pub const PAYLOAD_FORMAT_INVALID: u8 = 0x99;
    pub const RETAIN_NOT_SUPPORTED: u8 = 0x9A;
    pub const QOS_NOT_SUPPORTED: u8 = 0x9B;
    pub const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: u8 = 0x9E;
    pub const CONNECTION_RATE_EXCEEDED: u8 = 0x9F;
    pub const MAXIMUM_CONNECT_TIME: u8 = 0xA0;
    pub const SUBSCRIPTION_IDS_NOT_SUPPORTED: u8 = 0xA1;
    pub const WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: u8 = 0xA2;

    /// CONNACK return codes of 3.1 and 3.1.1.
    pub mod v3 {
        pub const ACCEPTED: u8 = 0;
        pub const UNACCEPTABLE_PROTOCOL: u8 = 1;
        pub const IDENTIFIER_REJECTED: u8 = 2;
        pub const SERVER_UNAVAILABLE: u8 = 3;
        pub const BAD_USER_NAME_OR_PASSWORD: u8 = 4;
        pub const NOT_AUTHORIZED: u8 = 5;
    }

    /// SUBACK failure of 3.1.1 (3.1 has none: its clients read it as refused all the same).
    pub const SUBACK_FAILURE: u8 = 0x80;
}
