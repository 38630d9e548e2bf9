//! The registry: exactly one live actor per device, and the only door to it.
//!
//! A transport calls [`Registry::connect`] once per session (or per request) and gets a
//! [`DeviceHandle`]; the operator API calls [`Registry::call`]. Neither sees an actor's address.
//! Actors live on arbiters chosen by the device id's stable hash, are re-created from a factory
//! after a panic, and are let go when idle.
//!
//! Knows nothing of: bytes on wires, HTTP, sled.

mod actors;
pub mod config;
mod connect;
pub mod credit;
pub mod door;
pub mod events;
pub mod handle;
mod handshakes;
pub mod identity;
pub mod placement;
mod retention;
mod rows;
pub mod scheduling;
mod strangers;
pub mod supervisor;
mod sweeper;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use credit::{Budget, Credit};
pub use door::{
    downlink_line, CallOutcome, Command, CommandReply, ConnectRequest, Connected, DownlinkReceiver,
    DownlinkSender, OpenSession, Poll, Polled, Registry,
};
pub use events::{EventFilter, EventStream, Heard};
pub use handle::{DeviceHandle, SessionEnd, Ticket};
