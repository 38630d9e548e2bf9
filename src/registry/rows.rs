//! The last rows of the devices' streams, bounded for each device and for all together. A row is kept
//! as the few bytes that it says: every connected device has one or two.

use crate::model::event::{DeviceEvent, EventKind};
use crate::model::ids::DeviceId;
use crate::model::session::Transport;
use crate::model::Millis;
use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// Bytes of rows that lie in the ring itself: those about a connection.
const INLINE: usize = 36;

/// What is kept of a [`DeviceEvent`], as postcard has it; its device is known where it is found.
#[derive(Serialize, Deserialize)]
struct Row<K> {
    at: Millis,
    transport: Option<Transport>,
    kind: K,
}

/// The last rows of one device, oldest first.
#[derive(Default)]
struct Ring {
    /// Rows behind each other. Those before `start` are gone.
    bytes: SmallVec<[u8; INLINE]>,
    start: u32,
    count: u32,
    /// Places in `Rings::order` that stand for rows which are gone; they come before all others.
    stale: u32,
}

impl Ring {
    fn push(&mut self, event: &DeviceEvent) {
        let row = Row {
            at: event.at,
            transport: event.transport,
            kind: &*event.kind,
        };
        let before = self.bytes.len();
        match postcard::serialize_with_flavor(&row, Appended(&mut self.bytes)) {
            Ok(()) => self.count += 1,
            // Nothing of a row can fail to be written into memory.
            Err(_) => self.bytes.truncate(before),
        }
    }

    fn pop(&mut self) {
        let rest = self.bytes.get(self.start as usize..).unwrap_or_default();
        let Ok((_, behind)) = postcard::take_from_bytes::<Row<EventKind>>(rest) else {
            return self.clear();
        };
        let gone = self.bytes.len() - behind.len();
        self.start = gone as u32;
        self.count = self.count.saturating_sub(1);
        // Moved to the front when that is worth it, so each byte moves once on the average.
        if gone > self.bytes.len() / 2 {
            self.bytes.drain(..gone);
            self.start = 0;
        }
    }

    fn clear(&mut self) {
        (self.bytes, self.start, self.count) = (SmallVec::new(), 0, 0);
    }

    fn rows(&self) -> impl Iterator<Item = Row<EventKind>> + '_ {
        let mut rest = self.bytes.get(self.start as usize..).unwrap_or_default();
        (0..self.count).map_while(move |_| {
            let (row, behind) = postcard::take_from_bytes(rest).ok()?;
            rest = behind;
            Some(row)
        })
    }
}

/// Where postcard writes to.
struct Appended<'a>(&'a mut SmallVec<[u8; INLINE]>);

impl postcard::ser_flavors::Flavor for Appended<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// The rows of the devices of one shard.
pub(super) struct Rings {
    per_device: usize,
    capacity: usize,
    kept: usize,
    /// Boxed: a table has places for twice as many as are in it.
    devices: AHashMap<DeviceId, Box<Ring>>,
    /// Whose rows came, in order; a few of them may be gone already (`Ring::stale`).
    order: VecDeque<DeviceId>,
}

