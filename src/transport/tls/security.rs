//! The context that a door shakes hands with, and how another one takes its place.
//!
//! Connections keep the context that they were made with: a new one ends no session. A context is
//! made anew when the files change, and after `ticket_life`, because its ticket keys go with it.

use super::config::Config;
use super::context::{self, Loaded};
use super::error::TlsError;
use super::issuers::Issuers;
use crate::observability::Metrics;
use openssl::ssl::SslContext;
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Duration;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Security(Arc<Inner>);

struct Inner {
    /// `mqtt` or `http`: for metrics and logs.
    door: &'static str,
    config: Config,
    metrics: Metrics,
    current: RwLock<Arc<Loaded>>,
    issuers: Issuers,
}

impl Security {
    /// Reads the files of a configuration that is on.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn open(door: &'static str, config: Config, metrics: Metrics) -> Result<Self, TlsError> {
        let loaded = context::load(&config)?;
        let security = Self(Arc::new(Inner {
            door,
            metrics,
            current: RwLock::new(Arc::new(loaded)),
            issuers: Issuers::new(config.max_issuers),
            config,
        }));
        security.tell_days_left();
        Ok(security)
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub(super) fn door(&self) -> &'static str {
        self.0.door
    }

    pub(super) fn context(&self) -> SslContext {
        self.0.current.read().context.clone()
    }

    /// What clients have sent beside their own certificates.
    pub(super) fn issuers(&self) -> &Issuers {
        &self.0.issuers
    }

    /// What the files hold: the same until they are read again.
    pub(in crate::transport) fn loaded(&self) -> Arc<Loaded> {
        self.0.current.read().clone()
    }

    /// Whether a certificate (DER) of these stands on a revocation list of the door now.
    pub fn has_revoked(&self, certificates: &[Vec<u8>]) -> bool {
        let current = self.0.current.read().clone();
        current.revocations.hold_any(certificates)
    }

    /// Reads the files again. What does not fit changes nothing, and is said.
    pub fn reload(&self) -> bool {
        let loaded = context::load(&self.0.config);
        self.0
            .metrics
            .certificate_reloaded(self.0.door, loaded.is_ok());
        match loaded {
            Ok(loaded) => {
                *self.0.current.write() = Arc::new(loaded);
                tracing::info!(door = self.0.door, "the door's certificate was read again");
                self.tell_days_left();
                true
            }
            Err(error) => {
                let door = self.0.door;
                tracing::error!(door, %error, "the door goes on with the certificate it had");
                false
            }
        }
    }

    /// New ticket keys; the files need not have changed.
    pub(super) fn renew(&self) {
        if let Ok(loaded) = context::load(&self.0.config) {
            *self.0.current.write() = Arc::new(loaded);
        }
    }

    /// As a metric, and as a warning when it is time to renew.
    pub(super) fn tell_days_left(&self) {
        let door = self.0.door;
        let current = self.0.current.read().clone();
        self.0.metrics.certificate_days(door, current.days_left);
        let left = current.seconds_left();
        if left.is_none_or(|left| left <= self.0.config.expiry_warning.0) {
            let days = current.days_left;
            match left {
                Some(_) => tracing::warn!(door, days, "the door's certificate ends soon"),
                None => tracing::error!(door, days, "the door's certificate has ended"),
            }
        }
    }
}

impl Loaded {
    /// `None`: it has ended.
    fn seconds_left(&self) -> Option<Duration> {
        let left = self
            .days_left
            .saturating_mul(86_400)
            .saturating_add(self.seconds_left);
        u64::try_from(left)
            .ok()
            .filter(|left| *left > 0)
            .map(Duration::from_secs)
    }
}
