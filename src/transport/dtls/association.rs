//! One association: an OpenSSL connection over a pipe, and what is known of its peer.

use super::aside::{self, Aside};
use super::effects::Address;
use super::foreign;
use super::keys::Named;
use super::pipe::Pipe;
use super::security::Security;
use super::sessions::Sessions;
use crate::model::credentials::{CertificateChain, Presented};
use crate::transport::tls::Handshake;
use bytes::Bytes;
use openssl::error::ErrorStack;
use openssl::ssl::{ErrorCode, ShutdownState, Ssl, SslStream};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a datagram of a handshake: what passes every path with IPv6.
const MTU: u32 = 1200;
/// The largest record's content (RFC 6347, section 4.1).
const RECORD: usize = 16 * 1024;

thread_local! {
    static CLEAR: RefCell<Vec<u8>> = RefCell::new(vec![0; RECORD]);
}

pub(super) enum State {
    /// Holds its place among the handshakes that are half done.
    Shaking {
        since: Duration,
        #[allow(dead_code, reason = "freed when it is dropped")]
        place: Handshake,
    },
    Open,
}

pub(super) struct Association {
    pub generation: u32,
    pub address: Address,
    pub stream: SslStream<Pipe>,
    pub state: State,
    /// Of the hello that it began with.
    pub hello: [u8; 8],
    /// By a pre-shared key.
    pub named: Option<Named>,
    /// Of the context that it was made with.
    pub sessions: Arc<Sessions>,
    pub heard: Duration,
    /// When its timer is due.
    pub due: Duration,
}

/// How far a handshake has come.
pub(super) enum Shaken {
    Done,
    Waits,
    Failed(String),
}

/// What came of a datagram.
pub(super) enum Read {
    /// Goes on; so many records were read.
    On(usize),
    Goodbye,
    Failed,
}

pub(super) fn connection(
    context: &openssl::ssl::SslContextRef,
) -> Result<SslStream<Pipe>, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    ssl.set_accept_state();
    ssl.set_mtu(MTU)?;
    SslStream::new(ssl, Pipe::default())
}

impl Association {
    /// Goes on with the handshake, by what the pipe holds.
    pub fn shake(&mut self, now: Duration) -> (Shaken, Aside) {
        let (result, aside) = aside::call(self.address, now, || self.stream.accept());
        if let Some(named) = &aside.named {
            self.named = Some(named.clone());
        }
        let shaken = match result {
            Ok(()) => Shaken::Done,
            Err(error) if error.code() == ErrorCode::WANT_READ => Shaken::Waits,
            Err(error) => Shaken::Failed(why(&error)),
        };
        (shaken, aside)
    }

    /// The change of the cipher has been read: what comes next must be under the peer's key.
    pub fn awaits_proof(&self) -> bool {
        self.stream
            .ssl()
            .state_string_long()
            .contains("read change cipher spec")
    }

    /// Reads a datagram's records, and those that waited.
    pub fn read(&mut self, datagram: Option<&[u8]>, mut take: impl FnMut(Bytes)) -> Read {
        if !foreign::claim(self.stream.ssl()) {
            return Read::On(0);
        }
        if let Some(datagram) = datagram {
            self.stream.get_mut().give(datagram);
        }
        let mut records = 0;
        CLEAR.with_borrow_mut(|clear| loop {
            match self.stream.ssl_read(clear) {
                Ok(length) => {
                    records += 1;
                    take(Bytes::copy_from_slice(clear.get(..length).unwrap_or(&[])));
                }
                Err(error) => match error.code() {
                    ErrorCode::WANT_READ => return Read::On(records),
                    ErrorCode::ZERO_RETURN => return Read::Goodbye,
                    _ => return Read::Failed,
                },
            }
        })
    }

    /// Writes a message as one record. False: the association is of no use any more.
    pub fn write(&mut self, message: &[u8]) -> bool {
        foreign::claim(self.stream.ssl()) && self.stream.ssl_write(message).is_ok()
    }

    /// It ends without a word, and its session may still be resumed: OpenSSL spoils the session of
    /// a connection that is freed without a goodbye.
    pub fn leave_session(&mut self) {
        self.stream.set_shutdown(ShutdownState::SENT);
    }

    /// Tells the peer that nothing more will come.
    pub fn say_goodbye(&mut self) {
        if foreign::claim(self.stream.ssl()) {
            // It ends in any case.
            let _ = self.stream.shutdown();
        }
    }

    /// The datagrams written since the last time. An open association keeps no buffers meanwhile.
    pub fn take_output(&mut self) -> Vec<Vec<u8>> {
        if matches!(self.state, State::Open) {
            foreign::release(self.stream.ssl());
        }
        self.stream.get_mut().take()
    }

    pub fn session_id(&self) -> Option<Vec<u8>> {
        let session = self.stream.ssl().session()?;
        Some(session.id().to_vec()).filter(|id| !id.is_empty())
    }

    /// Nobody has said who it is: neither key nor certificate.
    pub fn is_anonymous(&self) -> bool {
        self.named.is_none() && self.stream.ssl().peer_certificate().is_none()
    }

    /// What the peer has proved.
    pub fn presented(&self, security: &Security) -> Option<Presented> {
        if let Some(named) = &self.named {
            let (_, digest) = named.holder?;
            let identity = named.identity.clone();
            return Some(Presented::PreSharedKey { identity, digest });
        }
        let ssl = self.stream.ssl();
        let own = ssl.peer_certificate()?.to_der().ok()?;
        let mut certificates = vec![own];
        for above in ssl.peer_cert_chain().into_iter().flatten() {
            let der = above.to_der().ok()?;
            if !certificates.contains(&der) {
                certificates.push(der);
            }
        }
        let revoked = security.has_revoked(&certificates);
        Some(Presented::Certificate(CertificateChain {
            certificates,
            revoked,
        }))
    }
}

/// OpenSSL's last and most telling word.
fn why(error: &openssl::ssl::Error) -> String {
    let stack = error.ssl_error();
    let last = stack.and_then(|stack| stack.errors().last()?.reason());
    last.unwrap_or("unknown").to_owned()
}
