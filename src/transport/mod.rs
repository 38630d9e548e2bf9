//! Device protocols, each a whole folder that names no other; `tls` is the room that they share.

pub mod http;
pub mod mqtt;
pub mod tls;
