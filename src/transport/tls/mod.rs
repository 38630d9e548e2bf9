//! TLS 1.2 and 1.3 for the doors, with the system's OpenSSL (design.md 4, "CoAP, DTLS, LwM2M",
//! last paragraph).
//!
//! `context` makes an OpenSSL context of a door's files; `security` is the one in use, replaced
//! when the files change, and `watch` is who looks; `revocation` the lists of certificates that
//! their authorities took back; `issuers` what resumed sessions do not bring along; `handshakes`
//! bounds how many are half done; `stream` is one connection, which may move between threads.
//!
//! A client's certificate is asked for and not demanded, and an unknown authority does not fail the
//! handshake: the handshake proves who holds a key, and `auth` decides whose key that is, with an
//! answer in the protocol's own words (contract/mqtt.md 1 and 2).
//!
//! Knows nothing of: what is said over the connections.

pub mod config;
mod context;
mod error;
mod handshakes;
mod issuers;
mod revocation;
mod security;
mod stream;
mod watch;

pub use config::Config;
pub use context::Loaded;
pub use error::{HandshakeError, TlsError};
pub use handshakes::{Handshake, Handshakes};
pub use revocation::Revocations;
pub use security::Security;
pub use stream::{Away, PeerCertificates, TlsStream};
