//! MQTT QoS 1 messages a second: the platform, mosquitto and the raw echo take turns, run by run.

use super::first_message;
use crate::generator;
use crate::outcome::Load;
use crate::payload::{self, Shape};
use crate::peers::{Mosquitto, Own};
use crate::platform::Platform;
use crate::settings::Settings;
use crate::table::{median, Row, Table};
use std::net::SocketAddr;
use std::time::Duration;

/// One demand of the issue.
struct Case {
    connections: usize,
    window: usize,
    shape: Shape,
    over_mosquitto: f64,
    over_echo: f64,
}

pub fn measure(settings: &Settings, table: &mut Table) {
    for case in cases(settings) {
        one(settings, table, &case);
    }
}

/// `BENCH_LOADS="100x1 1000x1"` (connections x window) measures these instead, `100x20x` with
/// messages of changing shape.
fn cases(settings: &Settings) -> Vec<Case> {
    let case = |connections, window, shape, over_mosquitto, over_echo| Case {
        connections,
        window,
        shape,
        over_mosquitto,
        over_echo,
    };
    let many = settings.scaled(1000, 100);
    let all = vec![
        case(settings.scaled(100, 10), 20, Shape::Plain, 4.0, 0.4),
        case(settings.scaled(100, 10), 20, Shape::Five, 4.0, 0.4),
        case(settings.scaled(100, 10), 1, Shape::Plain, 0.9, 0.0),
        case(many, 1, Shape::Plain, 1.0, 0.0),
        case(settings.scaled(100, 10), 20, Shape::Row, 0.0, 0.0),
    ];
    let Ok(wanted) = std::env::var("BENCH_LOADS") else {
        return match settings.quick {
            true => all.into_iter().take(1).collect(),
            false => all,
        };
    };
    let load = |text: &str| {
        let (connections, window) = text.split_once('x').expect("CONNECTIONSxWINDOW");
        let connections = connections.parse().expect("a number of connections");
        let (window, shape) = match window.strip_suffix('x') {
            Some(window) => (window, Shape::Five),
            None => (window, Shape::Plain),
        };
        let window = window.parse().expect("a window");
        case(connections, window, shape, 0.0, 0.0)
    };
    wanted.split_whitespace().map(load).collect()
}

fn one(settings: &Settings, table: &mut Table, case: &Case) {
    let load = Load::new(case.connections, case.window, settings.length, case.shape);
    let (platform, devices) = Platform::with_devices(case.connections);
    let tokens: Vec<String> = devices.into_iter().map(|device| device.token).collect();
    let anybody = vec!["anybody".to_owned(); case.connections];
    let echo = (!settings.alone).then(|| Own::start("echo"));
    let mosquitto = match settings.alone {
        true => Err("BENCH_ALONE".to_owned()),
        false => Mosquitto::start(),
    };
    let start = payload::now();
    let (mut ours, mut echoed, mut brokered) = (Vec::new(), Vec::new(), Vec::new());
    let (mut acknowledged, mut processor) = (0, Duration::ZERO);
    for run in 0..settings.runs {
        let load = Load {
            first: first_message(run),
            ..load
        };
        let rate = |address: SocketAddr, users: &[String]| {
            generator::run(address, users, load, start).messages_a_second()
        };
        let before = platform.process.processor_time();
        let outcome = generator::run(platform.mqtt, &tokens, load, start);
        processor += platform.process.processor_time() - before;
        acknowledged += outcome.all_acknowledged();
        ours.push(outcome.messages_a_second());
        if let Some(echo) = &echo {
            echoed.push(rate(echo.address, &anybody));
        }
        if let Ok(mosquitto) = &mosquitto {
            brokered.push(rate(mosquitto.address, &anybody));
        }
    }
    // Steadier than the rate on a busy machine: for those who compare builds.
    let each = processor.as_secs_f64() * 1e6 / acknowledged.max(1) as f64;
    eprintln!("   server: {each:.2} µs of processor time a message, connecting included");
    let ours = median(&ours);
    let what = match case.shape {
        Shape::Plain => "about 100 bytes, 5 values",
        Shape::Five => "5 values, keys change, two clocks",
        _ => "1, 5 or 20 keys or texts",
    };
    let figure = format!(
        "MQTT QoS 1 messages/s, {} connections, window {}, {what}",
        case.connections, case.window
    );
    let broker = mosquitto.map(|_| median(&brokered));
    let row = Row::over(&figure, ours, ("mosquitto", broker), case.over_mosquitto);
    table.add(row);
    if echo.is_some() {
        let echo = ("raw echo", Ok(median(&echoed)));
        table.add(Row::over(figure, ours, echo, case.over_echo));
    }
}
