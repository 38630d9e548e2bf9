//! What a connection's bytes come and go over: the socket itself, TLS above it, or another door.
//! Reads and writes never wait; the plain socket pays one branch for the choice.

use super::bridge::Pipe;
use crate::model::credentials::CertificateChain;
use crate::transport::tls::{Away, TlsStream};
use bytes::{BufMut, BytesMut};
use std::io;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::TcpStream;

pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
    /// By another door.
    Carried(Box<Pipe>),
}

/// A wire between two threads: everything but what belongs to a runtime.
pub(super) enum Parted {
    Plain(std::net::TcpStream),
    Tls(Away),
    Carried(Box<Pipe>),
}

impl Wire {
    /// Appends what is there to `into`, up to `most` bytes, for which room is reserved. Returns the
    /// number of bytes; 0 = the end.
    ///
    /// Errors: `WouldBlock` when nothing is there; the connection's own.
    pub fn try_read(&mut self, into: &mut BytesMut, most: usize) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => {
                let read = stream.try_read_buf(&mut into.limit(most))?;
                if (1..most).contains(&read) {
                    nothing_more(stream);
                }
                Ok(read)
            }
            Wire::Tls(stream) => stream.try_read(into, most),
            Wire::Carried(pipe) => pipe.try_read(into, most),
        }
    }

    /// Errors: `WouldBlock` when it takes nothing now; the connection's own.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.try_write(bytes),
            Wire::Tls(stream) => stream.try_write(bytes),
            Wire::Carried(pipe) => pipe.try_write(bytes),
        }
    }

    pub fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Wire::Plain(stream) => stream.poll_read_ready(cx).map(drop),
            Wire::Tls(stream) => stream.poll_read_ready(cx),
            Wire::Carried(pipe) => pipe.poll_read_ready(cx),
        }
    }

    pub fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Wire::Plain(stream) => stream.poll_write_ready(cx).map(drop),
            Wire::Tls(stream) => stream.poll_write_ready(cx),
            Wire::Carried(pipe) => pipe.poll_write_ready(cx),
        }
    }

    /// What the client has proved to hold, if it has shown a certificate.
    pub fn certificates(&self) -> Option<CertificateChain> {
        match self {
            Wire::Plain(_) => None,
            Wire::Carried(pipe) => pipe.certificates(),
            Wire::Tls(stream) => {
                let (certificates, revoked) = stream.certificates()?;
                Some(CertificateChain {
                    certificates,
                    revoked,
                })
            }
        }
    }

    /// Writes the rest, closes our half and reads what still comes: a reset, which unread bytes
    /// would cause, could destroy the last packets on their way.
    pub async fn last_words(&mut self, rest: BytesMut) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let stream = match self {
            Wire::Carried(pipe) => return pipe.last_words(rest).await,
            Wire::Plain(stream) => {
                if stream.write_all(&rest).await.is_err() {
                    return;
                }
                stream
            }
            Wire::Tls(stream) => {
                if stream.write_all(&rest).await.is_err() {
                    return;
                }
                stream.say_goodbye();
                let Some(socket) = stream.socket_mut() else {
                    return;
                };
                socket
            }
        };
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut sink = [0; 512];
        while matches!(stream.read(&mut sink).await, Ok(1..)) {}
    }

    /// Leaves this runtime. `None`: the socket is gone, and with it everything.
    pub fn depart(self) -> Option<Parted> {
        match self {
            Wire::Plain(stream) => stream.into_std().ok().map(Parted::Plain),
            Wire::Tls(stream) => stream.depart().map(Parted::Tls),
            Wire::Carried(pipe) => Some(Parted::Carried(pipe)),
        }
    }
}

impl Parted {
    /// Goes on in the runtime of the caller. Error: the socket is gone.
    pub fn arrive(self) -> io::Result<Wire> {
        Ok(match self {
            Parted::Plain(stream) => Wire::Plain(TcpStream::from_std(stream)?),
            Parted::Tls(away) => Wire::Tls(away.arrive()?),
            Parted::Carried(pipe) => Wire::Carried(pipe),
        })
    }
}

/// After a read that did not fill its buffer the socket is empty: asking it once more would cost a
/// system call a packet. What comes from now on makes it readable anew.
fn nothing_more(stream: &TcpStream) {
    let empty = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
    let _ = stream.try_io(Interest::READABLE, empty);
}
