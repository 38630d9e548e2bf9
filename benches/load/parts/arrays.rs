//! Durable points a second: arrays of 100 points over MQTT and HTTP, by shape of the rows; after
//! each load every acknowledged point must be in the store.

use super::first_message;
use crate::outcome::{Load, Outcome};
use crate::payload::{self, Kind, Shape};
use crate::platform::Platform;
use crate::rest::Device;
use crate::settings::Settings;
use crate::table::{grouped, median, Row, Table};
use crate::verify::{self, Tally};
use crate::{generator, http};

pub fn measure(settings: &Settings, table: &mut Table) {
    one(settings, table, Shape::Array, true);
    one(settings, table, Shape::Array, false);
    for kind in [Kind::Single, Kind::FiveKeys, Kind::TwentyKeys, Kind::Texts] {
        if !settings.quick {
            one(settings, table, Shape::ArrayOf(kind), true);
        }
    }
}

fn one(settings: &Settings, table: &mut Table, shape: Shape, mqtt: bool) {
    let connections = settings.scaled(100, 8);
    let (platform, devices) = Platform::with_devices(connections);
    let tokens: Vec<String> = devices.iter().map(|device| device.token.clone()).collect();
    let start = payload::now();
    let mut tally = Tally::new(shape, connections);
    let rates: Vec<f64> = (0..settings.runs)
        .map(|run| {
            let window = if mqtt { 5 } else { 1 };
            let load = Load {
                first: first_message(run),
                ..Load::new(connections, window, settings.length, shape)
            };
            let outcome: Outcome = match mqtt {
                true => generator::run(platform.mqtt, &tokens, load, start),
                false => http::run(platform.http, &tokens, load, start),
            };
            tally.add(&outcome);
            outcome.points_a_second()
        })
        .collect();
    let processor = platform.process.processor_time().as_secs_f64();
    let each = processor * 1e6 / tally.points().max(1) as f64;
    eprintln!("   server: {each:.3} µs of processor time a point, its start included");
    let found = check(&platform, &devices, &tally);
    let rate = median(&rates);
    let door = if mqtt { "MQTT, window 5" } else { "HTTP" };
    let what = match shape {
        Shape::ArrayOf(Kind::Single) => "rows of 1 key",
        Shape::ArrayOf(Kind::FiveKeys) => "rows of 5 keys",
        Shape::ArrayOf(Kind::TwentyKeys) => "rows of 20 keys",
        Shape::ArrayOf(Kind::Texts) => "rows of 5 keys, 4 of them texts",
        _ => "rows of all kinds",
    };
    let figure =
        format!("points/s durable, arrays of 100, {door}, {connections} connections, {what}");
    let row = Row::plain(figure, grouped(rate)).beside(found);
    table.add(match shape {
        Shape::Array => row.asked("≥ 1,000,000", rate >= 1e6),
        _ => row,
    });
}

fn check(platform: &Platform, devices: &[Device], tally: &Tally) -> String {
    let found = verify::every_acknowledged_point(&platform.rest(), devices, tally);
    format!("{} points, each found again", grouped(found as f64))
}
