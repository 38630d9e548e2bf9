//! `[coap.dtls]`: a datagram door's second socket, open when it has a certificate or serves
//! pre-shared keys.

use crate::model::units::Period;
use crate::transport::tls::{self, TlsError};
use serde::Deserialize;
use std::path::PathBuf;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub bind: String,
    pub pre_shared_keys: bool,
    /// Empty: none; then devices come in by pre-shared keys only.
    pub certificate: PathBuf,
    pub private_key: PathBuf,
    /// Empty: none.
    pub client_ca: PathBuf,
    /// Empty: none.
    pub client_crl: PathBuf,
    pub handshake_timeout: Period,
    pub max_handshakes: usize,
    pub max_handshakes_per_address: usize,
    pub max_associations: usize,
    pub idle_after: Period,
    pub sessions: usize,
    pub session_life: Period,
    pub look_every: Period,
    pub expiry_warning: Period,
}

impl Config {
    pub fn is_on(&self) -> bool {
        self.pre_shared_keys || self.has_certificate()
    }

    pub fn has_certificate(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    /// Paths that are not absolute begin at what `base` says for their key.
    pub fn rebase(&mut self, base: impl Fn(&str) -> PathBuf) {
        let mut files = self.files();
        files.rebase(base);
        self.certificate = files.certificate;
        self.private_key = files.private_key;
        self.client_ca = files.client_ca;
        self.client_crl = files.client_crl;
    }

    /// Reads the files as the door would.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn check(&self) -> Result<(), TlsError> {
        self.files().check()
    }

    /// What is the same as at doors with TLS: the files, how they are kept up to date, and how
    /// many handshakes there may be.
    pub(super) fn files(&self) -> tls::Config {
        tls::Config {
            bind: self.bind.clone(),
            certificate: self.certificate.clone(),
            private_key: self.private_key.clone(),
            client_ca: self.client_ca.clone(),
            client_crl: self.client_crl.clone(),
            handshake_timeout: self.handshake_timeout,
            max_handshakes: self.max_handshakes,
            max_handshakes_per_address: self.max_handshakes_per_address,
            // Sessions are kept whole, with what was sent beside the peer's own certificate.
            max_issuers: 1,
            ticket_life: self.session_life,
            look_every: self.look_every,
            expiry_warning: self.expiry_warning,
        }
    }
}
