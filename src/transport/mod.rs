//! Device protocols, each a whole folder that names no other; `tls`, `dtls` and
//! `proxy` are the rooms that they share.

pub mod coap;
pub mod dtls;
pub mod http;
pub mod mqtt;
pub mod proxy;
pub mod tls;
