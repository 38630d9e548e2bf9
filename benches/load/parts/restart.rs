//! Start after kill -9 under load: seconds until `ready`, with the journal as full as it gets, and
//! every acknowledged point must be there.

use super::first_message;
use crate::generator;
use crate::machine::disk_usage;
use crate::outcome::Load;
use crate::payload::{self, Shape};
use crate::platform::Platform;
use crate::settings::Settings;
use crate::table::{grouped, median, Row, Table};
use crate::verify::{self, Tally};

pub fn measure(settings: &Settings, table: &mut Table) {
    let connections = settings.scaled(100, 8);
    let shape = Shape::Array;
    let (mut platform, devices) = Platform::with_devices(connections);
    let tokens: Vec<String> = devices.iter().map(|device| device.token.clone()).collect();
    let start = payload::now();
    let mut tally = Tally::new(shape, connections);
    let (mut seconds, mut journals) = (Vec::new(), Vec::new());
    for run in 0..settings.runs {
        let load = Load {
            first: first_message(run),
            ..Load::new(connections, 20, settings.length * 4, shape)
        };
        let process = &mut platform.process;
        let outcome =
            generator::run_and_kill(platform.mqtt, &tokens, load, start, || process.kill());
        tally.add(&outcome);
        let folder = platform.stopped();
        journals.push(disk_usage(&folder.path().join("data/journal")) as f64);
        platform = Platform::start_on(folder);
        seconds.push(platform.started_in.as_secs_f64());
    }
    let found = verify::every_acknowledged_point(&platform.rest(), &devices, &tally);
    let figure = "start after kill -9 under load, seconds to `ready`";
    let row = Row::plain(figure, format!("{:.2} s", median(&seconds))).beside(format!(
        "journal of {:.0} MiB, {:.0} MiB/s with all else of a start; {} points, each acknowledged one found",
        median(&journals) / 1048576.0,
        median(&journals) / 1048576.0 / median(&seconds),
        grouped(found as f64)
    ));
    table.add(row.asked("seconds, not minutes", median(&seconds) < 10.0));
}
