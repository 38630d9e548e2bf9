//! How many connections there may be, in all and of one address.

use super::Config;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::observability::Metrics;
use crate::transport::places::{self, Full, Places};
use std::net::IpAddr;

/// Counts the open connections of all workers.
#[derive(Clone)]
pub(super) struct Connections {
    places: Places,
    metrics: Metrics,
}

/// A connection's place; gives it back when dropped.
pub(super) struct Place {
    metrics: Metrics,
    _place: places::Place,
}

impl Connections {
    pub fn new(config: &Config, metrics: Metrics) -> Self {
        let most_per_address = config.max_connections_per_address;
        Self {
            places: Places::new(config.max_connections, most_per_address),
            metrics,
        }
    }

    /// # Errors
    /// `TooManyConnections`.
    pub fn admit(&self, peer: IpAddr) -> Result<Place, Rejection> {
        let place = self.places.take(peer).map_err(|full| {
            let what = match full {
                Full::InAll => "too many connections",
                Full::OfAddress => "too many connections from this address",
            };
            Rejection::new(Reason::TooManyConnections, what)
        })?;
        self.metrics.connection_opened(Transport::Http);
        Ok(Place {
            metrics: self.metrics.clone(),
            _place: place,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.connection_closed(Transport::Http);
    }
}
