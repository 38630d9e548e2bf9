//! CoAP: confirmable posts beside libcoap's example server, and the memory of an observing peer.

use super::first_message;
use crate::coap::{self, Target, GET, POST, PUT};
use crate::outcome::{on_one_thread, Load};
use crate::payload::{self, Shape};
use crate::peers::Libcoap;
use crate::platform::Platform;
use crate::process;
use crate::settings::Settings;
use crate::table::{grouped, median, Row, Table};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const WINDOW: usize = 10;
/// Observers that register at once.
const AT_ONCE: usize = 50;

pub fn measure(settings: &Settings, table: &mut Table) {
    posts(settings, table);
    observers(settings, table);
}

fn telemetry(token: &str) -> Vec<String> {
    below(token, "telemetry")
}

fn below(token: &str, feature: &str) -> Vec<String> {
    ["api", "v1", token, feature].map(String::from).into()
}

fn posts(settings: &Settings, table: &mut Table) {
    let sockets = settings.scaled(50, 4);
    let (platform, devices) = Platform::with_devices(sockets);
    let target = |path, method, address| Target {
        address,
        method,
        path,
    };
    let own: Vec<Target> = devices
        .iter()
        .map(|device| target(telemetry(&device.token), POST, platform.coap))
        .collect();
    let peer = Libcoap::start();
    let start = payload::now();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..settings.runs {
        let load = Load {
            first: first_message(run),
            ..Load::new(sockets, WINDOW, settings.length, Shape::Five)
        };
        ours.push(coap::run(&own, load, start).messages_a_second());
        if let Ok(peer) = &peer {
            let path = vec!["example_data".to_owned()];
            let all = vec![target(path, PUT, peer.address); sockets];
            theirs.push(coap::run(&all, load, start).messages_a_second());
        }
    }
    let figure = format!("CoAP confirmable posts/s, durable, {sockets} sockets, window {WINDOW}");
    let peer = peer.map(|_| median(&theirs));
    let row = ("libcoap coap-server, PUT, stores nothing", peer);
    table.add(Row::over(figure, median(&ours), row, 1.0));
}

fn observers(settings: &Settings, table: &mut Table) {
    let count = settings.scaled(10_000, 20);
    let (platform, devices) = Platform::with_devices(count);
    let tokens: Vec<String> = devices.into_iter().map(|device| device.token).collect();
    // A fresh process: memory freed by earlier work would hide what observers take.
    let platform = Platform::start_on(platform.stop());
    let pid = platform.process.0.id();
    settings.rest(3);
    let before = process::memory(pid).resident as f64;
    let after = on_one_thread(async {
        let sockets = observe(platform.coap, &tokens).await;
        let rest = settings.scaled(10_000, 100) as u64;
        tokio::time::sleep(Duration::from_millis(rest)).await;
        let resident = process::memory(pid).resident as f64;
        drop(sockets);
        resident
    });
    let kilobytes = (after - before) / count as f64 / 1024.0;
    let figure = format!(
        "memory of an observing CoAP peer, {} peers and devices",
        grouped(count as f64)
    );
    let row = Row::plain(figure, format!("{kilobytes:.2} KB"));
    table.add(row.asked("≤ 3 KB", kilobytes <= 3.0));
}

/// A socket a device, each observing its attributes.
async fn observe(address: SocketAddr, tokens: &[String]) -> Vec<tokio::net::UdpSocket> {
    let mut sockets = Vec::with_capacity(tokens.len());
    for some in tokens.chunks(AT_ONCE) {
        let all = some.iter().map(|token| one(address, token));
        sockets.extend(futures_util::future::join_all(all).await);
    }
    sockets
}

async fn one(address: SocketAddr, token: &str) -> tokio::net::UdpSocket {
    let connected = coap::connected(address, Ipv4Addr::LOCALHOST).await;
    let socket = connected.expect("a socket");
    let request = coap::request(GET, 1, true, &below(token, "attributes"), &[]);
    let mut answer = [0; 64];
    loop {
        socket.send(&request).await.expect("send");
        let heard = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut answer)).await;
        // 2.05, after perhaps an empty acknowledgement.
        if heard.is_ok() && answer[1] == 0x45 {
            return socket;
        }
        assert!(answer[1] == 0, "an answer of another code");
    }
}
