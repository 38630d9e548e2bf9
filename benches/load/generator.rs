//! The MQTT generator: many connections on one thread, each with a full window of unacknowledged
//! QoS 1 publishes. Reads and writes go on side by side, so that a server that stops reading meets
//! a client that still takes its acknowledgements.

use super::mqtt;
use super::outcome::{on_one_thread, Load, Outcome, Sent, Shared};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that are made ready before the socket is asked.
const CHUNK: usize = 64 * 1024;

/// Runs one load against one server; `users` are the user names of the connections, `start` is
/// where time stamps begin.
pub fn run(address: SocketAddr, users: &[String], load: Load, start: u64) -> Outcome {
    on_one_thread(drive(address, users, load, start, || ()))
}

/// The same; `kill` ends the server in the middle of the load, and lost connections are counted.
pub fn run_and_kill(
    address: SocketAddr,
    users: &[String],
    load: Load,
    start: u64,
    kill: impl FnOnce(),
) -> Outcome {
    let may_break = true;
    let load = Load { may_break, ..load };
    on_one_thread(drive(address, users, load, start, kill))
}

async fn drive(
    address: SocketAddr,
    users: &[String],
    load: Load,
    start: u64,
    kill: impl FnOnce(),
) -> Outcome {
    assert!(users.len() >= load.connections, "too few users");
    let shared = Rc::new(Shared::new(load, start));
    // All first: a load on those that are there would keep the others waiting.
    let mut streams = Vec::new();
    for (device, user) in users.iter().take(load.connections).enumerate() {
        let client_id = format!("load-{device}");
        let stream = mqtt::connect(address, None, user, &client_id).await;
        streams.push(stream.expect("connect"));
    }
    let begin = |(device, stream): (usize, TcpStream)| {
        let (device, shared) = (device as u64, shared.clone());
        tokio::task::spawn_local(async move {
            let mut session = Session::new(&shared, device);
            let how = session.converse(&stream).await;
            shared.ended(device, how);
            session.sent
        })
    };
    let tasks: Vec<_> = streams.into_iter().enumerate().map(begin).collect();
    let mut outcome = shared.measure(kill).await;
    for task in tasks {
        outcome.devices.push(task.await.expect("a connection"));
    }
    outcome.lost = shared.lost();
    outcome
}

/// One connection's side of the conversation.
struct Session<'a> {
    shared: &'a Shared,
    device: u64,
    /// Written to the socket up to `written`.
    out: Vec<u8>,
    written: usize,
    body: Vec<u8>,
    /// Packet ids in the order of their acknowledgements, and when they were made ready.
    pending: VecDeque<(u16, Instant)>,
    next_id: u16,
    sent: Sent,
    /// Bytes of a PUBACK that is not whole.
    partial: Vec<u8>,
}

impl<'a> Session<'a> {
    fn new(shared: &'a Shared, device: u64) -> Self {
        Session {
            shared,
            device,
            out: Vec::new(),
            written: 0,
            body: Vec::new(),
            pending: VecDeque::new(),
            next_id: 1,
            sent: Sent::default(),
            partial: Vec::new(),
        }
    }

    /// Keeps the window full until told to stop, then waits for what is still out.
    async fn converse(&mut self, stream: &TcpStream) -> io::Result<()> {
        let mut buffer = [0; 2048];
        loop {
            self.fill();
            self.write(stream)?;
            if self.pending.is_empty() {
                return Ok(());
            }
            let interest = if self.out.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            stream.ready(interest).await?;
            match stream.try_read(&mut buffer) {
                Ok(0) => return Err(io::Error::other("the server closed the connection")),
                Ok(read) => {
                    if read < buffer.len() {
                        nothing_more(stream);
                    }
                    self.read(&buffer[..read])?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn fill(&mut self) {
        let load = &self.shared.load;
        if self.shared.stop.get() || !self.out.is_empty() || self.pending.len() >= load.window {
            return;
        }
        let now = Instant::now();
        while self.pending.len() < load.window && self.out.len() < CHUNK {
            self.body.clear();
            let n = load.first + self.sent.sent;
            let start = self.shared.start;
            load.shape.write(&mut self.body, start, self.device, n);
            mqtt::publish(&mut self.out, self.next_id, &self.body);
            self.pending.push_back((self.next_id, now));
            self.next_id = mqtt::after(self.next_id);
            self.sent.sent += 1;
        }
    }

    fn write(&mut self, stream: &TcpStream) -> io::Result<()> {
        while self.written < self.out.len() {
            match stream.try_write(&self.out[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Each acknowledgement must be the one that is due.
    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.partial.extend_from_slice(bytes);
        let now = Instant::now();
        let whole = self.partial.len() / 4 * 4;
        for packet in self.partial[..whole].chunks_exact(4) {
            let id = mqtt::puback(packet)?;
            match self.pending.pop_front() {
                Some((due, begun)) if due == id => {
                    self.sent.acknowledged += 1;
                    self.shared.acknowledged(self.device, now - begun);
                }
                due => return Err(io::Error::other(format!("PUBACK {id}, due was {due:?}"))),
            }
        }
        self.partial.drain(..whole);
        Ok(())
    }
}

/// After a read that did not fill its buffer the socket is empty: asking it once more would cost each
/// message a system call, of the processors that the measured server needs too.
fn nothing_more(stream: &TcpStream) {
    let empty = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
    let _ = stream.try_io(Interest::READABLE, empty);
}
