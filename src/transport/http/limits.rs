//! How many connections there may be, in all and of one address.

use super::Config;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::observability::Metrics;
use ahash::AHashMap;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;

/// Counts the open connections of all workers.
#[derive(Clone)]
pub(super) struct Connections {
    open: Arc<Mutex<Open>>,
    max: usize,
    max_per_address: usize,
    metrics: Metrics,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_address: AHashMap<IpAddr, usize>,
}

/// A connection's place; gives it back when dropped.
pub(super) struct Place {
    connections: Connections,
    peer: IpAddr,
}

impl Connections {
    pub fn new(config: &Config, metrics: Metrics) -> Self {
        Self {
            open: Arc::default(),
            max: config.max_connections,
            max_per_address: config.max_connections_per_address,
            metrics,
        }
    }

    /// # Errors
    /// `TooManyConnections`.
    pub fn admit(&self, peer: IpAddr) -> Result<Place, Rejection> {
        let full = |what| Err(Rejection::new(Reason::TooManyConnections, what));
        let mut open = self.open.lock();
        if open.total >= self.max {
            return full("too many connections");
        }
        if open.by_address.get(&peer).copied().unwrap_or(0) >= self.max_per_address {
            return full("too many connections from this address");
        }
        *open.by_address.entry(peer).or_default() += 1;
        open.total += 1;
        self.metrics.connection_opened(Transport::Http);
        Ok(Place {
            connections: self.clone(),
            peer,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.total = open.total.saturating_sub(1);
        if let Some(count) = open.by_address.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.peer);
            }
        }
        self.connections.metrics.connection_closed(Transport::Http);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(max: usize, max_per_address: usize) -> Connections {
        Connections {
            open: Arc::default(),
            max,
            max_per_address,
            metrics: Metrics::new(),
        }
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let connections = connections(3, 2);
        let held: Vec<_> = (0..2)
            .map(|_| connections.admit(peer(1)).unwrap())
            .collect();
        assert!(connections.admit(peer(1)).is_err());
        let other = connections.admit(peer(2)).unwrap();
        assert!(connections.admit(peer(3)).is_err(), "three in all");
        drop(other);
        drop(held);
        assert!(connections.open.lock().by_address.is_empty());
        assert_eq!(connections.open.lock().total, 0);
        assert!(connections.admit(peer(1)).is_ok());
    }
}
