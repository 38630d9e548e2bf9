//! Bytes ↔ packets of MQTT 3.1, 3.1.1 and 5: no sockets, no runtime, no clock.
//!
//! A listener appends what it read to a buffer, takes frames with [`Framer::next`], decodes the
//! first with [`decode_connect`] (which finds the level), makes a [`Codec`] of that level and calls
//! [`Framer::set_level`]; from then on [`Codec::decode`] and [`Codec::encode`].
//! Everything here is bounded by the frame at hand and does not panic on any input.
//!
//! `frame` cuts; `publish`, `ack` and `connect` are ours; `check` judges the rest before `v3`
//! (`mqtt-protocol`) and `v5` (`rmqtt-codec`) take it apart.

mod ack;
mod check;
mod connect;
mod error;
mod frame;
pub mod packet;
mod property;
mod publish;
mod reader;
#[cfg(test)]
mod tests;
mod v3;
mod v5;
mod writer;

pub use connect::{level_of, LONGEST_V31_CLIENT_ID};
pub use error::{DecodeError, EncodeError};
pub use frame::Framer;
pub use packet::{code, Level, Packet, QoS};

use bytes::{Bytes, BytesMut};
use frame::{check_first_byte, kind, Header};
use packet::{Connect, Published};
use reader::Reader;

/// Remaining Length's largest value plus the longest fixed header.
pub const LARGEST_PACKET: usize = 268_435_455 + 5;

/// Decodes the first frame of a connection, which must be CONNECT, at whatever level it names.
/// For the form of the answer to a bad one see [`level_of`].
pub fn decode_connect(frame: Bytes) -> Result<Connect, DecodeError> {
    let first = *frame.first().ok_or(DecodeError::Truncated)?;
    if first >> 4 != kind::CONNECT {
        return Err(DecodeError::NotConnect(first >> 4));
    }
    check_first_byte(first, Level::V5)?;
    let header = exact_header(&frame)?;
    let connect = connect::decode(Reader::new(&frame, header.length))?;
    if connect.level == Level::V5 && !header.shortest {
        return Err(DecodeError::LongLength);
    }
    Ok(connect)
}

/// The frame must be as long as it says.
fn exact_header(frame: &[u8]) -> Result<Header, DecodeError> {
    let header = Header::read(frame)?.ok_or(DecodeError::Truncated)?;
    match header.total().cmp(&frame.len()) {
        std::cmp::Ordering::Greater => Err(DecodeError::Truncated),
        std::cmp::Ordering::Less => Err(DecodeError::TrailingBytes),
        std::cmp::Ordering::Equal => Ok(header),
    }
}

/// One connection's codec after CONNECT.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    level: Level,
    /// Largest packet that the peer takes, whole, in bytes.
    peer_limit: u32,
}

impl Codec {
    pub fn new(level: Level) -> Self {
        Self {
            level,
            peer_limit: LARGEST_PACKET as u32,
        }
    }

    /// The client's Maximum Packet Size: larger packets are refused by `encode` (MQTT-3.1.2-24).
    pub fn with_peer_limit(mut self, bytes: Option<u32>) -> Self {
        self.peer_limit = bytes.unwrap_or(LARGEST_PACKET as u32);
        self
    }

    pub fn level(&self) -> Level {
        self.level
    }

    /// Decodes one whole frame, as the framer gave it. A second CONNECT decodes as a packet: the
    /// session refuses it (MQTT-3.1.0-2).
    pub fn decode(&self, frame: Bytes) -> Result<Packet, DecodeError> {
        let level = self.level;
        let first = *frame.first().ok_or(DecodeError::Truncated)?;
        let header = self.header(first, &frame)?;
        let packet_type = first >> 4;
        let reader = Reader::new(&frame, header.length);
        let acknowledge = |reader| ack::decode(packet_type, reader, level);
        match packet_type {
            kind::PUBLISH => publish::decode(first, reader, level)
                .map(|published| Packet::Publish(published.kept(&frame))),
            kind::PUBACK => acknowledge(reader).map(Packet::Puback),
            kind::PUBREC => acknowledge(reader).map(Packet::Pubrec),
            kind::PUBREL => acknowledge(reader).map(Packet::Pubrel),
            kind::PUBCOMP => acknowledge(reader).map(Packet::Pubcomp),
            // Its own faults do not matter any more.
            kind::CONNECT => connect::decode(reader)
                .map(|connect| Packet::Connect(Box::new(connect)))
                .map_err(|_| DecodeError::SecondConnect),
            kind::PINGREQ => reader.finish().map(|()| Packet::Pingreq),
            kind::PINGRESP => reader.finish().map(|()| Packet::Pingresp),
            _ => {
                check::body(packet_type, reader, level)?;
                match level {
                    Level::V5 => v5::decode(&frame),
                    _ => v3::decode(packet_type, frame.get(header.length..).unwrap_or_default()),
                }
            }
        }
    }

    /// Decodes one whole frame, as the framer found it, where it stands; `None` if it is no PUBLISH.
    pub fn publish<'f>(&self, frame: &'f [u8]) -> Option<Result<Published<'f>, DecodeError>> {
        let first = *frame.first()?;
        let decode = || {
            let header = self.header(first, frame)?;
            publish::decode(first, Reader::new(frame, header.length), self.level)
        };
        (first >> 4 == kind::PUBLISH).then(decode)
    }

    #[inline(always)]
    fn header(&self, first: u8, frame: &[u8]) -> Result<Header, DecodeError> {
        check_first_byte(first, self.level)?;
        let header = exact_header(frame)?;
        if self.level == Level::V5 && !header.shortest {
            return Err(DecodeError::LongLength);
        }
        Ok(header)
    }

    /// Appends the packet to `out`; on error `out` is as it was. A reason string that makes the
    /// packet too large for the peer is left out (MQTT-3.2.2-19, MQTT-3.4.2-2, MQTT-3.14.2-3).
    pub fn encode(&self, packet: &Packet, out: &mut BytesMut) -> Result<(), EncodeError> {
        let start = out.len();
        let mut result = self.write(packet, out);
        if let Err(EncodeError::TooLarge { .. }) = result {
            if let Some(shorter) = packet.without_reason_string() {
                out.truncate(start);
                result = self.write(&shorter, out);
            }
        }
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn write(&self, packet: &Packet, out: &mut BytesMut) -> Result<(), EncodeError> {
        let (level, limit) = (self.level, self.peer_limit as usize);
        match packet {
            Packet::Publish(publish) => publish::encode(publish, level, limit, out),
            Packet::Puback(ack) => ack::encode(kind::PUBACK, ack, level, limit, out),
            Packet::Pubrec(ack) => ack::encode(kind::PUBREC, ack, level, limit, out),
            Packet::Pubrel(ack) => ack::encode(kind::PUBREL, ack, level, limit, out),
            Packet::Pubcomp(ack) => ack::encode(kind::PUBCOMP, ack, level, limit, out),
            Packet::Connect(connect) => connect::encode(connect, level, limit, out),
            Packet::Pingreq => writer::put_header(out, kind::PINGREQ << 4, 0, limit),
            Packet::Pingresp => writer::put_header(out, kind::PINGRESP << 4, 0, limit),
            _ if level == Level::V5 => v5::encode(packet, limit, out),
            _ => v3::encode(packet, limit, out),
        }
    }
}
