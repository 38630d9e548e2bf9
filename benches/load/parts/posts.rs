//! HTTP single-point POSTs on keep-alive connections, beside an actix-web route that answers an
//! empty 200.

use super::first_message;
use crate::http;
use crate::outcome::Load;
use crate::payload::{self, Shape};
use crate::peers::Own;
use crate::platform::Platform;
use crate::settings::Settings;
use crate::table::{median, Row, Table};

pub fn measure(settings: &Settings, table: &mut Table) {
    let connections = settings.scaled(100, 8);
    let (platform, devices) = Platform::with_devices(connections);
    let tokens: Vec<String> = devices.into_iter().map(|device| device.token).collect();
    let empty = Own::start("empty");
    let start = payload::now();
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for run in 0..settings.runs {
        let load = Load {
            first: first_message(run),
            ..Load::new(connections, 1, settings.length, Shape::One)
        };
        let rate = |address| http::run(address, &tokens, load, start).messages_a_second();
        ours.push(rate(platform.http));
        peer.push(rate(empty.address));
    }
    let figure = format!("HTTP single-point POST/s, {connections} keep-alive connections");
    let peer = ("actix-web, empty 200", Ok(median(&peer)));
    table.add(Row::over(figure, median(&ours), peer, 0.6));
}
