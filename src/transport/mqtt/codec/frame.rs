//! Cuts a byte stream into whole packets: fixed header and Remaining Length are judged against the
//! limit before anything is kept (MQTT 3.1.1 section 2.2, MQTT 5 section 2.1).
//!
//! The framer itself allocates nothing: frames are split off the read buffer, which afterwards
//! holds only the part of a frame that has arrived.

use super::error::DecodeError;
use super::packet::Level;
use bytes::{Bytes, BytesMut};

/// First byte, as packet type.
pub(super) mod kind {
    pub const CONNECT: u8 = 1;
    pub const CONNACK: u8 = 2;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const PUBREC: u8 = 5;
    pub const PUBREL: u8 = 6;
    pub const PUBCOMP: u8 = 7;
    pub const SUBSCRIBE: u8 = 8;
    pub const SUBACK: u8 = 9;
    pub const UNSUBSCRIBE: u8 = 10;
    pub const UNSUBACK: u8 = 11;
    pub const PINGREQ: u8 = 12;
    pub const PINGRESP: u8 = 13;
    pub const DISCONNECT: u8 = 14;
    pub const AUTH: u8 = 15;
}

/// The bounded framer of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Framer {
    limit: u32,
    level: Option<Level>,
}

impl Framer {
    /// `limit`: the largest packet, whole (fixed header included), in bytes. Until
    /// [`Framer::set_level`] only CONNECT is let through.
    pub fn new(limit: usize) -> Self {
        Self {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            level: None,
        }
    }

    /// After CONNECT: from now on every packet type of that level passes.
    pub fn set_level(&mut self, level: Level) {
        self.level = Some(level);
    }

    /// Before CONNECT a smaller limit may hold than after it.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = u32::try_from(limit).unwrap_or(u32::MAX);
    }

    /// The next whole packet, fixed header included, split off `buffer`; `None` = more bytes are
    /// needed. After an error the connection is to be closed: the stream has no next packet.
    pub fn next(&self, buffer: &mut BytesMut) -> Result<Option<Bytes>, DecodeError> {
        let size = self.size(buffer)?;
        Ok(size.map(|size| buffer.split_to(size).freeze()))
    }

    /// The length of the whole packet that `bytes` begin with, fixed header included; for the rest as
    /// `next`.
    pub fn size(&self, bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        self.admit(first)?;
        let Some(header) = Header::read(bytes)? else {
            return Ok(None);
        };
        let size = header.total();
        let limit = self.limit as usize;
        if size > limit {
            return Err(DecodeError::TooLarge { size, limit });
        }
        Ok((bytes.len() >= size).then_some(size))
    }

    fn admit(&self, first: u8) -> Result<(), DecodeError> {
        match self.level {
            Some(level) => check_first_byte(first, level),
            None if first >> 4 == kind::CONNECT => check_first_byte(first, Level::V5),
            None if first >> 4 == 0 => Err(DecodeError::ReservedType(0)),
            None => Err(DecodeError::NotConnect(first >> 4)),
        }
    }
}

/// Type and flags of the fixed header (table 2.2 of both specifications).
pub(super) fn check_first_byte(first: u8, level: Level) -> Result<(), DecodeError> {
    let (packet_type, flags) = (first >> 4, first & 0x0f);
    let allowed = match packet_type {
        0 => return Err(DecodeError::ReservedType(0)),
        kind::AUTH if level != Level::V5 => return Err(DecodeError::ReservedType(15)),
        kind::PUBLISH => return check_publish_flags(flags),
        kind::CONNECT => flags == 0,
        // 3.1 lets DUP mark a repeated SUBSCRIBE or PUBREL and calls the other flags "not used".
        _ if level == Level::V31 => true,
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE => flags == 0b0010,
        _ => flags == 0,
    };
    if allowed {
        Ok(())
    } else {
        Err(DecodeError::HeaderFlags { packet_type, flags })
    }
}

fn check_publish_flags(flags: u8) -> Result<(), DecodeError> {
    match (flags >> 1) & 0b11 {
        3 => Err(DecodeError::PublishQos),
        0 if flags & 0b1000 != 0 => Err(DecodeError::DupWithoutQos),
        _ => Ok(()),
    }
}

/// The fixed header's measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// First byte and Remaining Length.
    pub length: usize,
    /// What follows.
    pub remaining: usize,
    /// Remaining Length was written in the fewest bytes.
    pub shortest: bool,
}

impl Header {
    pub fn total(&self) -> usize {
        self.length.saturating_add(self.remaining)
    }

    /// `None` while Remaining Length is incomplete.
    #[inline(always)]
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        match *bytes {
            [_, low @ 0..=0x7f, ..] => Ok(Some(Self {
                length: 2,
                remaining: usize::from(low),
                shortest: true,
            })),
            [_, low, high @ 0..=0x7f, ..] => Ok(Some(Self {
                length: 3,
                remaining: usize::from(low & 0x7f) | usize::from(high) << 7,
                shortest: high != 0,
            })),
            _ => Self::read_long(bytes),
        }
    }

    fn read_long(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let mut remaining = 0usize;
        for (index, &byte) in bytes.iter().skip(1).take(4).enumerate() {
            remaining |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(Some(Self {
                    length: index + 2,
                    remaining,
                    shortest: index == 0 || byte != 0,
                }));
            }
        }
        if bytes.len() > 4 {
            return Err(DecodeError::RemainingLength);
        }
        Ok(None)
    }
}
