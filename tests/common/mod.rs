//! What integration tests share: a server process of their own, with ports and folder of its own.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

pub mod operator;
pub mod server;
pub mod wait;

pub use operator::Operator;
pub use server::Server;
pub use wait::{wait_for, wait_up_to};
