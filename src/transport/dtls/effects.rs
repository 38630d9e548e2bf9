//! What the table of associations wants done, and its words.

use crate::model::credentials::Presented;
use crate::model::ids::DeviceId;
use crate::model::reject::Rejection;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// Where a peer is, and which of our addresses it speaks to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Address {
    pub remote: SocketAddr,
    pub local: Option<IpAddr>,
}

impl Address {
    /// As limits and logs know it.
    pub fn ip(&self) -> IpAddr {
        self.remote.ip().to_canonical()
    }
}

/// Why an association ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The peer said goodbye (close_notify).
    Goodbye,
    /// A fatal alert of the peer, or a fault in what it sent.
    Failed,
    /// The peer began anew on the same port.
    Replaced,
    /// Nothing was heard for as long as is allowed.
    Idle,
    /// It made room for another; nobody was known there.
    Crowded,
    /// We ended it.
    Ours,
}

/// A handshake that came to nothing.
#[derive(Debug)]
pub struct Failure {
    pub address: Address,
    /// Whose identity was named.
    pub device: Option<DeviceId>,
    pub rejection: Rejection,
    /// The refused certificate: whose it is and why it is refused can be asked.
    pub presented: Option<Presented>,
}

#[derive(Debug, Default)]
pub struct Effects {
    /// Datagrams as they go out.
    pub send: Vec<(Address, Vec<u8>)>,
    /// Messages in the clear, each with its association.
    pub heard: Vec<(Address, u64, Bytes)>,
    pub opened: Vec<(u64, Address)>,
    /// A resumed session goes on under another address: association, from, to.
    pub moved: Vec<(u64, Address, Address)>,
    pub closed: Vec<(u64, Address, Why)>,
    /// Silent for as long as is allowed: `keep` it or `close` it.
    pub silent: Vec<(u64, Address)>,
    pub failed: Vec<Failure>,
}
