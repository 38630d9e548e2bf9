//! The HTTP device API from outside: raw sockets and an ordinary client against a running door
//! with the real registry and a store in memory.

#[path = "../common/mod.rs"]
mod common;

mod endpoints;
mod malformed;
mod memory;
mod polls;
mod raw;
mod sockets;
mod statuses;

use common::{house, wait};
