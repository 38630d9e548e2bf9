//! What is kept of a device whose resources are observed: one session, one observer of its
//! attributes, one of its RPCs (contract/coap.md 4 and 5), whatever addresses they have.

use super::serve::Job;
use crate::model::downlink::{Downlink, DownlinkBody, DownlinkId};
use crate::model::ids::DeviceId;
use crate::model::scarce::Scarce;
use crate::model::session::Subscriptions;
use crate::registry::{DeviceHandle, DownlinkReceiver};
use crate::transport::coap::mapping::{Format, Resource};
use crate::transport::coap::session::ObservationId;
use ahash::AHashMap;

#[derive(Clone, Copy)]
pub(super) struct Observer {
    pub id: ObservationId,
    pub format: Format,
}

/// A notification whose fate is not known yet.
pub(super) struct Note {
    pub note: u64,
    pub of: ObservationId,
    pub downlink: DownlinkId,
}

/// A downlink that came while an observer's first answer was not out: it must not overtake it.
pub(super) type Held = (Option<Box<Downlink>>, DownlinkReceiver);

pub(super) struct Watch {
    /// Tells this session from an earlier one of the device.
    pub session: u64,
    /// `None` while the session is being opened.
    pub handle: Option<DeviceHandle>,
    /// Observers that wait for the session.
    pub waiting: Scarce<Job>,
    pub attributes: Option<Observer>,
    pub rpc: Option<Observer>,
    /// First answers that are not out.
    pub answering: u32,
    pub held: Option<Held>,
    /// Nobody waits for its next downlink.
    pub line: Option<DownlinkReceiver>,
    pub notes: Scarce<Note>,
    pub next_note: u64,
}

impl Watch {
    pub fn new(session: u64) -> Self {
        Self {
            session,
            handle: None,
            waiting: Scarce::default(),
            attributes: None,
            rpc: None,
            answering: 0,
            held: None,
            line: None,
            notes: Scarce::default(),
            next_note: 0,
        }
    }

    pub fn subscriptions(&self) -> Subscriptions {
        Subscriptions {
            attributes: self.attributes.is_some(),
            rpc: self.rpc.is_some(),
            wire: Vec::new(),
        }
    }

    /// The place of a resource's observer.
    pub fn place(&mut self, resource: Resource) -> &mut Option<Observer> {
        match resource {
            Resource::ServerRpc => &mut self.rpc,
            _ => &mut self.attributes,
        }
    }

    /// Who hears of this.
    pub fn observer_of(&self, body: &DownlinkBody) -> Option<Observer> {
        match body {
            DownlinkBody::AttributesChanged { .. } => self.attributes,
            DownlinkBody::Rpc { .. } => self.rpc,
            DownlinkBody::Close(_) => None,
        }
    }

    /// False: nobody observes any more.
    pub fn forget(&mut self, id: ObservationId) -> bool {
        for place in [&mut self.attributes, &mut self.rpc] {
            if place.is_some_and(|observer| observer.id == id) {
                *place = None;
            }
        }
        self.attributes.is_some() || self.rpc.is_some() || !self.waiting.is_empty()
    }

    pub fn observers(&self) -> impl Iterator<Item = Observer> {
        [self.attributes, self.rpc].into_iter().flatten()
    }
}

#[derive(Default)]
pub(super) struct Watches {
    /// Boxed: a table has places for twice as many as are in it.
    pub all: AHashMap<DeviceId, Box<Watch>>,
    pub by_observation: AHashMap<ObservationId, DeviceId>,
    pub sessions: u64,
}

impl Watches {
    pub fn of(&mut self, id: ObservationId) -> Option<(DeviceId, &mut Watch)> {
        let device = *self.by_observation.get(&id)?;
        Some((device, self.all.get_mut(&device)?.as_mut()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_observed_device_is_small() {
        let size = size_of::<Watch>();
        assert!(size <= 96, "{size} bytes");
    }
}
