//! One TLS connection over a socket that never blocks: bytes in, bytes out, and the peer's
//! certificates.

use super::error::{reason, HandshakeError};
use super::handshakes::Handshake;
use super::security::Security;
use crate::model::credentials::CertificateChain;
use bytes::BytesMut;
use openssl::ssl::{ErrorCode, Ssl, SslStream};
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The largest record's content (RFC 8446, section 5.1).
const RECORD: usize = 16 * 1024;

thread_local! {
    static CLEAR: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; RECORD]);
}

/// The socket as OpenSSL reads and writes it. `None` while the connection is between two threads.
struct Socket(Option<TcpStream>);

impl Socket {
    fn get(&self) -> io::Result<&TcpStream> {
        self.0
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.get()?.try_read(into)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.get()?.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection whose handshake is done.
pub struct TlsStream {
    inner: SslStream<Socket>,
    security: Security,
    /// The last read stopped before OpenSSL had nothing more: the socket will not tell.
    more: bool,
}

/// What the HTTP door keeps with a connection whose client has shown a certificate, for whoever
/// serves its requests. Stays in its thread.
#[derive(Clone)]
pub struct PeerCertificates(pub Rc<CertificateChain>);

/// A connection between two threads: everything but what belongs to a runtime.
pub struct Away {
    socket: std::net::TcpStream,
    stream: Box<TlsStream>,
}

impl TlsStream {
    /// Shakes hands, for at most `limit`. `place` is held as long as that takes.
    pub async fn accept(
        security: Security,
        socket: TcpStream,
        limit: Duration,
        place: Handshake,
    ) -> Result<Box<Self>, HandshakeError> {
        let shaken = tokio::time::timeout(limit, shake_hands(security, socket)).await;
        drop(place);
        shaken.unwrap_or(Err(HandshakeError::TooSlow))
    }

    /// Appends what is there to `into`, up to `most` bytes. Returns the number of bytes; 0 = the
    /// end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; the connection's own.
    pub fn try_read(&mut self, into: &mut BytesMut, most: usize) -> io::Result<usize> {
        CLEAR.with_borrow_mut(|clear| {
            let mut total = 0;
            self.more = true;
            while total < most {
                let room = clear.len().min(most - total);
                match self.read(clear.get_mut(..room).unwrap_or_default()) {
                    // What came before the end, or before a fault, counts; the next read meets it.
                    Ok(0) => break,
                    Ok(read) => {
                        into.extend_from_slice(clear.get(..read).unwrap_or_default());
                        total += read;
                    }
                    Err(error) => {
                        self.more = error.kind() != io::ErrorKind::WouldBlock;
                        if total == 0 {
                            return Err(error);
                        }
                        break;
                    }
                }
            }
            Ok(total)
        })
    }

    /// # Errors
    /// `WouldBlock` when the socket takes nothing: come again with the same bytes, or more of them.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let written = self.inner.ssl_write(bytes);
        written.or_else(|error| interrupted(error, ErrorCode::WANT_WRITE))
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.ssl_read(into);
        read.or_else(|error| interrupted(error, ErrorCode::WANT_READ))
    }

    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.inner.get_ref().get() {
            Ok(socket) if !self.more => socket.poll_read_ready(cx).map(drop),
            _ => Poll::Ready(()),
        }
    }

    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.inner.get_ref().get() {
            Ok(socket) => socket.poll_write_ready(cx).map(drop),
            Err(_) => Poll::Ready(()),
        }
    }

    /// The peer's certificates as DER, its own first, and whether one of them is revoked; `None`
    /// when it has shown none. A resumed session brings only the peer's own: see `issuers`.
    pub fn certificates(&self) -> Option<(Vec<Vec<u8>>, bool)> {
        let ssl = self.inner.ssl();
        let own = ssl.peer_certificate()?;
        let mut all = vec![own.to_der().ok()?];
        for above in ssl.peer_cert_chain().into_iter().flatten() {
            let der = above.to_der().ok()?;
            if !all.contains(&der) {
                all.push(der);
            }
        }
        let issuers = self.security.issuers();
        match ssl.session_reused() {
            true => all.extend(issuers.above(&own)),
            false => issuers.learn(all.get(1..).unwrap_or_default()),
        }
        let revoked = self.security.has_revoked(&all);
        Some((all, revoked))
    }

    /// Tells the peer that nothing more will come, as far as the socket takes it.
    pub fn say_goodbye(&mut self) {
        // The connection ends in any case.
        let _ = self.inner.shutdown();
    }

    /// The socket below: for its end.
    pub fn socket_mut(&mut self) -> Option<&mut TcpStream> {
        self.inner.get_mut().0.as_mut()
    }

    /// Leaves this runtime. `None`: the socket is gone.
    pub fn depart(mut self: Box<Self>) -> Option<Away> {
        let socket = self.inner.get_mut().0.take()?.into_std().ok()?;
        Some(Away {
            socket,
            stream: self,
        })
    }
}

impl Away {
    /// Goes on in the runtime of the caller.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn arrive(self) -> io::Result<Box<TlsStream>> {
        let mut stream = self.stream;
        stream.inner.get_mut().0 = Some(TcpStream::from_std(self.socket)?);
        Ok(stream)
    }
}

/// `wanted` is what a read or a write may have to wait for. The other of the two would mean a
/// renegotiation, which is off; waiting for the wrong one would never end.
fn interrupted(error: openssl::ssl::Error, wanted: ErrorCode) -> io::Result<usize> {
    match error.code() {
        ErrorCode::ZERO_RETURN => Ok(0),
        code if code == wanted => Err(io::ErrorKind::WouldBlock.into()),
        // Without a goodbye: common, and MQTT has its own.
        ErrorCode::SYSCALL if error.io_error().is_none() => Ok(0),
        _ => Err(error.into_io_error().unwrap_or_else(io::Error::other)),
    }
}

async fn shake_hands(
    security: Security,
    socket: TcpStream,
) -> Result<Box<TlsStream>, HandshakeError> {
    let failed = |stack: openssl::error::ErrorStack| HandshakeError::Failed(reason(&stack));
    let ssl = Ssl::new(&security.context()).map_err(failed)?;
    let mut inner = SslStream::new(ssl, Socket(Some(socket))).map_err(failed)?;
    loop {
        let Err(error) = inner.accept() else {
            return Ok(Box::new(TlsStream {
                inner,
                security,
                more: true,
            }));
        };
        let gone = |_| HandshakeError::Gone;
        let socket = inner.get_ref().get().map_err(gone)?;
        match error.code() {
            ErrorCode::WANT_READ => socket.readable().await.map_err(gone)?,
            ErrorCode::WANT_WRITE => socket.writable().await.map_err(gone)?,
            _ => match error.ssl_error() {
                Some(stack) if !stack.errors().is_empty() => return Err(failed(stack.clone())),
                _ => return Err(HandshakeError::Gone),
            },
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_read_ready(cx));
            // OpenSSL may hold more of what the socket gave.
            self.more = true;
            match self.read(into.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.more = false,
                Err(error) => return Poll::Ready(Err(error)),
                Ok(read) => {
                    into.advance(read);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_write_ready(cx));
                }
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.say_goodbye();
        match self.socket_mut() {
            Some(socket) => Pin::new(socket).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
