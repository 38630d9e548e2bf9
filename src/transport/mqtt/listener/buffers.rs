//! Reads and writes through scratch buffers of the thread: a connection keeps bytes of its own
//! only while a packet is incomplete, or its client is slower than we are.

use super::wire::Wire;
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::io;

/// How much is read at once.
pub(super) const READ: usize = 64 * 1024;
/// ... before CONNECT: what comes behind it waits here for the answer.
pub(super) const READ_OF_STRANGERS: usize = 4 * 1024;

thread_local! {
    static INPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static OUTPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Reads what is there, up to `most` bytes, and gives it to `take`, behind what was `kept` of
/// earlier reads; what `take` leaves is kept, in no more memory than it needs. Returns the number
/// of bytes read; 0 = the end.
///
/// Errors: `WouldBlock` when nothing is there; the connection's own.
pub(super) fn read(
    wire: &mut Wire,
    kept: &mut BytesMut,
    most: usize,
    take: impl FnOnce(&mut BytesMut),
) -> io::Result<usize> {
    INPUT.with_borrow_mut(|scratch| {
        scratch.clear();
        // A large packet grows in place; the beginning of a small one is cheap to copy.
        let grows = kept.len() > READ;
        if !grows {
            scratch.extend_from_slice(kept);
        }
        scratch.reserve(most);
        let read = wire.try_read(scratch, most)?;
        if grows {
            kept.extend_from_slice(scratch);
            take(kept);
            release_if_empty(kept);
        } else {
            take(scratch);
            // An empty one gives its memory back.
            *kept = BytesMut::from(&scratch[..]);
        }
        Ok(read)
    })
}

/// An idle connection holds no buffer.
pub(super) fn release_if_empty(kept: &mut BytesMut) {
    if kept.is_empty() {
        *kept = BytesMut::new();
    }
}

/// Lets `put` append packets, and writes as much as the socket takes; the rest is `kept`.
pub(super) fn write(
    wire: &mut Wire,
    kept: &mut BytesMut,
    put: impl FnOnce(&mut BytesMut),
) -> io::Result<()> {
    if !kept.is_empty() {
        put(kept);
        drain(wire, kept)?;
        release_if_empty(kept);
        return Ok(());
    }
    OUTPUT.with_borrow_mut(|scratch| {
        scratch.clear();
        put(scratch);
        let result = drain(wire, scratch);
        if !scratch.is_empty() {
            *kept = BytesMut::from(&scratch[..]);
        }
        result
    })
}

fn drain(wire: &mut Wire, bytes: &mut BytesMut) -> io::Result<()> {
    while !bytes.is_empty() {
        match wire.try_write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes.advance(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
