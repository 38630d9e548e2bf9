//! The devices' live streams: bounded rings for late readers, a bounded channel for each live one.
//!
//! Rings are kept in shards by device, so that busy devices do not wait for each other.

use super::rows::Rings;
use crate::model::event::DeviceEvent;
use crate::model::ids::DeviceId;
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use tokio::sync::mpsc;

const SHARDS: usize = 16;

/// Which rows a listener wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFilter {
    All,
    Device(DeviceId),
}

impl EventFilter {
    fn wants(self, device: DeviceId) -> bool {
        match self {
            EventFilter::All => true,
            EventFilter::Device(wanted) => wanted == device,
        }
    }
}

/// What a listener gets next.
#[derive(Clone, Debug)]
pub enum Heard {
    Row(DeviceEvent),
    /// The listener was too slow: this many rows were skipped here.
    Lagged(u64),
}

/// One listener's rows. Dropping it ends the subscription.
pub struct EventStream {
    rows: mpsc::Receiver<Heard>,
    listener: Arc<Listener>,
}

impl EventStream {
    /// `None` when the registry stopped.
    pub async fn next(&mut self) -> Option<Heard> {
        if let Ok(heard) = self.rows.try_recv() {
            return Some(heard);
        }
        // The queue is empty: what was skipped since belongs here.
        let skipped = self.listener.skipped.swap(0, Ordering::SeqCst);
        if skipped > 0 {
            return Some(Heard::Lagged(skipped));
        }
        self.rows.recv().await
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.listener.gone.store(true, Ordering::SeqCst);
    }
}

struct Listener {
    filter: EventFilter,
    skipped: AtomicU64,
    gone: AtomicBool,
}

struct Line {
    listener: Arc<Listener>,
    rows: mpsc::Sender<Heard>,
}

impl Line {
    /// Never waits. Called under a lock, so rows keep their order.
    fn tell(&self, event: &DeviceEvent) {
        let skipped = self.listener.skipped.swap(0, Ordering::SeqCst);
        if skipped > 0 && self.rows.try_send(Heard::Lagged(skipped)).is_err() {
            self.listener
                .skipped
                .fetch_add(skipped + 1, Ordering::SeqCst);
            return;
        }
        if self.rows.try_send(Heard::Row(event.clone())).is_err() {
            self.listener.skipped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// All streams of a node.
pub struct EventHub {
    shards: Vec<Mutex<Rings>>,
    lines: RwLock<Vec<Line>>,
    queue: usize,
}

impl EventHub {
    pub fn new(kept_per_device: usize, kept: usize, queue: usize) -> Self {
        let rings = || Mutex::new(Rings::new(kept_per_device, kept.div_ceil(SHARDS)));
        Self {
            shards: (0..SHARDS).map(|_| rings()).collect(),
            lines: RwLock::new(Vec::new()),
            queue: queue.max(1),
        }
    }

    pub fn publish(&self, event: DeviceEvent) {
        let mut rings = self.shard(event.device).lock();
        for line in self.lines.read().iter() {
            if line.listener.filter.wants(event.device) {
                line.tell(&event);
            }
        }
        rings.keep(&event);
    }

    pub fn subscribe(&self, filter: EventFilter) -> EventStream {
        let (sender, rows) = mpsc::channel(self.queue);
        let listener = Arc::new(Listener {
            filter,
            skipped: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        });
        let mut lines = self.lines.write();
        lines.retain(|line| !line.listener.gone.load(Ordering::SeqCst));
        lines.push(Line {
            listener: listener.clone(),
            rows: sender,
        });
        EventStream { rows, listener }
    }

    /// Oldest first, at most the last `limit`.
    pub fn recent(&self, device: DeviceId, limit: usize) -> Vec<DeviceEvent> {
        self.shard(device).lock().recent(device, limit)
    }

    /// Ends all streams.
    pub fn close(&self) {
        self.lines.write().clear();
    }

    fn shard(&self, device: DeviceId) -> &Mutex<Rings> {
        // Any bits will do, as ids are random; a row should not cost a hash.
        let id = device.0.as_u128();
        let at = (id ^ (id >> 64)) as usize % self.shards.len();
        // `at` is below the length by the modulo above.
        &self.shards[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::EventKind;

    fn row(device: DeviceId, n: u32) -> DeviceEvent {
        DeviceEvent {
            device,
            at: i64::from(n),
            transport: None,
            kind: Arc::new(EventKind::TelemetrySaved { points: n }),
        }
    }

    #[test]
    fn rings_are_bounded_for_each_device_and_for_all_together() {
        let hub = EventHub::new(10, 160, 8);
        let devices: Vec<DeviceId> = (0..200).map(|_| DeviceId::new()).collect();
        for n in 0..50 {
            for device in &devices {
                hub.publish(row(*device, n));
            }
        }
        let mut all = 0;
        for device in &devices {
            let kept = hub.recent(*device, 100);
            assert!(kept.len() <= 10);
            all += kept.len();
        }
        assert!(all <= 160, "{all}");
        for shard in &hub.shards {
            assert!(shard.lock().is_bounded());
        }
    }

    #[test]
    fn a_busy_device_keeps_its_newest_rows_in_order() {
        let hub = EventHub::new(5, 1_000, 8);
        let device = DeviceId::new();
        for n in 0..1_000 {
            hub.publish(row(device, n));
        }
        let times: Vec<i64> = hub.recent(device, 3).iter().map(|e| e.at).collect();
        assert_eq!(times, [997, 998, 999]);
    }

    #[actix::test]
    async fn a_slow_listener_hears_how_many_rows_it_missed_and_where() {
        let hub = EventHub::new(10, 1_000, 4);
        let device = DeviceId::new();
        let mut stream = hub.subscribe(EventFilter::Device(device));
        for n in 0..10 {
            hub.publish(row(DeviceId::new(), 99));
            hub.publish(row(device, n));
        }
        let mut rows = Vec::new();
        let mut lagged = 0;
        while rows.len() + lagged < 10 {
            match stream.next().await {
                Some(Heard::Row(event)) => rows.push(event.at),
                Some(Heard::Lagged(n)) => lagged += n as usize,
                None => panic!("the stream ended"),
            }
        }
        assert_eq!((rows, lagged), (vec![0, 1, 2, 3], 6));
        hub.close();
        assert!(stream.next().await.is_none());
    }
}
