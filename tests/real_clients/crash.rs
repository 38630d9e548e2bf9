//! Acknowledged means on disk: publishers of paho's making, and a server that is killed with -9.

use crate::clients::{python, start};
use crate::common::server::Server;
use crate::common::wait_for;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const KILLS: usize = 20;
const DEVICES: usize = 4;

/// A small seeded generator: the moments of the kills differ, a failure can be repeated.
fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed % below
}

#[test]
fn twenty_kills_lose_nothing_that_was_acknowledged() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("port")
        .port();
    let mqtt = format!("127.0.0.1:{port}");
    let environment = [("INDUSTRYOS__MQTT__BIND", mqtt.as_str())];
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut server = Server::start_in(folder, "", &environment);
    let operator = server.operator();
    let devices: Vec<_> = (0..DEVICES)
        .map(|n| operator.create_device(&format!("crash-{n}")))
        .collect();
    let logs = tempfile::tempdir().expect("temporary folder");
    let log = |n: usize| logs.path().join(format!("{n}.acknowledged"));
    let publishers: Vec<_> = devices
        .iter()
        .enumerate()
        .map(|(n, device)| {
            let mut script = python("paho", "paho_until_killed.py");
            script
                .args(["127.0.0.1", &port.to_string(), &device.token])
                .arg(log(n));
            start(&mut script)
        })
        .collect();

    let mut seed = 0x9e37_79b9_7f4a_7c15;
    for kill in 0..KILLS {
        let before = acknowledged(&log(0)).len();
        wait_for("publishing to go on", || {
            (acknowledged(&log(0)).len() > before + 20).then_some(())
        });
        let moment = Instant::now() + Duration::from_millis(draw(&mut seed, 150));
        wait_for("the moment of the kill", || {
            (Instant::now() >= moment).then_some(())
        });
        let folder = server.kill();
        // What was acknowledged by now must be there after the restart.
        let known: Vec<BTreeSet<u64>> = (0..DEVICES).map(|n| acknowledged(&log(n))).collect();
        server = Server::start_in(folder, "", &environment);
        let operator = server.operator();
        for (device, known) in devices.iter().zip(&known) {
            let stored = operator.history(&device.id, "n");
            let stored: BTreeSet<u64> = stored
                .iter()
                .map(|(ts, value)| {
                    let n = (*ts - 1_700_000_000_000) as u64;
                    assert_eq!(value, &json!(n), "a point with another value");
                    n
                })
                .collect();
            let lost: Vec<_> = known.difference(&stored).collect();
            assert!(
                lost.is_empty(),
                "kill {kill}: {} acknowledged points lost: {lost:?}",
                lost.len()
            );
        }
    }
    drop(publishers);
    assert!(acknowledged(&log(0)).len() > KILLS * 20);
}

/// The numbers a publisher has noted, each after its PUBACK. A torn last line does not count.
fn acknowledged(log: &std::path::Path) -> BTreeSet<u64> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect()
}
