//! Reads and writes through scratch buffers of the thread: a connection keeps bytes of its own
//! only while a packet is incomplete, or its client is slower than we are.

use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// How much is read at once.
const READ: usize = 64 * 1024;

thread_local! {
    static INPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static OUTPUT: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Reads what is there and gives it to `take`, behind what was `kept` of earlier reads; what
/// `take` leaves is kept. Returns the number of bytes read; 0 = the end.
///
/// Errors: `WouldBlock` when nothing is there; the connection's own.
pub(super) fn read(
    stream: &TcpStream,
    kept: &mut BytesMut,
    take: impl FnOnce(&mut BytesMut),
) -> io::Result<usize> {
    INPUT.with_borrow_mut(|scratch| {
        scratch.clear();
        scratch.reserve(READ);
        let room = scratch.spare_capacity_mut().len();
        let read = stream.try_read_buf(scratch)?;
        if (1..room).contains(&read) {
            nothing_more(stream);
        }
        if kept.is_empty() {
            take(scratch);
            // An empty one gives its memory back.
            *kept = BytesMut::from(&scratch[..]);
        } else {
            kept.extend_from_slice(scratch);
            take(kept);
            release_if_empty(kept);
        }
        Ok(read)
    })
}

/// After a read that did not fill its buffer the socket is empty: asking it once more would cost a
/// system call a packet. What comes from now on makes it readable anew.
fn nothing_more(stream: &TcpStream) {
    let empty = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
    let _ = stream.try_io(Interest::READABLE, empty);
}

/// An idle connection holds no buffer.
pub(super) fn release_if_empty(kept: &mut BytesMut) {
    if kept.is_empty() {
        *kept = BytesMut::new();
    }
}

/// Lets `put` append packets, and writes as much as the socket takes; the rest is `kept`.
pub(super) fn write(
    stream: &TcpStream,
    kept: &mut BytesMut,
    put: impl FnOnce(&mut BytesMut),
) -> io::Result<()> {
    if !kept.is_empty() {
        put(kept);
        drain(stream, kept)?;
        release_if_empty(kept);
        return Ok(());
    }
    OUTPUT.with_borrow_mut(|scratch| {
        scratch.clear();
        put(scratch);
        let result = drain(stream, scratch);
        if !scratch.is_empty() {
            *kept = BytesMut::from(&scratch[..]);
        }
        result
    })
}

fn drain(stream: &TcpStream, bytes: &mut BytesMut) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes.advance(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
