//! DTLS 1.2 for datagram doors (RFC 6347), with the system's OpenSSL (design.md 4).
//!
//! `associations` is the table of who is spoken with: (datagram, now) → effects, with no socket, no
//! task and no clock of its own. `association` is one of them, an OpenSSL connection over `pipe`;
//! `listen` answers unknown peers without remembering them, with the cookies of `cookie`; `context`
//! is what handshakes are made with, `keys` and `shown` what its callbacks ask and tell,
//! `sessions` what resumption needs; `record` looks at a datagram's first record; `security` keeps
//! the context up to date with its files. `foreign` is the one place with `unsafe`.
//!
//! A client's certificate is asked for and not demanded. One that is out of date or revoked ends
//! the handshake with its alert (contract/coap.md 6); whose it is `auth` decides.
//!
//! Knows nothing of: what is said over the associations.

mod aside;
mod association;
mod associations;
pub mod config;
mod context;
mod cookie;
mod effects;
mod foreign;
mod handshake;
mod keys;
mod listen;
mod pipe;
mod record;
mod security;
mod sessions;
#[cfg(test)]
mod tests;

pub use associations::Associations;
pub use config::Config;
pub use effects::{Address, Effects, Failure, Why};
pub use keys::KeysOf;
pub use security::Security;
