//! The devices' live streams: a bounded ring for late readers, a bounded channel for live ones.

use crate::model::event::DeviceEvent;
use crate::model::ids::DeviceId;

/// Which rows a listener wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFilter {
    All,
    Device(DeviceId),
}

/// One listener's rows.
pub struct EventStream {}

/// What a listener gets next.
#[derive(Clone, Debug)]
pub enum Heard {
    Row(DeviceEvent),
    /// The listener was too slow: this many rows were skipped.
    Lagged(u64),
}

impl EventStream {
    /// `None` when the registry stopped.
    pub async fn next(&mut self) -> Option<Heard> {
        todo!()
    }
}
