//! Overload: far more arrays than the disk takes are always on their way, for ten minutes. Memory
//! must stay in its budget and nothing acknowledged may be missing, also after kill -9.

use super::first_message;
use crate::generator;
use crate::latencies::ms;
use crate::outcome::{Load, Outcome};
use crate::payload::{self, Shape};
use crate::platform::Platform;
use crate::process;
use crate::rest::Device;
use crate::settings::Settings;
use crate::table::{grouped, Row, Table};
use crate::verify::{self, Tally};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SHAPE: Shape = Shape::Array;

struct Bench {
    devices: Vec<Device>,
    tokens: Vec<String>,
    start: u64,
    tally: Tally,
}

pub fn measure(settings: &Settings, table: &mut Table) {
    let connections = settings.scaled(1000, 20);
    let (platform, devices) = Platform::with_devices(connections);
    let mut bench = Bench {
        tokens: devices.iter().map(|device| device.token.clone()).collect(),
        tally: Tally::new(SHAPE, connections),
        start: payload::now(),
        devices,
    };
    // What it takes without a queue, to tell how much too much the rest is.
    let calm = bench.load(&platform, settings.scaled(20, 5), 1, settings.length, 0);
    let window = settings.scaled(50, 10);
    let (over, resident) = watched(&platform, || {
        bench.load(&platform, connections, window, settings.overload, 1)
    });
    rows(settings, table, &calm, &over, (connections * window) as f64);
    memory(settings, table, &platform, &resident);
    after_a_kill(settings, table, platform, bench, window);
}

impl Bench {
    fn load(
        &mut self,
        platform: &Platform,
        connections: usize,
        window: usize,
        length: Duration,
        run: usize,
    ) -> Outcome {
        let load = Load {
            first: first_message(run),
            ..Load::new(connections, window, length, SHAPE)
        };
        let outcome = generator::run(platform.mqtt, &self.tokens, load, self.start);
        self.tally.add(&outcome);
        outcome
    }
}

/// Resident bytes each second while the work goes on.
fn watched<T>(platform: &Platform, work: impl FnOnce() -> T) -> (T, Vec<u64>) {
    let (pid, done) = (platform.process.0.id(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                seen.push(process::memory(pid).resident);
                if seen.len() % 60 == 0 {
                    eprintln!("   {} s: {} MiB", seen.len(), seen[seen.len() - 1] >> 20);
                }
                std::thread::sleep(Duration::from_secs(1));
            }
            seen
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, watching.join().expect("the watch"))
    })
}

fn rows(settings: &Settings, table: &mut Table, calm: &Outcome, over: &Outcome, in_flight: f64) {
    let seconds = settings.overload.as_secs_f64();
    let calm_p50 = calm.latencies.at(0.5).as_secs_f64();
    // What as many clients, each served as fast as in calm, would send.
    let offered = in_flight / calm_p50.max(1e-6);
    let factor = offered / over.messages_a_second().max(1.0);
    let figure = format!(
        "overload for {seconds:.0} s, {} arrays of 100 in flight: points/s durable",
        grouped(in_flight)
    );
    let row = Row::plain(figure, grouped(over.points_a_second()));
    table.add(row.beside(format!("{factor:.0} times what it can take is offered")));
    let figure = "overload: latency of a message, p50, p99, longest";
    let (p50, p99) = (over.latencies.at(0.5), over.latencies.at(0.99));
    let ours = format!(
        "{:.0} ms, {:.0} ms, {:.0} ms",
        ms(p50),
        ms(p99),
        ms(over.latencies.longest())
    );
    let row =
        Row::plain(figure, ours).beside(format!("without overload p50 {:.2} ms", calm_p50 * 1e3));
    table.add(row.asked("rises", p50.as_secs_f64() > calm_p50));
}

fn memory(settings: &Settings, table: &mut Table, platform: &Platform, resident: &[u64]) {
    let peak = platform.process.memory().peak;
    let half = resident.get(resident.len() / 2).copied().unwrap_or(0);
    let last = resident.last().copied().unwrap_or(0);
    let mib = |bytes: u64| format!("{:.0} MiB", bytes as f64 / 1048576.0);
    let row = Row::plain("overload: peak RSS", mib(peak));
    let row = row.beside(format!("half-way {}, at the end {}", mib(half), mib(last)));
    let asked = format!("≤ {} (budget)", mib(settings.budget));
    table.add(row.asked(asked, peak <= settings.budget));
}

/// Everything acknowledged is there: now, and after a kill in the middle of the same load.
fn after_a_kill(
    settings: &Settings,
    table: &mut Table,
    mut platform: Platform,
    mut bench: Bench,
    window: usize,
) {
    let before = verify::every_acknowledged_point(&platform.rest(), &bench.devices, &bench.tally);
    let load = Load {
        first: first_message(2),
        ..Load::new(bench.devices.len(), window, settings.length, SHAPE)
    };
    let process = &mut platform.process;
    let killed = generator::run_and_kill(platform.mqtt, &bench.tokens, load, bench.start, || {
        process.kill()
    });
    bench.tally.add(&killed);
    let platform = Platform::start_on(platform.stopped());
    let after = verify::every_acknowledged_point(&platform.rest(), &bench.devices, &bench.tally);
    let figure = "overload: acknowledged points that are missing, also after kill -9 under load";
    let row = Row::plain(figure, "0").beside(format!(
        "{} counted before the kill, {} after; started again in {:.2} s",
        grouped(before as f64),
        grouped(after as f64),
        platform.started_in.as_secs_f64()
    ));
    table.add(row.asked("0", true));
}
