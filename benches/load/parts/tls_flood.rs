//! What a device's acknowledgements take while strangers shake hands as fast as they can, and while
//! they open connections and say nothing. The strangers share the machine with the platform: a part
//! of what the device waits is for them and not for us.

use super::tls::{join, shake_hands, start};
use crate::latencies::{ms, Latencies};
use crate::mqtt;
use crate::platform::Platform;
use crate::settings::Settings;
use crate::table::{grouped, Row, Table};
use openssl::ssl::SslConnector;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Between two messages of a device.
const PAUSE: Duration = Duration::from_millis(5);
/// Threads that shake hands.
const SHAKING: usize = 3;
/// Connections that one thread holds without a word.
const SILENT: usize = 1_000;

/// Of a device in the clear, and of one over TLS.
type Pair = [Latencies; 2];

pub fn measure(settings: &Settings, table: &mut Table) {
    let (platform, devices) = Platform::with_devices(2);
    let (platform, client) = start(platform.stop());
    let address = platform.mqtts.expect("mqtts");
    let mut plain = TcpStream::connect(platform.mqtt).expect("connect");
    plain.set_nodelay(true).expect("no delay");
    plain = join(plain, &devices[0].token);
    let tls = shake_hands(&client, address).expect("TLS");
    let mut tls = join(tls, &devices[1].token);
    let length = settings.length * 2;
    let mut both = || -> Pair {
        scope(|scope| {
            let other = scope.spawn(|| latencies(&mut plain, length));
            let over_tls = latencies(&mut tls, length);
            [other.join().expect("a device"), over_tls]
        })
    };
    let before = both();
    let (flooded, handshakes) = during(SHAKING, |stop| shake(&client, address, stop), &mut both);
    let (silent, opened) = during(1, |stop| say_nothing(address, stop), &mut both);
    // The door is open again for a device.
    let patience = Instant::now() + Duration::from_secs(60);
    while shake_hands(&client, address).is_none() {
        assert!(Instant::now() < patience, "no device gets in any more");
        sleep(Duration::from_millis(50));
    }
    let row = |figure: String, seen: &Pair| {
        let row = Row::plain(figure, words(&seen[1]));
        row.beside(format!("in the clear: {}", words(&seen[0])))
    };
    let figure = "PUBACK latency over TLS, a message each 5 ms";
    table.add(row(figure.to_owned(), &before));
    let strangers = grouped(handshakes);
    let flood = format!("... while strangers shake hands, {strangers}/s from {SHAKING} threads");
    table.add(row(flood, &flooded));
    let strangers = grouped(opened);
    let flood = format!("... while strangers open connections and say nothing, {strangers}/s");
    table.add(row(flood, &silent));
}

fn words(seen: &Latencies) -> String {
    let at = |share| ms(seen.at(share));
    let longest = ms(seen.longest());
    format!(
        "p50 {:.2} ms, p99 {:.2} ms, longest {longest:.1} ms",
        at(0.5),
        at(0.99)
    )
}

/// What is measured while so many threads are at it, and how often a second they were.
fn during(
    threads: usize,
    strangers: impl Fn(&AtomicBool) -> u64 + Sync,
    measured: impl FnOnce() -> Pair,
) -> (Pair, f64) {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let pair = scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| count.fetch_add(strangers(&stop), Ordering::Relaxed));
        }
        sleep(Duration::from_millis(500));
        let pair = measured();
        stop.store(true, Ordering::Relaxed);
        pair
    });
    let seconds = begun.elapsed().as_secs_f64();
    (pair, count.load(Ordering::Relaxed) as f64 / seconds)
}

fn shake(client: &SslConnector, address: SocketAddr, stop: &AtomicBool) -> u64 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        count += u64::from(shake_hands(client, address).is_some());
    }
    count
}

fn say_nothing(address: SocketAddr, stop: &AtomicBool) -> u64 {
    let (mut held, mut count) = (VecDeque::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        match TcpStream::connect(address) {
            Ok(stream) => {
                held.push_back(stream);
                count += 1;
            }
            Err(_) => sleep(Duration::from_millis(10)),
        }
        if held.len() > SILENT {
            held.pop_front();
        }
    }
    count
}

/// One message after the other, each acknowledged before the next.
fn latencies(stream: &mut (impl Read + Write), length: Duration) -> Latencies {
    let (mut seen, mut id, mut packet) = (Latencies::default(), 1, Vec::new());
    let end = Instant::now() + length;
    while Instant::now() < end {
        packet.clear();
        mqtt::publish(&mut packet, id, br#"{"t":1}"#);
        let begun = Instant::now();
        stream.write_all(&packet).expect("PUBLISH");
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).expect("PUBACK");
        assert_eq!(mqtt::puback(&answer).expect("a PUBACK"), id);
        seen.add(begun.elapsed(), 1);
        id = mqtt::after(id);
        sleep(PAUSE);
    }
    seen
}
