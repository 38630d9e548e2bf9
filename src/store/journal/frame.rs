//! One frame of the journal: a self-contained batch with checksum and dedup id (design.md 7.6).
//!
//! ```text
//!  0        4        8    9             25       29         37        38
//!  +--------+--------+----+-------------+--------+----------+---------+------------------
//!  | length | crc32  | v  | node id     | incarn.| sequence | partit. | changes (postcard)
//!  | u32 le | u32 le | u8 | 16 bytes    | u32 le | u64 le   | u8      |
//!  +--------+--------+----+-------------+--------+----------+---------+------------------
//!                    |<------------------------ length bytes ----------------------------->
//!  crc32 covers the four bytes of length and everything from v on.
//!  (node, incarnation, sequence) is the dedup id. partition and changes are postcard(Batch).
//! ```

use super::encode;
use crate::model::ids::{Incarnation, NodeId};
use crate::store::batch::Batch;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use uuid::Uuid;

/// The format written now.
pub const VERSION: u8 = 1;
/// Largest encoded batch (design.md 7.6).
pub const MAX_BATCH: usize = 1 << 20;

const PREFIX: usize = 8;
const META: usize = 29;
/// Where the node id stands in a frame.
pub const NODE_AT: usize = 9;
/// Bytes in front of the encoded batch.
pub const OVERHEAD: usize = PREFIX + META;

/// Names a batch over all nodes and restarts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DedupId {
    pub node: NodeId,
    pub incarnation: Incarnation,
    pub sequence: LogSequence,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub id: DedupId,
    pub batch: Batch,
}

/// What stands at some place of a segment.
#[derive(Debug)]
pub enum Parsed {
    /// A whole frame and its size in bytes.
    Frame(Box<Frame>, usize),
    /// No frame, or a damaged one.
    Broken(&'static str),
}

/// Appends the batch's payload to `out`. Errors: `BatchTooLarge`; `out` is as it was then.
pub fn encode_batch(batch: &Batch, out: &mut Vec<u8>) -> Result<(), StoreError> {
    let before = out.len();
    let encoded =
        encode::put(batch, out).map_err(|e| StoreError::Io(format!("encoding a batch: {e}")));
    let bytes = out.len() - before;
    let fits = if bytes > MAX_BATCH {
        Err(StoreError::BatchTooLarge { bytes })
    } else {
        encoded
    };
    if fits.is_err() {
        out.truncate(before);
    }
    fits
}

/// Appends one frame to `out`.
pub fn append(out: &mut Vec<u8>, id: DedupId, payload: &[u8]) {
    let length = ((META + payload.len()) as u32).to_le_bytes();
    out.extend_from_slice(&length);
    let crc_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let body_at = out.len();
    out.push(VERSION);
    out.extend_from_slice(id.node.0.as_bytes());
    out.extend_from_slice(&id.incarnation.0.to_le_bytes());
    out.extend_from_slice(&id.sequence.to_le_bytes());
    out.extend_from_slice(payload);
    let crc = checksum(&length, &out[body_at..]).to_le_bytes();
    out[crc_at..body_at].copy_from_slice(&crc);
}

/// Reads the frame that begins at `bytes`. Takes any input.
pub fn parse(bytes: &[u8]) -> Parsed {
    match whole(bytes) {
        Ok((frame, size)) => Parsed::Frame(Box::new(frame), size),
        Err(why) => Parsed::Broken(why),
    }
}

fn whole(bytes: &[u8]) -> Result<(Frame, usize), &'static str> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or("cut off")?;
    let (crc, rest) = rest.split_first_chunk::<4>().ok_or("cut off")?;
    let size = u32::from_le_bytes(*length) as usize;
    if !(META..=META + MAX_BATCH).contains(&size) {
        return Err("impossible length");
    }
    let body = rest.get(..size).ok_or("cut off")?;
    let (version, meta) = body.split_first().ok_or("cut off")?;
    if *version != VERSION {
        return Err("unknown version");
    }
    if checksum(length, body) != u32::from_le_bytes(*crc) {
        return Err("checksum does not match");
    }
    let (node, meta) = meta.split_first_chunk::<16>().ok_or("cut off")?;
    let (incarnation, meta) = meta.split_first_chunk::<4>().ok_or("cut off")?;
    let (sequence, payload) = meta.split_first_chunk::<8>().ok_or("cut off")?;
    let batch = postcard::from_bytes(payload).map_err(|_| "batch cannot be decoded")?;
    let id = DedupId {
        node: NodeId(Uuid::from_bytes(*node)),
        incarnation: Incarnation(u32::from_le_bytes(*incarnation)),
        sequence: u64::from_le_bytes(*sequence),
    };
    Ok((Frame { id, batch }, PREFIX + size))
}

fn checksum(length: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(length);
    hasher.update(body);
    hasher.finalize()
}
