//! What a door's handshakes are made with, kept up to date with its files.

use super::config::Config;
use super::context::{self, Context};
use super::keys::{KeysOf, Ring};
use crate::observability::Metrics;
use crate::transport::tls::{self, Loaded, TlsError};
use openssl::error::ErrorStack;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Security {
    config: Config,
    /// `None`: pre-shared keys only.
    files: Option<tls::Security>,
}

impl Security {
    /// Reads the files of a configuration that is on.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn open(door: &'static str, config: Config, metrics: Metrics) -> Result<Self, TlsError> {
        let open = || tls::Security::open(door, config.files(), metrics);
        let files = config.has_certificate().then(open).transpose()?;
        Ok(Self { config, files })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads the files again. What does not fit changes nothing, and is said.
    pub fn reload(&self) {
        if let Some(files) = &self.files {
            files.reload();
        }
    }

    /// Looks after the files until `stop`.
    pub async fn watch(self, stop: CancellationToken) {
        if let Some(files) = self.files {
            files.watch(stop).await;
        }
    }

    fn loaded(&self) -> Option<Arc<Loaded>> {
        self.files.as_ref().map(tls::Security::loaded)
    }

    /// Whether a certificate (DER) of these stands on a revocation list now.
    pub(super) fn has_revoked(&self, certificates: &[Vec<u8>]) -> bool {
        let files = self.files.as_ref();
        files.is_some_and(|files| files.has_revoked(certificates))
    }
}

/// The context in use, and the files that it was made of.
pub(super) struct Current {
    security: Security,
    pub ring: Arc<Ring>,
    secret: Arc<super::cookie::Secret>,
    loaded: Option<Arc<Loaded>>,
    pub context: Context,
}

impl Current {
    pub fn new(security: Security, keys_of: KeysOf) -> Result<Self, ErrorStack> {
        let ring = Arc::new(Ring::new(keys_of));
        let secret = Arc::new(super::cookie::Secret(rand::random()));
        let loaded = security.loaded();
        let config = &security.config;
        let context = context::build(config, &ring, &secret, loaded.clone())?;
        Ok(Self {
            security,
            ring,
            secret,
            loaded,
            context,
        })
    }

    pub fn security(&self) -> &Security {
        &self.security
    }

    /// True: the files have changed, and the context with them.
    pub fn refresh(&mut self) -> bool {
        let loaded = self.security.loaded();
        let same = match (&loaded, &self.loaded) {
            (Some(new), Some(old)) => Arc::ptr_eq(new, old),
            (None, None) => true,
            _ => false,
        };
        if same {
            return false;
        }
        self.loaded.clone_from(&loaded);
        let config = &self.security.config;
        match context::build(config, &self.ring, &self.secret, loaded) {
            Ok(context) => {
                self.context = context;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the DTLS door goes on with the certificate it had");
                false
            }
        }
    }
}
