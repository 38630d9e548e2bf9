//! What a client may not do inside a session: one variant per clause, with the MQTT 5 code beside
//! it. What bytes may not look like is `codec::DecodeError`.

use super::codec::code;
use crate::model::reject::{Reason, Rejection};
use std::fmt;

/// Each of these ends the connection. Clauses are those of MQTT 5 unless marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// A second CONNECT (MQTT-3.1.0-2).
    SecondConnect,
    /// A packet that only servers send, by name (section 2.1.2, table 2-1).
    ServersPacket(&'static str),
    /// AUTH without enhanced authentication (section 4.12).
    Auth,
    /// More unacknowledged publishes than announced (MQTT-3.3.4-9, section 3.3.4).
    ReceiveMaximum(u16),
    /// An alias of 0 or above what was announced (MQTT-3.3.2-9).
    AliasRange(u16),
    /// Neither topic nor known alias (section 3.3.2.3.4).
    NoTopic,
    /// Session Expiry in DISCONNECT after 0 in CONNECT (MQTT-3.1.2-23, section 3.14.2.2.2).
    ExpiryRaised,
    /// More half-done QoS 2 handshakes than a session may hold (ours; bounded memory).
    Handshakes(usize),
}

impl Violation {
    /// Reason code of DISCONNECT.
    pub fn code(self) -> u8 {
        match self {
            Self::ReceiveMaximum(_) => code::RECEIVE_MAXIMUM_EXCEEDED,
            Self::AliasRange(_) => code::TOPIC_ALIAS_INVALID,
            Self::Handshakes(_) => code::QUOTA_EXCEEDED,
            _ => code::PROTOCOL_ERROR,
        }
    }

    pub fn rejection(self) -> Rejection {
        let reason = match self {
            Self::ReceiveMaximum(_) | Self::Handshakes(_) => Reason::QueueFull,
            _ => Reason::ProtocolViolation,
        };
        Rejection::new(reason, self.to_string())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecondConnect => f.write_str("a second CONNECT [MQTT-3.1.0-2]"),
            Self::ServersPacket(name) => write!(f, "{name} is not a client's to send"),
            Self::Auth => f.write_str("AUTH without enhanced authentication"),
            Self::ReceiveMaximum(limit) => {
                write!(
                    f,
                    "more than {limit} unacknowledged publishes [MQTT-3.3.4-9]"
                )
            }
            Self::AliasRange(alias) => {
                write!(f, "topic alias {alias} is out of range [MQTT-3.3.2-9]")
            }
            Self::NoTopic => f.write_str("a publish with neither topic nor known topic alias"),
            Self::ExpiryRaised => {
                f.write_str("DISCONNECT sets a session expiry that CONNECT had as 0")
            }
            Self::Handshakes(limit) => {
                write!(f, "more than {limit} QoS 2 publishes wait for PUBREL")
            }
        }
    }
}
