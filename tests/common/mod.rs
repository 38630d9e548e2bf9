//! What integration tests share: a server of their own, with ports and folder of its own:
//! `server` is the real binary, `house` the platform in this process over a store in memory.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

pub mod certificates;
pub mod house;
pub mod operator;
pub mod server;
pub mod wait;

pub use operator::Operator;
pub use server::Server;
pub use wait::{until, wait_for, wait_up_to};
