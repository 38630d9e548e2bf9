//! `[mqtt.tls]` and `[http.tls]`: a door's second socket, open when it has a certificate.

use super::context;
use super::error::TlsError;
use crate::model::units::Period;
use serde::Deserialize;
use std::path::PathBuf;

/// See `config.toml` for what each key means; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub bind: String,
    /// Empty: the door stays closed.
    pub certificate: PathBuf,
    pub private_key: PathBuf,
    /// Empty: none.
    pub client_ca: PathBuf,
    /// Empty: none.
    pub client_crl: PathBuf,
    pub handshake_timeout: Period,
    pub max_handshakes: usize,
    pub max_handshakes_per_address: usize,
    pub max_issuers: usize,
    pub ticket_life: Period,
    pub look_every: Period,
    pub expiry_warning: Period,
}

impl Config {
    pub fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    /// Paths that are not absolute begin at what `base` says for their key.
    pub fn rebase(&mut self, base: impl Fn(&str) -> PathBuf) {
        let files = [
            ("certificate", &mut self.certificate),
            ("private_key", &mut self.private_key),
            ("client_ca", &mut self.client_ca),
            ("client_crl", &mut self.client_crl),
        ];
        for (key, file) in files {
            if !file.as_os_str().is_empty() {
                *file = base(key).join(&*file);
            }
        }
    }

    /// Reads the files as the door would; an empty list of them is fine.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn check(&self) -> Result<(), TlsError> {
        match self.is_on() {
            true => context::load(self).map(drop),
            false => self.nothing_without_certificate(),
        }
    }

    /// Somebody who names these files expects the door to be open.
    fn nothing_without_certificate(&self) -> Result<(), TlsError> {
        let files = [
            ("private_key", &self.private_key),
            ("client_ca", &self.client_ca),
            ("client_crl", &self.client_crl),
        ];
        let mut named = files
            .iter()
            .filter(|(_, file)| !file.as_os_str().is_empty());
        match named.next() {
            None => Ok(()),
            Some((key, file)) => Err(TlsError::new(
                key,
                file,
                "means nothing without a certificate",
            )),
        }
    }
}

#[cfg(test)]
impl Config {
    /// For tests of a door that need none.
    pub fn off() -> Self {
        let period = |seconds| Period(std::time::Duration::from_secs(seconds));
        Self {
            bind: String::new(),
            certificate: PathBuf::new(),
            private_key: PathBuf::new(),
            client_ca: PathBuf::new(),
            client_crl: PathBuf::new(),
            handshake_timeout: period(10),
            max_handshakes: 10,
            max_handshakes_per_address: 10,
            max_issuers: 10,
            ticket_life: period(3600),
            look_every: period(5),
            expiry_warning: period(0),
        }
    }
}
