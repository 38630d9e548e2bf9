//! The MQTT door from outside: bytes on a socket against the real binary (contract/mqtt.md).
//!
//! `wire` writes packets by hand, byte by byte, so that nothing of the platform's own codec is
//! trusted here. `common::house` is the platform in this process, for tests that hold the disk back or read the
//! device's stream; `peer` its client.

#[path = "../common/mod.rs"]
mod common;

mod acknowledge;
mod connect;
mod five;
mod habits;
mod limits;
mod malformed;
mod memory;
mod messages;
mod peer;
mod rust_clients;
mod sessions;
mod wire;

use common::house;
