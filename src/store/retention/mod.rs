//! Retention: points go when they are older than their device's profile (or `store.retention`)
//! says, and the oldest of all go when the data directory is above `store.max_size`.
//!
//! The [`Keeper`] decides, with the time given to it, and writes what it decided to the log
//! ([`Change::TelemetryExpire`]): applying the log needs no clock. Each tick looks at some devices
//! only. It also forgets revocations whose tokens have ended anyway.

mod age;
mod cap;
mod door;
#[cfg(test)]
mod tests;

pub use cap::{start_of_shrinking, Cap};
pub use door::{Aged, Doomed, Extent, Limit, Limits, RetentionStore};

use super::batch::{Batch, Change};
use super::config::Config;
use super::error::StoreError;
use super::traits::SharedStore;
use crate::model::ids::DeviceId;
use crate::model::Millis;
use crate::observability::metrics::Cause;
use crate::observability::Metrics;
use futures_util::future::try_join_all;

/// Expiries that are on their way to disk at once: ingest gets its turn between them.
const AT_ONCE: usize = 16;
/// How often revocations are looked through.
const FORGET_EVERY: Millis = 3_600_000;

/// One for each store.
pub struct Keeper {
    store: SharedStore,
    metrics: Metrics,
    /// Milliseconds; 0 = for ever.
    retention: Millis,
    slice: usize,
    /// Where the pass over the devices stands.
    behind: Option<DeviceId>,
    next_pass: Millis,
    next_forget: Millis,
    cap: Cap,
}

impl Keeper {
    pub fn new(store: SharedStore, metrics: Metrics, config: &Config) -> Self {
        Self {
            store,
            metrics,
            retention: config.retention.millis(),
            slice: config.retention_slice,
            behind: None,
            next_pass: Millis::MIN,
            next_forget: Millis::MIN,
            cap: Cap::new(config.max_size.0),
        }
    }

    /// Does what is due at `now` (epoch ms). Gives what the cap took, for the devices' streams.
    /// Errors: those of reads and commits; what was not done comes up again.
    pub async fn tick(&mut self, now: Millis) -> Result<Vec<Doomed>, StoreError> {
        let capped = self.keep_to_size(now).await?;
        self.keep_to_age(now).await?;
        if now >= self.next_forget {
            self.forget_revocations(now).await?;
            self.next_forget = now.saturating_add(FORGET_EVERY);
        }
        Ok(capped)
    }

    /// Looks at the next devices.
    async fn keep_to_age(&mut self, now: Millis) -> Result<(), StoreError> {
        if now < self.next_pass {
            return Ok(());
        }
        let profiles = self.store.profiles().await?;
        let rules = age::rules(&profiles, self.retention, now);
        let Some(pause) = rules.pause else {
            self.behind = None;
            return Ok(());
        };
        let found = self.store.aged(&rules.limits, self.behind, self.slice);
        let found = found.await?;
        self.expire(&found.doomed, Cause::Age).await?;
        self.behind = found.last;
        if found.last.is_none() {
            self.next_pass = now.saturating_add(pause);
        }
        Ok(())
    }

    async fn keep_to_size(&mut self, now: Millis) -> Result<Vec<Doomed>, StoreError> {
        let disk = self.store.disk_use().await?;
        self.metrics.data_bytes(disk);
        if !self.cap.wants_to_know(disk, now) {
            return Ok(Vec::new());
        }
        let live = self.store.block_bytes().await?;
        let Some(keep) = self.cap.keep(disk, live) else {
            return Ok(Vec::new());
        };
        let doomed = self.store.oldest(keep).await?;
        self.expire(&doomed, Cause::Size).await?;
        let sum = doomed.iter().map(|one| one.extent).sum::<Extent>();
        tracing::warn!(
            disk,
            max_size = self.cap.limit(),
            devices = doomed.len(),
            blocks = sum.blocks,
            rows = sum.rows,
            bytes = sum.bytes,
            kept = live.saturating_sub(sum.bytes),
            "the data directory came to store.max_size: the oldest points were dropped"
        );
        Ok(doomed)
    }

    async fn expire(&self, doomed: &[Doomed], cause: Cause) -> Result<(), StoreError> {
        for some in doomed.chunks(AT_ONCE) {
            let commits = some.iter().map(|one| {
                let change = Change::TelemetryExpire {
                    device: one.device,
                    before: one.before,
                };
                self.store
                    .commit(Batch::of_device(one.device, vec![change]))
            });
            try_join_all(commits).await?;
            for Extent {
                blocks,
                rows,
                bytes,
            } in some.iter().map(|one| one.extent)
            {
                self.metrics.expired(cause, blocks, rows, bytes);
            }
        }
        Ok(())
    }

    async fn forget_revocations(&self, now: Millis) -> Result<(), StoreError> {
        let all = self.store.revoked_sessions(Millis::MIN).await?;
        if all.iter().any(|row| row.until < now) {
            let change = Change::RevocationsExpire { before: now };
            self.store.commit(Batch::of_system(vec![change])).await?;
        }
        Ok(())
    }
}
