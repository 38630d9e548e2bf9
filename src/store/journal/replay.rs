//! Reading the journal at start: segments in order, a torn tail cut off, damage reported.
//!
//! A torn tail (bytes after the last whole frame of the last segment) is what a kill or a power
//! cut leaves of a commit that nobody was told of. Anything else that cannot be read is damage to
//! acknowledged data: it is reported, a hard link keeps the file, and reading goes on behind it.

use super::frame::{self, Frame, Parsed};
use super::{io, segment};
use crate::model::ids::NodeId;
use crate::store::error::StoreError;
use crate::store::traits::LogSequence;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// A segment that will not be written any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Closed {
    pub path: PathBuf,
    pub first: LogSequence,
    /// Sequence of its last frame; 0 when it has none.
    pub last: LogSequence,
    pub bytes: u64,
}

/// What a replay found.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Sequence of the last whole frame; 0 when there is none.
    pub last: LogSequence,
    pub frames: u64,
    pub segments: Vec<Closed>,
    /// Places that could not be read, torn tail excepted.
    pub damaged: usize,
}

/// Reads all segments and hands each whole frame of `node` to `visit`, once and in order.
/// Errors: those of `visit` and of the file system; damage is counted instead.
pub fn replay(
    directory: &Path,
    node: NodeId,
    mut visit: impl FnMut(Frame) -> Result<(), StoreError>,
) -> Result<Replayed, StoreError> {
    let listed = segment::list(directory)?;
    let mut found = Replayed::default();
    for (index, (first, path)) in listed.iter().enumerate() {
        let void_from = listed.get(index + 1).map(|(next, _)| *next);
        let bytes = std::fs::read(path).map_err(|e| io("reading the journal", e))?;
        let mut scan = Scan {
            node,
            bytes: &bytes,
            at: 0,
            damage: Vec::new(),
        };
        let mut last = 0;
        while let Some(frame) = scan.next_frame() {
            let sequence = frame.id.sequence;
            if void_from.is_some_and(|from| sequence >= from) || sequence <= found.last {
                continue;
            }
            if found.frames > 0 && sequence != found.last + 1 {
                scan.damage
                    .push((scan.at, "frames are missing before this"));
            }
            last = sequence;
            found.last = sequence;
            found.frames += 1;
            visit(frame)?;
        }
        finish(&scan, path, void_from.is_none(), &mut found)?;
        found.segments.push(Closed {
            path: path.clone(),
            first: *first,
            last,
            bytes: scan.at as u64,
        });
    }
    Ok(found)
}

/// Cuts a torn tail off the last segment, reports damage.
fn finish(
    scan: &Scan<'_>,
    path: &Path,
    is_last: bool,
    found: &mut Replayed,
) -> Result<(), StoreError> {
    let tail = scan.bytes.get(scan.at..).unwrap_or_default();
    if is_last && !tail.is_empty() {
        // Zeros were written ahead (see `segment`).
        if tail.iter().any(|byte| *byte != 0) {
            tracing::info!(path = %path.display(), bytes = tail.len(), "cutting a torn tail off the journal");
        }
        cut(path, scan.at as u64)?;
    }
    if scan.damage.is_empty() {
        return Ok(());
    }
    found.damaged += scan.damage.len();
    for (offset, why) in &scan.damage {
        tracing::error!(path = %path.display(), offset, why, "the journal is damaged here: data may be lost");
    }
    let mut kept = path.as_os_str().to_owned();
    kept.push(".damaged");
    if let Err(error) = std::fs::hard_link(path, &kept) {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            tracing::warn!(%error, "the damaged segment could not be kept");
        }
    }
    Ok(())
}

fn cut(path: &Path, length: u64) -> Result<(), StoreError> {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.set_len(length).and_then(|()| file.sync_all()))
        .map_err(|e| io("cutting a torn tail off the journal", e))
}

/// Walks over one segment's bytes.
struct Scan<'a> {
    node: NodeId,
    bytes: &'a [u8],
    /// End of the last whole frame.
    at: usize,
    damage: Vec<(usize, &'static str)>,
}

impl Scan<'_> {
    fn next_frame(&mut self) -> Option<Frame> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let why = match frame::parse(rest) {
            Parsed::Frame(frame, size) if frame.id.node == self.node => {
                self.at += size;
                return Some(*frame);
            }
            Parsed::Frame(..) => "a frame of another node",
            Parsed::Broken(why) => why,
        };
        // Whole frames behind it tell damage from a torn tail.
        let (offset, frame, size) = self.find_behind(rest)?;
        self.damage.push((self.at, why));
        self.at += offset + size;
        Some(frame)
    }

    /// The next place where a frame of this node is whole. The node id is looked for first, so
    /// that a checksum is only worked out where a frame may be.
    fn find_behind(&self, rest: &[u8]) -> Option<(usize, Frame, usize)> {
        let node = self.node.0.as_bytes();
        (1..rest.len().saturating_sub(frame::OVERHEAD)).find_map(|offset| {
            let here = rest.get(offset..)?;
            if here.get(frame::NODE_AT..frame::NODE_AT + 16) != Some(node.as_slice()) {
                return None;
            }
            match frame::parse(here) {
                Parsed::Frame(frame, size) => Some((offset, *frame, size)),
                Parsed::Broken(_) => None,
            }
        })
    }
}
