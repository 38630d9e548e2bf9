//! Device protocols, each a whole folder that names no other; `tls`, `dtls`, `proxy` and `places`
//! are what they share.

pub mod coap;
pub mod dtls;
pub mod http;
pub mod mqtt;
pub mod places;
pub mod proxy;
pub mod tls;
