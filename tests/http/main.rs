//! The HTTP device API from outside: raw sockets and an ordinary client against a running door
//! with the real registry and a store in memory.

mod endpoints;
mod house;
mod malformed;
mod polls;
mod raw;
mod sockets;
mod statuses;

/// What the tests of several protocols share.
#[path = "../common/wait.rs"]
mod wait;
