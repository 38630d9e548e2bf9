//! Load on running servers, and the store beside SQLite: what the project is measured by, in one
//! table, with peers in the same run.
//!
//! `scripts/bench` builds everything and starts this. The generator stays on one core; every
//! acknowledgement is checked, and where points have times of their own they are counted
//! afterwards. Figures are medians of several runs, and ratios to a peer: machines are noisy,
//! ratios less so. Under `cargo test` everything runs once and small: does it still work?

mod generator;
mod http;
mod latencies;
mod machine;
mod meters;
mod mqtt;
mod outcome;
mod parts;
mod payload;
mod peers;
mod platform;
mod process;
mod rest;
mod settings;
mod table;
mod verify;

use settings::Settings;
use std::time::Instant;
use table::Table;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["peer", "echo", port] => peers::echo::serve(port.parse().expect("a port")),
        ["peer", "empty", port] => peers::empty::serve(port.parse().expect("a port")),
        // Cargo's word for a measurement; without it this is `cargo test`.
        words if words.contains(&"--bench") => bench(&Settings::from_environment()),
        words if words.iter().all(|word| *word == "--nocapture") => smoke(),
        // A filter, a `--list`: those mean other tests.
        _ => {}
    }
}

fn bench(settings: &Settings) {
    let mut table = Table::default();
    run(settings, &mut table);
    println!("{}\n", machine::line());
    table.print();
}

fn run(settings: &Settings, table: &mut Table) {
    for (name, measure) in parts::ALL {
        if settings.wants(name) {
            eprintln!("{name}:");
            let begun = Instant::now();
            measure(settings, table);
            eprintln!("   ({:.0} s)", begun.elapsed().as_secs_f64());
        }
    }
}

/// Most parts once and small; acknowledgements and counts are asserted on the way.
fn smoke() {
    let mut table = Table::default();
    run(&Settings::smoke(), &mut table);
    assert!(table.figures() >= 15, "a part gave no figure");
}
