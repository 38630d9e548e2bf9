//! The load generator: many MQTT 3.1.1 connections on one thread, each with a full window of
//! unacknowledged QoS 1 publishes. Payloads vary in keys, values and length (about 100 bytes).

use std::cell::Cell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub connections: usize,
    pub window: u16,
    pub length: Duration,
}

/// What was acknowledged inside the measured time.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub acknowledged: u64,
    pub elapsed: Duration,
}

/// Runs one load against one server; `users` are the user names of the connections.
pub fn run(address: SocketAddr, users: &[String], load: Load) -> Counted {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, drive(address, users.to_vec(), load))
}

async fn drive(address: SocketAddr, users: Vec<String>, load: Load) -> Counted {
    let acknowledged = Rc::new(Cell::new(0u64));
    let stop = Rc::new(Cell::new(false));
    let mut tasks = Vec::new();
    for (number, user) in users.into_iter().take(load.connections).enumerate() {
        let mut socket = connect(address, &user, number).await;
        let (acknowledged, stop) = (acknowledged.clone(), stop.clone());
        tasks.push(tokio::task::spawn_local(async move {
            converse(&mut socket, number, load.window, &acknowledged, &stop).await;
        }));
    }
    // Warm-up: connections, caches, the server's first files.
    tokio::time::sleep(load.length / 4).await;
    let (begin, before) = (Instant::now(), acknowledged.get());
    tokio::time::sleep(load.length).await;
    let counted = Counted {
        acknowledged: acknowledged.get() - before,
        elapsed: begin.elapsed(),
    };
    stop.set(true);
    for task in tasks {
        task.await.expect("a connection failed");
    }
    counted
}

async fn connect(address: SocketAddr, user: &str, number: usize) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("connect");
    socket.set_nodelay(true).expect("nodelay");
    let client_id = format!("load-{number}");
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0b1000_0010, 0, 60];
    for text in [client_id.as_str(), user] {
        body.extend((text.len() as u16).to_be_bytes());
        body.extend(text.as_bytes());
    }
    let mut packet = vec![0x10, body.len() as u8];
    packet.extend(body);
    socket.write_all(&packet).await.expect("CONNECT");
    let mut connack = [0; 4];
    socket.read_exact(&mut connack).await.expect("CONNACK");
    assert_eq!(connack, [0x20, 2, 0, 0], "refused: {user}");
    socket
}

/// Keeps the window full until told to stop, then waits for what is still out.
async fn converse(
    socket: &mut TcpStream,
    number: usize,
    window: u16,
    acknowledged: &Cell<u64>,
    stop: &Cell<bool>,
) {
    let mut out = Vec::new();
    let mut pending: HashSet<u16> = HashSet::new();
    let mut next = 1u16;
    let mut message = number as u64 * 7919;
    let mut partial = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        out.clear();
        while !stop.get() && pending.len() < usize::from(window) {
            publish(&mut out, next, message);
            pending.insert(next);
            next = if next == u16::MAX { 1 } else { next + 1 };
            message += 1;
        }
        if !out.is_empty() {
            socket.write_all(&out).await.expect("write");
        }
        if pending.is_empty() {
            return;
        }
        let read = socket.read(&mut buffer).await.expect("read");
        assert_ne!(read, 0, "the server closed a connection");
        partial.extend_from_slice(&buffer[..read]);
        let whole = partial.len() / 4 * 4;
        for puback in partial[..whole].chunks_exact(4) {
            assert_eq!(puback[..2], [0x40, 2], "not a PUBACK");
            let id = u16::from_be_bytes([puback[2], puback[3]]);
            assert!(pending.remove(&id), "an acknowledgement nobody waits for");
        }
        acknowledged.set(acknowledged.get() + (whole / 4) as u64);
        partial.drain(..whole);
    }
}

/// Appends one QoS 1 PUBLISH with five values of changing shape.
fn publish(out: &mut Vec<u8>, packet_id: u16, n: u64) {
    let body = match n % 3 {
        0 => format!(
            "{{\"temperature\":{}.{:02},\"humidity\":{},\"running\":{},\"pressure\":{}.5,\"energy\":{}}}",
            20 + n % 10, n % 100, 40 + n % 40, n.is_multiple_of(2), 990 + n % 30, 100_000 + n
        ),
        1 => format!(
            "{{\"ts\":{},\"values\":{{\"flow\":{}.{},\"valve\":\"open\",\"level\":{},\"alarm\":false,\"count\":{}}}}}",
            1_700_000_000_000u64 + n, n % 50, n % 10, n % 1000, n
        ),
        _ => format!(
            "[{{\"voltage\":{}.{}}},{{\"current\":{}.{:03},\"phase\":{},\"state\":\"ok\",\"power\":{}}}]",
            220 + n % 20, n % 10, n % 16, n % 1000, n % 3, 1000 + n % 3000
        ),
    };
    const TOPIC: &[u8] = b"v1/devices/me/telemetry";
    let length = 2 + TOPIC.len() + 2 + body.len();
    out.push(0x32);
    // Always two bytes: lengths here lie between 128 and 16,383.
    out.extend([(length % 128) as u8 | 0x80, (length / 128) as u8]);
    out.extend((TOPIC.len() as u16).to_be_bytes());
    out.extend_from_slice(TOPIC);
    out.extend(packet_id.to_be_bytes());
    out.extend_from_slice(body.as_bytes());
}
