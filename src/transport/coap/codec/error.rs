//! What a datagram may not look like: one variant per clause of RFC 7252.

use super::message::Kind;
use crate::model::reject::{Reason, Rejection};
use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// Fewer than the four bytes of the header (section 3).
    Short,
    /// A version other than 1: to be ignored silently (section 3).
    Version(u8),
    /// A token length of 9 to 15 (section 3).
    TokenLength(u8),
    /// The token ends behind the datagram (section 3).
    Token,
    /// Code 0.00 with bytes behind the message id (section 4.1).
    Empty,
    /// A delta or length nibble of 15 that is no payload marker (section 3.1).
    OptionNibble,
    /// An option ends behind the datagram (section 3.1).
    Option,
    /// An option number above 65535 (section 3.1).
    OptionNumber,
    /// More options than any request of ours needs (ours; bounded work).
    TooManyOptions,
    /// A payload marker with nothing behind it (section 3).
    NoPayload,
}

/// A datagram that is no message, and what of its head can be answered with a reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    pub error: DecodeError,
    pub head: Option<(Kind, u16)>,
}

impl Malformed {
    pub fn rejection(&self) -> Rejection {
        Rejection::new(Reason::ProtocolViolation, self.error.to_string())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("shorter than a CoAP header"),
            Self::Version(version) => write!(f, "CoAP version {version}"),
            Self::TokenLength(length) => write!(f, "token length {length} is reserved"),
            Self::Token => f.write_str("the token is cut off"),
            Self::Empty => f.write_str("an empty message with content"),
            Self::OptionNibble => f.write_str("an option with a reserved delta or length"),
            Self::Option => f.write_str("an option is cut off"),
            Self::OptionNumber => f.write_str("an option number above 65535"),
            Self::TooManyOptions => f.write_str("too many options"),
            Self::NoPayload => f.write_str("a payload marker without payload"),
        }
    }
}
