//! The CoAP generator: confirmable requests on many sockets on one thread, a window of each under
//! way; every answer's code is checked, and what is not answered in time is sent again.

use super::outcome::{on_one_thread, Load, Outcome, Sent, Shared};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::time::timeout;

pub const GET: u8 = 1;
pub const POST: u8 = 2;
pub const PUT: u8 = 3;

/// Nothing heard for this long: what is under way is sent again (ACK_TIMEOUT).
const PATIENCE: Duration = Duration::from_secs(2);

/// Where each socket's messages go.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub method: u8,
    pub path: Vec<String>,
}

/// One datagram: confirmable, its id is its token.
pub fn request(method: u8, id: u16, observe: bool, path: &[String], payload: &[u8]) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut out = vec![0x42, method, high, low, high, low];
    let mut last = 0;
    if observe {
        out.push(0x60);
        last = 6;
    }
    for segment in path {
        option(&mut out, 11 - last, segment.as_bytes());
        last = 11;
    }
    if !payload.is_empty() {
        // Content-Format: JSON.
        option(&mut out, 12 - last, &[50]);
        out.push(0xff);
        out.extend_from_slice(payload);
    }
    out
}

fn option(out: &mut Vec<u8>, delta: u8, value: &[u8]) {
    match value.len() {
        0..=12 => out.push(delta << 4 | value.len() as u8),
        length => out.extend([delta << 4 | 13, (length - 13) as u8]),
    }
    out.extend_from_slice(value);
}

/// One target a socket.
pub fn run(targets: &[Target], load: Load, start: u64) -> Outcome {
    on_one_thread(drive(targets.to_vec(), load, start))
}

async fn drive(targets: Vec<Target>, load: Load, start: u64) -> Outcome {
    let shared = Rc::new(Shared::new(load, start));
    let mut tasks = Vec::new();
    for (device, target) in targets.into_iter().enumerate() {
        let (device, shared) = (device as u64, shared.clone());
        tasks.push(tokio::task::spawn_local(async move {
            let mut sent = Sent::default();
            let how = converse(&shared, &target, device, &mut sent).await;
            shared.ended(device, how);
            sent
        }));
    }
    let mut outcome = shared.measure(|| ()).await;
    for task in tasks {
        outcome.devices.push(task.await.expect("a socket"));
    }
    outcome.lost = shared.lost();
    outcome
}

/// A request under way.
struct Under {
    id: u16,
    begun: Instant,
    datagram: Vec<u8>,
}

async fn converse(
    shared: &Shared,
    target: &Target,
    device: u64,
    sent: &mut Sent,
) -> io::Result<()> {
    let socket = connected(target.address, Ipv4Addr::LOCALHOST).await?;
    let mut under: VecDeque<Under> = VecDeque::new();
    let (mut body, mut buffer) = (Vec::new(), [0; 1500]);
    loop {
        while under.len() < shared.load.window && !shared.stop.get() {
            let n = shared.load.first + sent.sent;
            body.clear();
            shared.load.shape.write(&mut body, shared.start, device, n);
            let id = sent.sent as u16;
            let datagram = request(target.method, id, false, &target.path, &body);
            socket.send(&datagram).await?;
            sent.sent += 1;
            let begun = Instant::now();
            under.push_back(Under {
                id,
                begun,
                datagram,
            });
        }
        if under.is_empty() {
            return Ok(());
        }
        let Ok(length) = timeout(PATIENCE, socket.recv(&mut buffer)).await else {
            for one in &under {
                socket.send(&one.datagram).await?;
            }
            continue;
        };
        let Some(id) = answered(&socket, &buffer[..length?]).await? else {
            continue;
        };
        if let Some(at) = under.iter().position(|one| one.id == id) {
            let done = under.remove(at).expect("it is there");
            sent.acknowledged += 1;
            shared.acknowledged(device, done.begun.elapsed());
        }
    }
}

pub async fn connected(address: SocketAddr, from: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.connect(address).await?;
    Ok(socket)
}

/// The id of the request that a datagram answers with success; an answer that came apart is
/// acknowledged. Errors: any other answer.
async fn answered(socket: &UdpSocket, datagram: &[u8]) -> io::Result<Option<u16>> {
    let [first, code, high, low, rest @ ..] = datagram else {
        return Err(io::Error::other("no CoAP"));
    };
    if *code == 0 {
        return Ok(None);
    }
    if first >> 4 & 3 == 0 {
        socket.send(&[0x60, 0, *high, *low]).await?;
    }
    match (code >> 5, rest) {
        (2, [high, low, ..]) => Ok(Some(u16::from_be_bytes([*high, *low]))),
        _ => Err(io::Error::other(format!("{}.{:02}", code >> 5, code & 31))),
    }
}
