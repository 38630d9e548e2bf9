//! Real addresses behind a balancer: the PROXY protocol, which any door may ask for. `header` is
//! pure; here it is taken off the front of a socket, and not one byte more.

pub mod header;

use header::{Fault, LONGEST};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Why nobody knows who speaks; the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyError {
    Header(Fault),
    TooSlow,
    Gone,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyError::Header(fault) => fault.fmt(f),
            ProxyError::TooSlow => f.write_str("no PROXY header in time"),
            ProxyError::Gone => f.write_str("gone before the PROXY header"),
        }
    }
}

/// Takes the header. Returns the client's address; `None`: the balancer speaks for itself.
pub async fn receive(socket: &TcpStream, limit: Duration) -> Result<Option<IpAddr>, ProxyError> {
    let taken = tokio::time::timeout(limit, take(socket)).await;
    taken.unwrap_or(Err(ProxyError::TooSlow))
}

async fn take(socket: &TcpStream) -> Result<Option<IpAddr>, ProxyError> {
    let gone = |_: io::Error| ProxyError::Gone;
    let mut taken = Vec::new();
    loop {
        let mut next = [0; LONGEST];
        let seen = socket.peek(&mut next).await.map_err(gone)?;
        if seen == 0 {
            return Err(ProxyError::Gone);
        }
        let before = taken.len();
        taken.extend(next.iter().take(seen));
        match header::read(&taken).map_err(ProxyError::Header)? {
            Some(header) => {
                let rest = header.length.saturating_sub(before);
                consume(socket, rest).await.map_err(gone)?;
                return Ok(header.source);
            }
            // All of them belong to a header that is not whole yet.
            None => consume(socket, seen).await.map_err(gone)?,
        }
    }
}

/// Reads away bytes that have been seen.
async fn consume(socket: &TcpStream, mut bytes: usize) -> io::Result<()> {
    let mut sink = [0; LONGEST];
    while bytes > 0 {
        socket.readable().await?;
        match socket.try_read(sink.get_mut(..bytes.min(LONGEST)).unwrap_or_default()) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => bytes -= read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
