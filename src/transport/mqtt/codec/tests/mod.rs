//! Tests of the codec: `samples` holds one packet of every type and form for the others.

mod framing;
mod fuzz;
mod malformed;
mod oracle;
mod oracle5;
mod round_trips;
mod samples;
mod tolerance;

use super::packet::{Level, Packet};
use super::{Codec, DecodeError};
use bytes::{Bytes, BytesMut};

const LEVELS: [Level; 3] = [Level::V31, Level::V311, Level::V5];

fn encoded(level: Level, packet: &Packet) -> Bytes {
    let mut out = BytesMut::new();
    let result = Codec::new(level).encode(packet, &mut out);
    assert_eq!(result, Ok(()), "{level:?} {packet:?}");
    out.freeze()
}

fn decoded(level: Level, bytes: &[u8]) -> Result<Packet, DecodeError> {
    Codec::new(level).decode(Bytes::copy_from_slice(bytes))
}
