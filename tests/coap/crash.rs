//! Acknowledged means on disk: devices that post until the server is killed with -9, again and
//! again. What was answered 2.01 is there.

use crate::common::server::Server;
use crate::common::wait_for;
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, ResponseType};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KILLS: usize = 6;
const DEVICES: usize = 3;
const EPOCH: i64 = 1_700_000_000_000;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<BTreeSet<u64>>>);

impl Log {
    fn len(&self) -> usize {
        self.0.lock().expect("log").len()
    }

    fn copy(&self) -> BTreeSet<u64> {
        self.0.lock().expect("log").clone()
    }
}

fn post(token: &str, n: u64) -> Packet {
    let mut packet = Packet::new();
    packet.header.set_type(MessageType::Confirmable);
    packet.header.set_code("0.02");
    packet.header.message_id = n as u16;
    packet.set_token(n.to_be_bytes()[4..].to_vec());
    for segment in ["api", "v1", token, "telemetry"] {
        packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
    }
    let body = json!({"ts": EPOCH + n as i64, "values": {"n": n}});
    packet.payload = body.to_string().into_bytes();
    packet
}

/// Posts numbers and notes each that was answered 2.01; what is not answered soon is sent again.
fn post_until(stop: &AtomicBool, address: &str, token: &str, log: &Log) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("connect");
    let patience = Some(Duration::from_millis(200));
    socket.set_read_timeout(patience).expect("timeout");
    let created = MessageClass::Response(ResponseType::Created);
    let mut bytes = [0; 1500];
    for n in 1.. {
        let packet = post(token, n);
        let datagram = packet.to_bytes().expect("bytes");
        loop {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            // While the server is away this fails now and then.
            let _ = socket.send(&datagram);
            let Ok(length) = socket.recv(&mut bytes) else {
                continue;
            };
            let answer = Packet::from_bytes(&bytes[..length]).expect("a message");
            if answer.header.code == created && answer.get_token() == packet.get_token() {
                break;
            }
        }
        log.0.lock().expect("log").insert(n);
    }
}

#[test]
fn kills_lose_nothing_that_was_answered() {
    let probe = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = probe.local_addr().expect("address").to_string();
    drop(probe);
    let environment = [("INDUSTRYOS__COAP__BIND", address.as_str())];
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut server = Server::start_in(folder, "", &environment);
    let operator = server.operator();
    let stop = Arc::new(AtomicBool::new(false));
    let devices: Vec<_> = (0..DEVICES)
        .map(|n| {
            (
                operator.create_device(&format!("crash-{n}")),
                Log::default(),
            )
        })
        .collect();
    let posting: Vec<_> = devices
        .iter()
        .map(|(device, log)| {
            let (stop, address) = (stop.clone(), address.clone());
            let (token, log) = (device.token.clone(), log.clone());
            std::thread::spawn(move || post_until(&stop, &address, &token, &log))
        })
        .collect();
    for kill in 0..KILLS {
        let before = devices[0].1.len();
        wait_for("posting to go on", || {
            (devices[0].1.len() > before + 20 + kill * 7).then_some(())
        });
        let folder = server.kill();
        let known: Vec<_> = devices.iter().map(|(_, log)| log.copy()).collect();
        server = Server::start_in(folder, "", &environment);
        let operator = server.operator();
        for ((device, _), known) in devices.iter().zip(&known) {
            let stored = operator.history(&device.id, "n");
            let stored: BTreeSet<u64> = stored.iter().map(|(ts, _)| (*ts - EPOCH) as u64).collect();
            let lost: Vec<_> = known.difference(&stored).collect();
            assert!(lost.is_empty(), "kill {kill}: lost {lost:?}");
        }
    }
    stop.store(true, Ordering::SeqCst);
    for thread in posting {
        thread.join().expect("a posting thread");
    }
}
