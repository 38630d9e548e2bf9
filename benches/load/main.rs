//! Load on running servers: the platform beside its peers, in the same run, with the same generator.
//!
//! `scripts/bench` builds everything and prints the table. The generator stays on one core; every
//! acknowledgement is checked. Figures are medians of several runs, and ratios to a peer: machines
//! are noisy, ratios less so.

mod echo;
mod generator;
mod peers;
mod table;

use generator::Load;
use peers::{Echo, Mosquitto, Peer, Platform};
use std::time::Duration;
use table::Table;

const RUNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, port] = arguments.as_slice() {
        if mode == "echo" {
            return echo::serve(port.parse().expect("a port"));
        }
    }
    let seconds = std::env::var("BENCH_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3);
    let mut table = Table::default();
    for (connections, window) in loads() {
        let load = Load {
            connections,
            window,
            length: Duration::from_secs(seconds),
        };
        measure(&mut table, load);
    }
    table.print();
}

/// Connections and window; `BENCH_LOADS="100x1 1000x1"` measures these instead.
fn loads() -> Vec<(usize, u16)> {
    let Ok(wanted) = std::env::var("BENCH_LOADS") else {
        return vec![(100, 20), (100, 1), (1000, 1)];
    };
    let load = |text: &str| {
        let (connections, window) = text.split_once('x').expect("CONNECTIONSxWINDOW");
        let connections = connections.parse().expect("a number of connections");
        (connections, window.parse().expect("a window"))
    };
    wanted.split_whitespace().map(load).collect()
}

/// One row: the platform, the raw echo and (where installed) mosquitto take turns, run by run.
fn measure(table: &mut Table, load: Load) {
    let mut platform = Platform::start(load.connections);
    // For profiles of the platform alone.
    let alone = std::env::var_os("BENCH_ALONE").is_some();
    let mut echo = (!alone).then(Echo::start);
    let mut mosquitto = (!alone).then(Mosquitto::start).flatten();
    let mut rates: [Vec<f64>; 3] = Default::default();
    for _ in 0..RUNS {
        rates[0].push(run(&mut platform, load));
        if let Some(echo) = &mut echo {
            rates[1].push(run(echo, load));
        }
        if let Some(mosquitto) = &mut mosquitto {
            rates[2].push(run(mosquitto, load));
        }
    }
    let name = format!(
        "MQTT QoS 1, {} connections, window {}",
        load.connections, load.window
    );
    table.row(&name, &rates);
}

/// Messages acknowledged per second, once warmed up.
fn run(peer: &mut impl Peer, load: Load) -> f64 {
    let counted = generator::run(peer.address(), &peer.users(load.connections), load);
    counted.acknowledged as f64 / counted.elapsed.as_secs_f64()
}
