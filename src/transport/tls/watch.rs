//! Looks whether a door's files have changed, and keeps its ticket keys and its warnings fresh.
//!
//! A changed file is taken one look later, when it has stayed the same meanwhile: certificate and
//! key are two files, and cannot be replaced at once.

use super::config::Config;
use super::security::Security;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tokio_util::sync::CancellationToken;

/// How often the days that are left are told again.
const TELL_EVERY: Duration = Duration::from_secs(24 * 3600);

/// What tells one state of a file from another.
type Stamp = Option<(SystemTime, u64)>;

impl Security {
    /// Runs until `stop`.
    pub async fn watch(self, stop: CancellationToken) {
        let config = self.config().clone();
        let mut taken = stamps(&config);
        let mut seen = taken.clone();
        let (mut renewed, mut told) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(config.look_every.0) => {}
            }
            let now = stamps(&config);
            let settled = now == seen;
            seen = now;
            if settled && seen != taken {
                taken = seen.clone();
                self.reload_aside().await;
                renewed = Instant::now();
            } else if seen == taken && renewed.elapsed() >= config.ticket_life.0 {
                tracing::debug!(door = self.door(), "new session ticket keys");
                self.renew();
                renewed = Instant::now();
            }
            if told.elapsed() >= TELL_EVERY {
                self.tell_days_left();
                told = Instant::now();
            }
        }
    }

    async fn reload_aside(&self) {
        let security = self.clone();
        // It has said what came of it.
        let _ = tokio::task::spawn_blocking(move || security.reload()).await;
    }
}

fn stamps(config: &Config) -> Vec<Stamp> {
    let files = [
        &config.certificate,
        &config.private_key,
        &config.client_ca,
        &config.client_crl,
    ];
    files.into_iter().map(|file| stamp(file)).collect()
}

/// `None`: there is no such file.
fn stamp(file: &Path) -> Stamp {
    let data = fs::metadata(file).ok()?;
    Some((data.modified().ok()?, data.len()))
}
