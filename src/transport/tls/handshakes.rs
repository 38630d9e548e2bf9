//! How many handshakes may be half done: in all and of one address. A handshake costs a signature
//! and tens of kilobytes before anybody is known.

use super::config::Config;
use crate::transport::places::{Full, Place, Places};
use std::net::IpAddr;

/// Cheap to clone; every clone counts the same.
#[derive(Clone)]
pub struct Handshakes(Places);

/// One of them; dropping it frees its place.
pub struct Handshake(#[allow(dead_code, reason = "held for its end")] Place);

impl Handshakes {
    pub fn new(config: &Config) -> Self {
        let most_per_address = config.max_handshakes_per_address;
        Self(Places::new(config.max_handshakes, most_per_address))
    }

    /// As many of one address as in all: behind a balancer there is only one.
    pub fn in_all(config: &Config) -> Self {
        Self(Places::new(config.max_handshakes, config.max_handshakes))
    }

    /// `Err`: which limit is reached.
    pub fn begin(&self, peer: IpAddr) -> Result<Handshake, &'static str> {
        self.0.take(peer).map(Handshake).map_err(|full| match full {
            Full::InAll => "more TLS handshakes at once than tls.max_handshakes",
            Full::OfAddress => "more TLS handshakes at once than tls.max_handshakes_per_address",
        })
    }
}
