//! What a handshake with pre-shared keys asks before anybody is known: the keys of an identity, at
//! once, as OpenSSL's callback cannot wait; and what becomes of handshakes that fail.

use super::supervisor::Registry;
use crate::auth::NotIdentified;
use crate::device::clock;
use crate::model::credentials::SharedKeys;
use crate::model::ids::DeviceId;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use futures_util::FutureExt;
use std::net::IpAddr;

impl Registry {
    /// The keys that a peer of this identity may hold. A refusal is counted, and put into the
    /// stream of the device where one is meant; the peer hears no reason.
    pub fn keys_of(
        &self,
        transport: Transport,
        peer: IpAddr,
        identity: &str,
    ) -> Option<SharedKeys> {
        if let Err(rejection) = self.0.strangers.admit(peer, clock()) {
            self.refuse_stranger(transport, peer, &rejection);
            return None;
        }
        // The store's reads are ready when they are asked for: a few look-ups in its tables.
        let found = self.0.identity.keys_of(identity).now_or_never();
        match found {
            Some(Ok(keys)) => Some(keys),
            Some(Err(NotIdentified { rejection, device })) => {
                self.handshake_failed(transport, peer, device, &rejection);
                None
            }
            None => {
                let what = "the store did not answer within the handshake";
                let rejection = Rejection::new(Reason::Internal, what);
                self.refuse_stranger(transport, peer, &rejection);
                None
            }
        }
    }

    /// A handshake came to nothing; `device`: whose identity was named, if anybody's.
    pub fn handshake_failed(
        &self,
        transport: Transport,
        peer: IpAddr,
        device: Option<DeviceId>,
        rejection: &Rejection,
    ) {
        // Its answer is the handshake's: there is none to be held back.
        let _ = (self.0.strangers).failed(peer, rejection.reason, clock());
        match device {
            Some(device) => self.refuse_device(device, transport, rejection),
            None => self.refuse_stranger(transport, peer, rejection),
        }
    }
}
