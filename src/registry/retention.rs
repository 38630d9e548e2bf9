//! Tells a device's stream what the store dropped of its points.

use super::supervisor::Registry;
use crate::device::clock;
use crate::model::event::{DeviceEvent, EventKind};
use crate::model::ids::DeviceId;
use std::sync::Arc;

impl Registry {
    /// A row that no actor wrote.
    pub fn tell(&self, device: DeviceId, kind: EventKind) {
        self.0.seed.outside.host.publish(DeviceEvent {
            device,
            at: clock(),
            transport: None,
            kind: Arc::new(kind.bounded()),
        });
    }

    /// Milliseconds since 1970, as device actors have it.
    pub fn now(&self) -> crate::model::Millis {
        clock()
    }
}
