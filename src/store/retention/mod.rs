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

pub use cap::Cap;
pub use door::{Aged, Doomed, Extent, Limit, Limits, RetentionStore};

use super::batch::{Batch, Change};
use super::config::Config;
use super::error::StoreError;
use super::traits::SharedStore;
use crate::model::ids::DeviceId;
use crate::model::Millis;
use crate::observability::metrics::Cause;
use crate::observability::Metrics;
use futures_util::future::join_all;

/// Expiries that are on their way to disk at once: ingest gets its turn between them.
const AT_ONCE: usize = 16;
/// How often revocations are looked through.
const FORGET_EVERY: Millis = 3_600_000;

/// What came of a tick: both may be there, as one step's failure takes nothing back.
#[derive(Debug, Default)]
pub struct Ticked {
    /// What the cap took, for the devices' streams.
    pub dropped: Vec<Doomed>,
    /// The first error of a read or a commit.
    pub failed: Option<StoreError>,
}

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

    /// Does what is due at `now` (epoch ms). What was not done comes up again.
    pub async fn tick(&mut self, now: Millis) -> Ticked {
        let mut ticked = Ticked::default();
        let done = self.work(now, &mut ticked.dropped).await;
        ticked.failed = done.err();
        ticked
    }

    async fn work(&mut self, now: Millis, dropped: &mut Vec<Doomed>) -> Result<(), StoreError> {
        self.keep_to_size(now, dropped).await?;
        self.keep_to_age(now).await?;
        if now >= self.next_forget {
            self.forget_revocations(now).await?;
            self.next_forget = now.saturating_add(FORGET_EVERY);
        }
        Ok(())
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
        self.expire(&found.doomed, Cause::Age, &mut Vec::new())
            .await?;
        self.behind = found.last;
        if found.last.is_none() {
            self.next_pass = now.saturating_add(pause);
        }
        Ok(())
    }

    async fn keep_to_size(
        &mut self,
        now: Millis,
        dropped: &mut Vec<Doomed>,
    ) -> Result<(), StoreError> {
        let disk = self.store.disk_use().await?;
        self.metrics.data_bytes(disk);
        if !self.cap.wants_to_know(disk, now) {
            return Ok(());
        }
        let live = self.store.block_bytes().await?;
        let Some(keep) = self.cap.keep(disk, live) else {
            return Ok(());
        };
        let doomed = self.store.oldest(keep).await;
        let done = match doomed {
            Ok(doomed) => self.expire(&doomed, Cause::Size, dropped).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            self.cap.not_done();
        }
        if !dropped.is_empty() {
            self.say(disk, live, dropped);
        }
        done
    }

    fn say(&self, disk: u64, live: u64, dropped: &[Doomed]) {
        let sum = dropped.iter().map(|one| one.extent).sum::<Extent>();
        tracing::warn!(
            disk,
            max_size = self.cap.limit(),
            devices = dropped.len(),
            blocks = sum.blocks,
            rows = sum.rows,
            bytes = sum.bytes,
            kept = live.saturating_sub(sum.bytes),
            "the data directory came to store.max_size: the oldest points were dropped"
        );
    }

    /// Adds to `gone` what was committed, also when it fails half-way.
    async fn expire(
        &self,
        doomed: &[Doomed],
        cause: Cause,
        gone: &mut Vec<Doomed>,
    ) -> Result<(), StoreError> {
        for some in doomed.chunks(AT_ONCE) {
            let commits = some.iter().map(|one| {
                let change = Change::TelemetryExpire {
                    device: one.device,
                    before: one.before,
                };
                self.store
                    .commit(Batch::of_device(one.device, vec![change]))
            });
            // One that was refused says nothing about the others: each is waited for.
            let mut failed = None;
            for (one, outcome) in some.iter().zip(join_all(commits).await) {
                if let Err(error) = outcome {
                    failed.get_or_insert(error);
                    continue;
                }
                let extent = one.extent;
                self.metrics
                    .expired(cause, extent.blocks, extent.rows, extent.bytes);
                gone.push(*one);
            }
            failed.map_or(Ok(()), Err)?;
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
