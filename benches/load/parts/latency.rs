//! PUBACK latency at a fixed rate: an open loop. Each message has its time in a schedule and its
//! latency counts from there, however late it was sent: no coordinated omission.

use crate::latencies::{ms, Latencies};
use crate::machine::sync_times;
use crate::mqtt;
use crate::outcome::on_one_thread;
use crate::payload::{self, Shape};
use crate::platform::Platform;
use crate::settings::Settings;
use crate::table::{median, Row, Table};
use rustix::time::{
    timerfd_create, timerfd_settime, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags,
    Timespec,
};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::unix::pipe::Receiver;
use tokio::net::TcpStream;

/// Messages a second, over all connections.
const RATE: u32 = 5_000;

pub fn measure(settings: &Settings, table: &mut Table) {
    let connections = settings.scaled(100, 10);
    let (platform, devices) = Platform::with_devices(connections);
    let tokens: Vec<String> = devices.into_iter().map(|device| device.token).collect();
    let syncs = settings.scaled(1000, 20);
    // Two thirds longer than other loads: a p99.9 needs messages.
    let length = settings.length * 5 / 3;
    let (mut runs, mut idle_syncs) = (Vec::new(), Vec::new());
    for run in 0..settings.runs {
        idle_syncs.push(sync_times(platform.folder.path(), syncs));
        let first = super::first_message(run);
        runs.push(on_one_thread(drive(platform.mqtt, &tokens, length, first)));
    }
    let middle = |all: &[Latencies], share| {
        let each: Vec<f64> = all.iter().map(|one| ms(one.at(share))).collect();
        median(&each)
    };
    // Once more with a syncing neighbour; its own latencies do not count.
    let busy_syncs = std::thread::scope(|scope| {
        let load = scope.spawn(|| on_one_thread(drive(platform.mqtt, &tokens, length, 1 << 40)));
        let times = sync_times(platform.folder.path(), syncs);
        load.join().expect("the load");
        times
    });
    let p99 = middle(&runs, 0.99);
    let (sync_p50, sync_p99) = (middle(&idle_syncs, 0.5), middle(&idle_syncs, 0.99));
    let ours = format!(
        "p50 {:.2} ms, p99 {p99:.2} ms, p99.9 {:.2} ms",
        middle(&runs, 0.5),
        middle(&runs, 0.999)
    );
    let beside = format!(
        "fdatasync of 4 KiB: p50 {sync_p50:.2}, p99 {sync_p99:.2} ms; under this load p50 {:.2}, p99 {:.2} ms",
        ms(busy_syncs.at(0.5)),
        ms(busy_syncs.at(0.99))
    );
    let figure = format!("PUBACK latency, open loop, {RATE} messages/s, {connections} connections");
    let asked = format!("p99 ≤ {:.2} ms", sync_p99 + 5.0);
    let row = Row::plain(figure, ours).beside(beside);
    table.add(row.asked(asked, p99 <= sync_p99 + 5.0));
}

/// Times at which messages were due, whose acknowledgement is still out.
type Due = Rc<RefCell<VecDeque<Instant>>>;

async fn drive(address: SocketAddr, users: &[String], length: Duration, first: u64) -> Latencies {
    let latencies = Rc::new(RefCell::new(Latencies::default()));
    let measuring = Rc::new(Cell::new(false));
    let mut senders = Vec::new();
    let mut readers = Vec::new();
    for (n, user) in users.iter().enumerate() {
        let stream = mqtt::connect(address, None, user, &format!("load-{n}")).await;
        let stream = Rc::new(stream.expect("connect"));
        let due: Due = Rc::default();
        let reader = read(
            stream.clone(),
            due.clone(),
            latencies.clone(),
            measuring.clone(),
        );
        readers.push(tokio::task::spawn_local(reader));
        senders.push(Sender::new(stream, due, n as u64, first));
    }
    schedule(&mut senders, length / 4).await;
    measuring.set(true);
    schedule(&mut senders, length).await;
    // What is still out belongs to the figure.
    let end = Instant::now() + Duration::from_secs(30);
    while senders.iter_mut().any(|sender| !sender.is_done()) {
        assert!(Instant::now() < end, "acknowledgements are missing");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    readers.iter().for_each(|reader| reader.abort());
    latencies.take()
}

/// Sends one message a tick, round robin, and catches up when it comes too late.
async fn schedule(senders: &mut [Sender], length: Duration) {
    let tick = Duration::from_secs(1) / RATE;
    let timer = ticking(tick);
    let begun = Instant::now();
    let count = (length.as_nanos() / tick.as_nanos()) as u32;
    let mut next = 0;
    while next < count {
        timer.readable().await.expect("the timer");
        let _ = timer.try_read(&mut [0; 8]);
        let now = Instant::now();
        while next < count && begun + tick * next <= now {
            let sender = next as usize % senders.len();
            senders[sender].send(begun + tick * next);
            next += 1;
        }
    }
}

/// The runtime's own timers count milliseconds; this one counts nanoseconds. It is read as a pipe
/// is: eight bytes when a tick has passed.
fn ticking(every: Duration) -> Receiver {
    let timer = timerfd_create(
        TimerfdClockId::Monotonic,
        TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
    );
    let timer = timer.expect("timerfd");
    let every = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(every.subsec_nanos()),
    };
    let times = Itimerspec {
        it_interval: every,
        it_value: every,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times).expect("timerfd");
    Receiver::from_owned_fd_unchecked(timer).expect("a timer in the reactor")
}

struct Sender {
    stream: Rc<TcpStream>,
    due: Due,
    device: u64,
    n: u64,
    packet_id: u16,
    start: u64,
    /// Not taken by the socket yet.
    out: Vec<u8>,
    body: Vec<u8>,
}

impl Sender {
    fn new(stream: Rc<TcpStream>, due: Due, device: u64, n: u64) -> Self {
        Sender {
            stream,
            due,
            device,
            n,
            packet_id: 1,
            start: payload::now(),
            out: Vec::new(),
            body: Vec::new(),
        }
    }

    fn send(&mut self, due: Instant) {
        self.body.clear();
        Shape::Five.write(&mut self.body, self.start, self.device, self.n);
        mqtt::publish(&mut self.out, self.packet_id, &self.body);
        self.due.borrow_mut().push_back(due);
        self.packet_id = mqtt::after(self.packet_id);
        self.n += 1;
        self.push();
    }

    fn push(&mut self) {
        if let Ok(written) = self.stream.try_write(&self.out) {
            self.out.drain(..written);
        }
    }

    fn is_done(&mut self) -> bool {
        self.push();
        self.due.borrow().is_empty()
    }
}

/// Takes acknowledgements, in order, for ever.
async fn read(
    stream: Rc<TcpStream>,
    due: Due,
    latencies: Rc<RefCell<Latencies>>,
    measuring: Rc<Cell<bool>>,
) {
    let (mut partial, mut buffer, mut id) = (Vec::new(), [0; 512], 1);
    loop {
        stream.readable().await.expect("readable");
        let Ok(read) = stream.try_read(&mut buffer) else {
            continue;
        };
        let now = Instant::now();
        assert_ne!(read, 0, "the server closed a connection");
        partial.extend_from_slice(&buffer[..read]);
        let whole = partial.len() / 4 * 4;
        for packet in partial[..whole].chunks_exact(4) {
            assert_eq!(mqtt::puback(packet).expect("a PUBACK"), id);
            id = mqtt::after(id);
            let begun = due.borrow_mut().pop_front().expect("nothing was due");
            if measuring.get() {
                latencies.borrow_mut().add(now - begun, 1);
            }
        }
        partial.drain(..whole);
    }
}
