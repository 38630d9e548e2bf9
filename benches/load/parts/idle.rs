//! Memory of an idle MQTT connection: 20,000 devices connect, each pings once, then they rest.

use crate::machine::descriptors;
use crate::mqtt::{self, PINGREQ, PINGRESP};
use crate::outcome::on_one_thread;
use crate::peers::Mosquitto;
use crate::platform::Platform;
use crate::process;
use crate::settings::Settings;
use crate::table::{grouped, median, Row, Table};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Descriptors that the server keeps for itself and for HTTP.
const SPARE: usize = 400;
/// The HTTP door would take a quarter of all descriptors.
const FEW_HTTP: [(&str, &str); 1] = [("INDUSTRYOS__HTTP__MAX_CONNECTIONS", "64")];
/// Connections from one of our addresses: a bound socket is given every second of 28,232 ports.
const PER_ADDRESS: usize = 10_000;
/// Connections that are opened at once.
const AT_ONCE: usize = 50;

pub fn measure(settings: &Settings, table: &mut Table) {
    // The server lets in a sixteenth more, to refuse those with a code.
    let wanted = settings.idle / 16 * 17 + SPARE;
    let allowed = descriptors(wanted as u64).min(wanted as u64) as usize;
    let count = match allowed < wanted {
        true => settings.idle.min((allowed - SPARE) / 17 * 16),
        false => settings.idle,
    };
    let (platform, devices) = Platform::with_devices(count);
    let tokens: Vec<String> = devices.into_iter().map(|device| device.token).collect();
    let mut folder = platform.stop();
    let mut ours = Vec::new();
    for _ in 0..settings.runs {
        // A fresh process: memory freed by earlier work would hide what connections take.
        let platform = Platform::start_with(folder, &FEW_HTTP);
        let pid = platform.process.0.id();
        ours.push(a_connection(settings, platform.mqtt, pid, &tokens));
        folder = platform.stop();
    }
    let mut beside = Err("not measured".to_owned());
    for _ in 0..settings.runs {
        beside = Mosquitto::start().map(|mosquitto| {
            let pid = mosquitto.process.0.id();
            let bytes = a_connection(settings, mosquitto.address, pid, &tokens);
            let mut all = beside.unwrap_or_else(|_| Vec::new());
            all.push(bytes);
            all
        });
    }
    let figure = format!(
        "memory of an idle MQTT connection, {} connections and devices, 10 s of rest",
        grouped(count as f64)
    );
    let kilobytes = median(&ours) / 1024.0;
    let text = match beside {
        Ok(all) => format!("mosquitto: {:.2} KB", median(&all) / 1024.0),
        Err(why) => format!("mosquitto: - ({why})"),
    };
    let mut row = Row::plain(figure, format!("{kilobytes:.2} KB")).beside(text);
    if count < settings.idle {
        row.figure += &format!(" (of {}: `ulimit -n`)", grouped(settings.idle as f64));
    }
    table.add(row.asked("≤ 3 KB", kilobytes <= 3.0));
}

/// Resident bytes that a connection added to the process.
fn a_connection(settings: &Settings, address: SocketAddr, pid: u32, users: &[String]) -> f64 {
    settings.rest(3);
    let before = process::memory(pid).resident as f64;
    let after = on_one_thread(async {
        let mut connections = open(address, users).await;
        let rest = settings.scaled(10_000, 100) as u64;
        ping(&mut connections, Duration::from_millis(rest)).await;
        process::memory(pid).resident as f64
    });
    (after - before) / users.len() as f64
}

async fn open(address: SocketAddr, users: &[String]) -> Vec<TcpStream> {
    // Addresses of its own for each run: the ports of the runs before are not free for a minute.
    static RUNS: AtomicU8 = AtomicU8::new(1);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let mut connections = Vec::with_capacity(users.len());
    for (round, some) in users.chunks(AT_ONCE).enumerate() {
        let opening = some.iter().enumerate().map(|(n, user)| {
            let n = round * AT_ONCE + n;
            let last = 2 + (n / PER_ADDRESS) as u8;
            let from = IpAddr::from(Ipv4Addr::new(127, 0, run, last));
            async move { mqtt::connect(address, Some(from), user, &format!("idle-{n}")).await }
        });
        for opened in futures_util::future::join_all(opening).await {
            connections.push(opened.expect("connect"));
        }
    }
    connections
}

/// Each connection once, spread over the time.
async fn ping(connections: &mut [TcpStream], over: Duration) {
    let rounds = 50;
    let size = connections.len().div_ceil(rounds).max(1);
    for some in connections.chunks_mut(size) {
        for connection in some {
            connection.write_all(&PINGREQ).await.expect("PINGREQ");
            let mut answer = [0; 2];
            connection.read_exact(&mut answer).await.expect("PINGRESP");
            assert_eq!(answer, PINGRESP);
        }
        tokio::time::sleep(over / rounds as u32).await;
    }
}
