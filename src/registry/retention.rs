//! Lets the store's [`Keeper`] look after old points, and tells the devices' streams what it dropped.

use super::supervisor::{Inner, Registry};
use crate::device::clock;
use crate::model::event::{DeviceEvent, EventKind};
use crate::store::retention::Doomed;
use crate::store::{Keeper, StoreError};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often; `store.retention_slice` devices are looked at each time.
const EVERY: Duration = Duration::from_secs(1);

impl Registry {
    /// Begins on the first arbiter; ends with the registry.
    pub fn keep(&self, keeper: Keeper) {
        let weak = Arc::downgrade(&self.0);
        if let Some(arbiter) = self.arbiters().handle(0) {
            arbiter.spawn(run(weak, keeper));
        }
    }

    fn tell_dropped(&self, dropped: &Doomed) {
        let kind = EventKind::TelemetryDropped {
            before: dropped.before,
            blocks: dropped.extent.blocks,
            rows: dropped.extent.rows,
            bytes: dropped.extent.bytes,
        };
        self.0.seed.outside.host.publish(DeviceEvent {
            device: dropped.device,
            at: clock(),
            transport: None,
            kind: Arc::new(kind),
        });
    }
}

async fn run(registry: Weak<Inner>, mut keeper: Keeper) {
    let mut failing: Option<StoreError> = None;
    loop {
        tokio::time::sleep(EVERY).await;
        match registry.upgrade().map(Registry) {
            Some(registry) if !registry.is_stopping() => {}
            _ => return,
        }
        let done = keeper.tick(clock()).await;
        let Some(registry) = registry.upgrade().map(Registry) else {
            return;
        };
        match done {
            Ok(dropped) => {
                failing = None;
                dropped.iter().for_each(|one| registry.tell_dropped(one));
            }
            // Said once, not each second.
            Err(error) if failing.as_ref() != Some(&error) && !registry.is_stopping() => {
                tracing::warn!(%error, "old points could not be dropped; it is tried again");
                failing = Some(error);
            }
            Err(_) => {}
        }
    }
}