impl Rings {
    pub fn new(per_device: usize, capacity: usize) -> Self {
        Self {
            per_device,
            capacity,
            kept: 0,
            devices: AHashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub fn keep(&mut self, event: &DeviceEvent) {
        if self.per_device == 0 || self.capacity == 0 {
            return;
        }
        self.order.push_back(event.device);
        let ring = self.devices.entry(event.device).or_default();
        ring.push(event);
        if ring.count as usize > self.per_device {
            ring.pop();
            ring.stale += 1;
        } else {
            self.kept += 1;
        }
        while self.kept > self.capacity {
            self.drop_oldest();
        }
        if self.order.len() > 2 * self.capacity {
            self.forget_stale();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(device) = self.order.pop_front() else {
            // Never: each row that is kept has its place in the order.
            self.kept = 0;
            return;
        };
        let Some(ring) = self.devices.get_mut(&device) else {
            return;
        };
        if ring.stale > 0 {
            ring.stale -= 1;
            return;
        }
        ring.pop();
        self.kept -= 1;
        if ring.count == 0 {
            self.devices.remove(&device);
        }
    }

    fn forget_stale(&mut self) {
        let devices = &mut self.devices;
        self.order.retain(|device| {
            let ring = devices.get_mut(device).filter(|ring| ring.stale > 0);
            let Some(ring) = ring else { return true };
            ring.stale -= 1;
            false
        });
    }

    /// Oldest first, at most the last `limit`.
    pub fn recent(&self, device: DeviceId, limit: usize) -> Vec<DeviceEvent> {
        let Some(ring) = self.devices.get(&device) else {
            return Vec::new();
        };
        let skip = (ring.count as usize).saturating_sub(limit);
        let event = |row: Row<EventKind>| DeviceEvent {
            device,
            at: row.at,
            transport: row.transport,
            kind: row.kind.shared(),
        };
        ring.rows().skip(skip).map(event).collect()
    }

    #[cfg(test)]
    pub fn is_bounded(&self) -> bool {
        let held: usize = self.devices.values().map(|ring| ring.count as usize).sum();
        held == self.kept && held <= self.capacity && self.order.len() <= 2 * self.capacity + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reject::Reason;
    use std::sync::Arc;

    fn event(device: DeviceId, at: Millis, kind: EventKind) -> DeviceEvent {
        DeviceEvent {
            device,
            at,
            transport: Some(Transport::Coap),
            kind: Arc::new(kind),
        }
    }

    fn kinds(client_id: &str) -> [EventKind; 3] {
        let reason = Reason::TooSlow;
        [
            EventKind::Connected {
                client_id: client_id.to_owned(),
                resumed: false,
            },
            EventKind::Active,
            EventKind::Refused {
                reason,
                detail: "ö".repeat(200),
            },
        ]
    }

    #[test]
    fn the_rows_about_a_connection_take_no_memory_beside_their_ring() {
        let mut ring = Ring::default();
        for kind in &kinds("coap observer")[..2] {
            ring.push(&event(DeviceId::new(), 1_795_000_000_000, kind.clone()));
        }
        assert!(!ring.bytes.spilled(), "{} bytes", ring.bytes.len());
        assert!(size_of::<Ring>() <= 64, "{} bytes", size_of::<Ring>());
    }

    #[test]
    fn rows_come_back_as_they_were_whatever_went_before_them() {
        let device = DeviceId::new();
        let mut rings = Rings::new(4, 100);
        let mut said = Vec::new();
        for round in 0..20 {
            for kind in kinds(&"client".repeat(round)) {
                let event = event(device, round as Millis - 3, kind);
                rings.keep(&event);
                said.push((event.at, event.transport, event.kind));
            }
            let last = said.len().saturating_sub(4);
            let kept = rings.recent(device, 9).into_iter();
            let kept: Vec<_> = kept.map(|row| (row.at, row.transport, row.kind)).collect();
            assert_eq!(kept, said[last..], "round {round}");
        }
    }

    /// Beside a plain list of all rows, from which the same ones are taken.
    #[test]
    fn the_oldest_rows_of_all_go_first_also_behind_a_device_that_dropped_its_own() {
        let devices: Vec<DeviceId> = (0..5).map(|_| DeviceId::new()).collect();
        let mut rings = Rings::new(3, 8);
        let mut list: Vec<(DeviceId, Millis)> = Vec::new();
        for n in 0..2_000 {
            // The first speaks half of the time.
            let at = (n * 7 + n / 3) % 10;
            let device = devices[if at < 5 { at } else { 0 }];
            rings.keep(&event(device, n as Millis, EventKind::Active));
            list.push((device, n as Millis));
            let own = list.iter().filter(|(known, _)| *known == device).count();
            if own > 3 {
                let first = list.iter().position(|(known, _)| *known == device);
                list.remove(first.unwrap());
            } else if list.len() > 8 {
                list.remove(0);
            }
            for device in &devices {
                let of_it = list.iter().filter(|(known, _)| known == device);
                let wanted: Vec<Millis> = of_it.map(|(_, at)| *at).collect();
                let kept = rings.recent(*device, 9);
                let kept: Vec<Millis> = kept.iter().map(|row| row.at).collect();
                assert_eq!(kept, wanted, "row {n}");
            }
            assert!(rings.is_bounded(), "row {n}");
        }
    }
}
