//! What a load does and what comes back: shared by the MQTT and the HTTP generator.

use super::latencies::Latencies;
use super::payload::Shape;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub connections: usize,
    /// Messages of a connection that wait for their acknowledgement at once (HTTP: 1).
    pub window: usize,
    /// Measured time, after a quarter of it for warming up.
    pub length: Duration,
    pub shape: Shape,
    /// Number of each device's first message: continues where the last run ended.
    pub first: u64,
    /// The server may be killed under us: lost connections are counted, not reported.
    pub may_break: bool,
}

impl Load {
    pub fn new(connections: usize, window: usize, length: Duration, shape: Shape) -> Self {
        Load {
            connections,
            window,
            length,
            shape,
            first: 0,
            may_break: false,
        }
    }
}

/// Of one device, in messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    pub sent: u64,
    pub acknowledged: u64,
}

/// What was acknowledged.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Inside the measured time.
    pub messages: u64,
    pub points: u64,
    pub elapsed: Duration,
    /// From the write to the acknowledgement.
    pub latencies: Latencies,
    /// By connection, warm-up and end included.
    pub devices: Vec<Sent>,
    pub lost: usize,
}

impl Outcome {
    pub fn messages_a_second(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64()
    }

    /// Also during warm-up and end.
    pub fn all_acknowledged(&self) -> u64 {
        self.devices.iter().map(|device| device.acknowledged).sum()
    }

    pub fn points_a_second(&self) -> f64 {
        self.points as f64 / self.elapsed.as_secs_f64()
    }
}

/// What the connections of one generator share; all live on one thread.
pub struct Shared {
    pub load: Load,
    /// Where the time stamps begin.
    pub start: u64,
    pub stop: Cell<bool>,
    messages: Cell<u64>,
    points: Cell<u64>,
    latencies: RefCell<Latencies>,
    lost: Cell<usize>,
}

impl Shared {
    pub fn new(load: Load, start: u64) -> Self {
        Shared {
            load,
            start,
            stop: Cell::new(false),
            messages: Cell::new(0),
            points: Cell::new(0),
            latencies: RefCell::default(),
            lost: Cell::new(0),
        }
    }

    pub fn acknowledged(&self, device: u64, latency: Duration) {
        self.messages.set(self.messages.get() + 1);
        let points = self.load.shape.points(device);
        self.points.set(self.points.get() + points);
        self.latencies.borrow_mut().add(latency, 1);
    }

    /// Errors are faults of the server unless it may be killed.
    pub fn ended(&self, device: u64, how: std::io::Result<()>) {
        if let Err(error) = how {
            assert!(self.load.may_break, "connection {device}: {error}");
            self.lost.set(self.lost.get() + 1);
        }
    }

    /// Lets the connections work: warm-up, measured time, what is to happen then, the word to stop.
    pub async fn measure(&self, then: impl FnOnce()) -> Outcome {
        tokio::time::sleep(self.load.length / 4).await;
        self.latencies.take();
        let (messages, points) = (self.messages.get(), self.points.get());
        let begun = Instant::now();
        tokio::time::sleep(self.load.length).await;
        let outcome = Outcome {
            messages: self.messages.get() - messages,
            points: self.points.get() - points,
            elapsed: begun.elapsed(),
            latencies: self.latencies.take(),
            devices: Vec::new(),
            lost: 0,
        };
        then();
        self.stop.set(true);
        outcome
    }

    pub fn lost(&self) -> usize {
        self.lost.get()
    }
}

/// A runtime on this thread, and tasks that stay on it.
pub fn on_one_thread<T>(work: impl std::future::Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    tokio::task::LocalSet::new().block_on(&runtime, work)
}
