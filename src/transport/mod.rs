//! Device protocols, each a whole folder that names no other.

pub mod http;
pub mod mqtt;
