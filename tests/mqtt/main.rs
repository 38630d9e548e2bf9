//! The MQTT door from outside: bytes on a socket against the real binary (contract/mqtt.md).
//!
//! `wire` writes packets by hand, byte by byte, so that nothing of the platform's own codec is
//! trusted here.

#[path = "../common/mod.rs"]
mod common;

mod acknowledge;
mod connect;
mod five;
mod habits;
mod limits;
mod malformed;
mod wire;
