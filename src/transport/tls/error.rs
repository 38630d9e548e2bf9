//! What can be wrong with a door's files, and with a handshake. No text holds a key.

use openssl::error::ErrorStack;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a context cannot be made: the key of the section to blame, the file, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// `certificate`, `private_key`, `client_ca` or `client_crl`.
    pub key: &'static str,
    pub file: PathBuf,
    pub why: String,
}

impl TlsError {
    pub(super) fn new(key: &'static str, file: &Path, why: impl fmt::Display) -> Self {
        Self {
            key,
            file: file.to_owned(),
            why: why.to_string(),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` = {}: {}", self.key, self.file.display(), self.why)
    }
}

impl std::error::Error for TlsError {}

/// Why a handshake came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// Longer than `handshake_timeout`.
    TooSlow,
    /// The peer went away.
    Gone,
    /// Not TLS, no version or cipher in common, a refused certificate of ours: OpenSSL's word.
    Failed(String),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::TooSlow => f.write_str("the TLS handshake took too long"),
            HandshakeError::Gone => f.write_str("gone during the TLS handshake"),
            HandshakeError::Failed(why) => write!(f, "the TLS handshake failed: {why}"),
        }
    }
}

/// The last and most telling reason of a stack.
pub(super) fn reason(stack: &ErrorStack) -> String {
    let last = stack.errors().last().and_then(|error| error.reason());
    last.unwrap_or("unknown").to_owned()
}
