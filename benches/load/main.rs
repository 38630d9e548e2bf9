//! Load on running servers, and the store beside SQLite: what the project is measured by, in one
//! table, with peers in the same run.
//!
//! `scripts/bench` builds everything and starts this. The generator stays on one core; every
//! acknowledgement is checked, and where points have times of their own they are counted
//! afterwards. Figures are medians of several runs, and ratios to a peer: machines are noisy,
//! ratios less so. Under `cargo test` everything runs once and small: does it still work?

mod coap;
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
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use table::{Row, Table};

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

/// A part that fails stands in the table; the others are measured all the same.
fn bench(settings: &Settings) {
    let (mut table, mut failed) = (Table::default(), false);
    for (name, measure) in parts::ALL {
        if settings.wants(name) {
            let measured = AssertUnwindSafe(|| run(name, measure, settings, &mut table));
            if let Err(panic) = std::panic::catch_unwind(measured) {
                failed = true;
                table.add(Row::plain(name, "FAILED").beside(reason(panic.as_ref())));
            }
        }
    }
    println!("{}\n", machine::line());
    table.print();
    std::process::exit(failed.into());
}

fn run(name: &str, measure: parts::Part, settings: &Settings, table: &mut Table) {
    eprintln!("{name}:");
    let begun = Instant::now();
    measure(settings, table);
    eprintln!("   ({:.0} s)", begun.elapsed().as_secs_f64());
}

fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let line = text.unwrap_or("see above").lines().next();
    line.unwrap_or_default().replace('|', "/")
}

/// Most parts once and small; acknowledgements and counts are asserted on the way.
fn smoke() {
    let (settings, mut table) = (Settings::smoke(), Table::default());
    for (name, measure) in parts::ALL {
        if settings.wants(name) {
            run(name, measure, &settings, &mut table);
        }
    }
    assert!(table.figures() >= 15, "a part gave no figure");
}
