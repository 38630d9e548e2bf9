//! At rest: memory and start-up time, empty and with 100,000 provisioned devices.

use crate::platform::Platform;
use crate::settings::Settings;
use crate::table::{grouped, median, Row, Table};
use tempfile::TempDir;

pub fn measure(settings: &Settings, table: &mut Table) {
    let empty = Platform::start().stop();
    let (seconds, memory) = starts(settings, empty);
    table.add(memory_row("an empty data directory", memory));
    table.add(Row::plain(
        "start until `ready`, an empty data directory",
        format!("{seconds:.2} s"),
    ));
    // Made once, kept for all runs.
    let (platform, _) = Platform::with_devices(settings.provisioned);
    let (seconds, memory) = starts(settings, platform.stop());
    let devices = grouped(settings.provisioned as f64);
    table.add(memory_row(&format!("{devices} devices"), memory));
    let figure = format!("start until `ready`, {devices} devices");
    let row = Row::plain(figure, format!("{seconds:.2} s"));
    table.add(row.asked("≤ 1 s", seconds <= 1.0));
}

fn memory_row(of: &str, bytes: f64) -> Row {
    let figure = format!("memory at rest (RSS, 5 s after the start), {of}");
    let row = Row::plain(figure, format!("{:.1} MB", bytes / 1e6));
    row.asked("≤ 30 MB", bytes <= 30e6)
}

/// Medians of seconds and resident bytes.
fn starts(settings: &Settings, mut folder: TempDir) -> (f64, f64) {
    let (mut seconds, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..settings.runs {
        let platform = Platform::start_on(folder);
        seconds.push(platform.started_in.as_secs_f64());
        settings.rest(5);
        memory.push(platform.process.memory().resident as f64);
        folder = platform.stop();
    }
    (median(&seconds), median(&memory))
}
