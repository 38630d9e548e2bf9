//! Writes fields and fixed headers; every length is judged before the first byte is written.

use super::error::EncodeError;
use bytes::{BufMut, BytesMut};

/// Largest Remaining Length (MQTT 3.1.1 section 2.2.3).
const LARGEST_REMAINING: usize = 268_435_455;

/// Bytes that a variable byte integer takes.
pub(super) fn variable_size(value: usize) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

pub(super) fn put_variable(out: &mut BytesMut, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.put_u8(low);
            return;
        }
        out.put_u8(low | 0x80);
    }
}

/// The whole packet's size for this Remaining Length, if the protocol and the peer take it.
pub(super) fn judge(remaining: usize, peer_limit: usize) -> Result<usize, EncodeError> {
    let size = (1 + variable_size(remaining)).saturating_add(remaining);
    if remaining > LARGEST_REMAINING || size > peer_limit {
        let limit = peer_limit;
        return Err(EncodeError::TooLarge { size, limit });
    }
    Ok(size)
}

/// Writes first byte and Remaining Length, and reserves room for the rest.
pub(super) fn put_header(
    out: &mut BytesMut,
    first: u8,
    remaining: usize,
    peer_limit: usize,
) -> Result<(), EncodeError> {
    out.reserve(judge(remaining, peer_limit)?);
    out.put_u8(first);
    put_variable(out, remaining);
    Ok(())
}

/// The length that goes before a string or binary field.
pub(super) fn field_length(field: &[u8]) -> Result<u16, EncodeError> {
    u16::try_from(field.len()).map_err(|_| EncodeError::FieldTooLong)
}

pub(super) fn put_field(out: &mut BytesMut, field: &[u8]) -> Result<(), EncodeError> {
    out.put_u16(field_length(field)?);
    out.put_slice(field);
    Ok(())
}

/// A string without U+0000 (MQTT-1.5.4-2).
pub(super) fn check_text(text: &str) -> Result<(), EncodeError> {
    field_length(text.as_bytes())?;
    if text.as_bytes().contains(&0) {
        return Err(EncodeError::Value);
    }
    Ok(())
}
