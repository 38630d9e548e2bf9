//! Real addresses behind a balancer: the PROXY protocol, which any door may ask for. `header` is
//! pure; here it is taken off the front of a socket, and not one byte more. `balancers` tells who
//! may send one.

mod balancers;
pub mod header;

pub use balancers::Balancers;

use crate::model::reject::{Reason, Rejection};
use header::{Fault, LONGEST};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Why nobody knows who speaks; the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// None of the balancers that the door knows.
    Untrusted,
    Header(Fault),
    TooSlow,
    Gone,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyError::Untrusted => {
                f.write_str("not one of the balancers in proxy_from, which alone may connect here")
            }
            ProxyError::Header(fault) => fault.fmt(f),
            ProxyError::TooSlow => f.write_str("no PROXY header in time"),
            ProxyError::Gone => f.write_str("gone before the PROXY header"),
        }
    }
}

impl From<ProxyError> for Rejection {
    fn from(error: ProxyError) -> Self {
        let reason = match error {
            ProxyError::Untrusted => Reason::AddressNotAllowed,
            ProxyError::TooSlow => Reason::TooSlow,
            ProxyError::Header(_) | ProxyError::Gone => Reason::ProtocolViolation,
        };
        Rejection::new(reason, error.to_string())
    }
}

/// Takes the header of one of `balancers`. Returns the client's address; `None`: the balancer
/// speaks for itself.
pub async fn receive(
    socket: &TcpStream,
    balancer: IpAddr,
    balancers: &Balancers,
    limit: Duration,
) -> Result<Option<IpAddr>, ProxyError> {
    if !balancers.admit(balancer) {
        return Err(ProxyError::Untrusted);
    }
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
