//! DTLS between socket and message layer: what the table of associations wants done is done here.

use super::tasks;
use super::worker::{Room, Worker};
use crate::model::credentials::Presented;
use crate::model::session::Transport;
use crate::registry::ConnectRequest;
use crate::transport::coap::session::Peer;
use crate::transport::dtls::{Address, Associations, Effects, Failure, KeysOf};
use ahash::AHashMap;
use bytes::Bytes;
use std::io;
use std::time::Duration;

use super::standing::Standing;

pub(super) struct Secure {
    pub table: Associations,
    pub fx: Effects,
    /// What those with a certificate may say.
    pub standings: AHashMap<u64, Standing>,
    /// Their right has ended: they are closed when what they are answered is out.
    pub ending: Vec<u64>,
}

impl Secure {
    /// `None`: the door is in the clear.
    ///
    /// # Errors
    /// OpenSSL's, of the context.
    pub fn open(room: &Room) -> io::Result<Option<Self>> {
        let Some(security) = room.security.clone() else {
            return Ok(None);
        };
        let registry = room.registry.clone();
        let keys_of: KeysOf =
            Box::new(move |ip, identity| registry.keys_of(Transport::Coap, ip, identity));
        Ok(Some(Self {
            table: Associations::new(security, keys_of).map_err(io::Error::other)?,
            fx: Effects::default(),
            standings: AHashMap::new(),
            ending: Vec::new(),
        }))
    }

    pub fn datagram(&mut self, peer: &Peer, bytes: &[u8], now: Duration) {
        let address = Address {
            remote: peer.address,
            local: peer.local,
        };
        self.table.datagram(address, bytes, now, &mut self.fx);
    }

    pub fn deadline(&self) -> Option<Duration> {
        self.table.deadline()
    }
}

/// `association` 0: datagrams as they are.
pub(super) fn peer(address: Address, association: u64) -> Peer {
    Peer {
        address: address.remote,
        local: address.local,
        association,
    }
}

impl Worker {
    /// What the peer of an association has proved to be; of a stranger: nothing.
    pub(super) fn shown_in(&self, number: u64) -> Presented {
        let secure = self.secure.as_ref();
        let shown = secure.and_then(|secure| secure.table.presented(number));
        shown.unwrap_or(Presented::Token(String::new()))
    }

    /// Messages of the message layer, under DTLS where that is the door's.
    pub(super) fn send_out(&mut self, messages: Vec<(Peer, Bytes)>) {
        let now = self.now();
        let Some(secure) = &mut self.secure else {
            self.output.extend(messages);
            return;
        };
        if messages.is_empty() {
            return;
        }
        for (peer, message) in messages {
            let number = peer.association;
            secure.table.send(number, &message, &mut secure.fx);
        }
        self.secured(now);
    }

    pub(super) fn secure_tick(&mut self, now: Duration) {
        if let Some(secure) = &mut self.secure {
            secure.table.tick(now, &mut secure.fx);
            self.secured(now);
        }
    }

    /// Deals with what the associations want done.
    pub(super) fn secured(&mut self, now: Duration) {
        let Some(secure) = &mut self.secure else {
            return;
        };
        let fx = std::mem::take(&mut secure.fx);
        let datagrams = fx.send.into_iter();
        self.output
            .extend(datagrams.map(|(to, bytes)| (peer(to, 0), Bytes::from(bytes))));
        for (number, from, to) in fx.moved {
            self.endpoint.moved(&peer(from, number), peer(to, number));
        }
        for (number, address) in fx.opened {
            self.introduced(number, address.ip());
        }
        for (address, number, message) in fx.heard {
            let from = peer(address, number);
            self.endpoint.datagram(from, &message, now, &mut self.fx);
        }
        for (number, address, _) in fx.closed {
            self.endpoint.gone(&peer(address, number), &mut self.fx);
            self.forgotten(number);
        }
        for failure in fx.failed {
            self.handshake_failed(failure);
        }
        for (number, address) in fx.silent {
            self.silent(number, address, now);
        }
        if let Some(secure) = &self.secure {
            self.room.metrics.associations(secure.table.len());
        }
    }

    /// Observers are asked by the message layer whether they are there; others may go.
    fn silent(&mut self, number: u64, address: Address, now: Duration) {
        let observes = self.endpoint.observes(&peer(address, number));
        let Some(secure) = &mut self.secure else {
            return;
        };
        match observes {
            true => secure.table.keep(number, now),
            false => {
                secure.table.close(number, false, &mut secure.fx);
                self.secured(now);
            }
        }
    }

    fn handshake_failed(&mut self, failure: Failure) {
        let registry = self.room.registry.clone();
        let peer = failure.address.ip();
        let Some(presented) = failure.presented else {
            let rejection = &failure.rejection;
            return registry.handshake_failed(Transport::Coap, peer, failure.device, rejection);
        };
        // It is refused, counted and told to whom it belongs like one at any other door.
        let request = ConnectRequest {
            presented,
            transport: Transport::Coap,
            peer,
            session: None,
        };
        self.tasks.push(tasks::blame(registry, request));
    }

    /// The peers whose right has ended: what they were answered is out.
    pub(super) fn end_refused(&mut self) {
        let now = self.now();
        let Some(secure) = &mut self.secure else {
            return;
        };
        if secure.ending.is_empty() {
            return;
        }
        for number in std::mem::take(&mut secure.ending) {
            secure.table.close(number, true, &mut secure.fx);
        }
        self.secured(now);
    }

    /// The door closes.
    pub(super) fn say_goodbye(&mut self) {
        let now = self.now();
        if let Some(secure) = &mut self.secure {
            secure.table.close_all(&mut secure.fx);
            self.secured(now);
        }
    }
}
