//! What is measured, a part each: `BENCH_ONLY` selects by these names.

mod arrays;
mod coap;
mod dtls;
mod idle;
mod latency;
mod messages;
mod meter;
mod overload;
mod posts;
mod restart;
mod scan;
mod sqlite;
mod start;
mod tls;
mod tls_flood;

use super::settings::Settings;
use super::table::Table;

pub type Part = fn(&Settings, &mut Table);

/// In the order of the table.
pub const ALL: [(&str, Part); 13] = [
    ("messages", messages::measure),
    ("arrays", arrays::measure),
    ("posts", posts::measure),
    ("coap", coap::measure),
    ("dtls", dtls::measure),
    ("latency", latency::measure),
    ("meter", meter::measure),
    ("scan", scan::measure),
    ("idle", idle::measure),
    ("tls", tls::measure),
    ("start", start::measure),
    ("restart", restart::measure),
    ("overload", overload::measure),
];

/// Where the time stamps of run `n` on the same devices begin, in messages: far beyond what a run
/// can send.
fn first_message(run: usize) -> u64 {
    run as u64 * 10_000_000
}
