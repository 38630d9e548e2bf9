//! Looks after devices without a live actor: RPCs that expire, devices that fall silent.

use super::supervisor::{Inner, Registry};
use crate::device::activity::{Activity, ACTIVE, KEYS};
use crate::device::clock;
use crate::model::attributes::Scope;
use crate::model::ids::DeviceId;
use crate::model::value::Key;
use crate::store::StoreError;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often; also the granularity of expiry for devices without an actor.
const EVERY: Duration = Duration::from_secs(1);
/// Devices that are woken in one sweep.
const AT_ONCE: usize = 1_000;
/// Devices that the first scan looks at in one go.
const SLICE: usize = 256;

/// Begins on the first arbiter; ends with the registry.
pub fn start(registry: &Registry) {
    let weak = Arc::downgrade(&registry.0);
    if let Some(arbiter) = registry.arbiters().handle(0) {
        arbiter.spawn(sweep(weak));
    }
}

async fn sweep(registry: Weak<Inner>) {
    if let Some(registry) = registry.upgrade().map(Registry) {
        if let Err(error) = find_active(&registry).await {
            tracing::warn!(%error, "could not look for devices that were active before");
        }
    }
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(registry) = registry.upgrade().map(Registry) else {
            return;
        };
        if registry.is_stopping() {
            return;
        }
        sweep_once(&registry).await;
    }
}

async fn sweep_once(registry: &Registry) {
    let now = clock();
    let mut devices = registry.actors().wake(now, AT_ONCE);
    let store = &registry.0.seed.outside.store;
    match store.rpcs_due(now, AT_ONCE).await {
        Ok(due) => devices.extend(due.into_iter().map(|(device, _)| device)),
        Err(error) => tracing::warn!(%error, "could not look for expired RPCs"),
    }
    devices.sort_unstable();
    devices.dedup();
    for device in devices {
        registry.tick(device);
    }
}

/// After a start: devices that were active and may have fallen silent meanwhile.
async fn find_active(registry: &Registry) -> Result<(), StoreError> {
    let store = &registry.0.seed.outside.store;
    // Not device by device: a look at all of them would read the whole store.
    let devices = store.devices_with(Scope::Server, ACTIVE).await?;
    for some in devices.chunks(SLICE) {
        for device in some {
            if registry.is_stopping() {
                return Ok(());
            }
            rest_if_active(registry, *device).await?;
        }
        // Others live on this arbiter, too.
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn rest_if_active(registry: &Registry, device: DeviceId) -> Result<(), StoreError> {
    let seed = &registry.0.seed;
    let keys = KEYS.map(Key::const_new);
    let store = &seed.outside.store;
    let found = store.attributes(device, Scope::Server, Some(&keys)).await?;
    let timeout = seed.rules.inactivity_timeout.millis();
    let mut activity = Activity::new(timeout);
    for attribute in found {
        activity.load(&attribute.key, &attribute.value);
    }
    if let Some(at) = activity.inactive_at() {
        registry.actors().rest(device, at);
    }
    Ok(())
}
