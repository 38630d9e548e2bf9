//! The words of a message: kind, code, token.

use super::options::Options;
use std::fmt;

/// How a message is to be acknowledged (RFC 7252 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Con = 0,
    Non = 1,
    Ack = 2,
    Rst = 3,
}

/// `c.dd`: class and detail (RFC 7252 section 5.2 and 12.1; 4.29 is of RFC 8516, 4.08 of RFC 7959).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub u8);

impl Code {
    pub const EMPTY: Code = Code(0);
    pub const GET: Code = Code(1);
    pub const POST: Code = Code(2);
    pub const CREATED: Code = Code::of(2, 1);
    pub const DELETED: Code = Code::of(2, 2);
    pub const VALID: Code = Code::of(2, 3);
    pub const CONTENT: Code = Code::of(2, 5);
    pub const CONTINUE: Code = Code::of(2, 31);
    pub const BAD_REQUEST: Code = Code::of(4, 0);
    pub const UNAUTHORIZED: Code = Code::of(4, 1);
    pub const BAD_OPTION: Code = Code::of(4, 2);
    pub const NOT_FOUND: Code = Code::of(4, 4);
    pub const METHOD_NOT_ALLOWED: Code = Code::of(4, 5);
    pub const NOT_ACCEPTABLE: Code = Code::of(4, 6);
    pub const INCOMPLETE: Code = Code::of(4, 8);
    pub const TOO_LARGE: Code = Code::of(4, 13);
    pub const UNSUPPORTED_FORMAT: Code = Code::of(4, 15);
    pub const TOO_MANY_REQUESTS: Code = Code::of(4, 29);
    pub const NOT_IMPLEMENTED: Code = Code::of(5, 1);
    pub const UNAVAILABLE: Code = Code::of(5, 3);
    pub const TIMEOUT: Code = Code::of(5, 4);
    pub const NO_PROXY: Code = Code::of(5, 5);

    pub const fn of(class: u8, detail: u8) -> Code {
        Code(class << 5 | detail)
    }

    pub fn class(self) -> u8 {
        self.0 >> 5
    }

    /// 0.01 to 0.31.
    pub fn is_request(self) -> bool {
        self.class() == 0 && self != Code::EMPTY
    }

    pub fn is_success(self) -> bool {
        self.class() == 2
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.0 & 31)
    }
}

/// What a client tells its answers apart by: 0 to 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Token {
    length: u8,
    bytes: [u8; 8],
}

impl Token {
    /// `None`: longer than 8 bytes.
    pub fn new(bytes: &[u8]) -> Option<Token> {
        let mut token = Token {
            length: u8::try_from(bytes.len()).ok()?,
            bytes: [0; 8],
        };
        token.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(token)
    }

    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:02x?})", self.as_slice())
    }
}

/// One message, looked at in its datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    pub kind: Kind,
    pub code: Code,
    pub id: u16,
    pub token: Token,
    pub options: Options<'a>,
    /// Empty when there is none: a payload marker with nothing behind it is malformed.
    pub payload: &'a [u8],
}
