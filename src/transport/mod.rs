//! Device protocols, each a whole folder that names no other; `tls` is the room that they share.

pub mod coap;
pub mod http;
pub mod mqtt;
pub mod tls;
