//! The platform tested with what nobody here wrote. `scripts/test` installs the clients and sets
//! `INDUSTRYOS_CLIENTS` to their folder; run it rather than this binary alone.

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod coap;
mod coaps;
mod crash;
mod curl;
mod guide;
mod mosquitto;
mod node;
mod python;
mod readme;
mod tls;
