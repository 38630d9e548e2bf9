//! Pre-shared keys in a handshake (RFC 4279). Nothing on the wire tells a wrong identity from a
//! wrong key: an unknown identity goes on with a random key, and both end at the same message.

use super::aside;
use super::effects::Address;
use crate::model::credentials::SharedKeys;
use crate::model::ids::DeviceId;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Who knows the keys of an identity; `None`: nobody may come in under it. Called in the middle of
/// a handshake, which waits for it.
pub type KeysOf = Box<dyn Fn(IpAddr, &str) -> Option<SharedKeys> + Send + Sync>;

/// Addresses that are remembered to have failed with the newest of several keys.
const REMEMBERED: usize = 1024;

/// Under which identity a peer comes, and the digest of the key that it must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub identity: String,
    /// `None`: the identity is nobody's.
    pub holder: Option<(DeviceId, [u8; 32])>,
    /// The identity has another key that the peer may hold.
    pub another: bool,
}

pub(super) struct Ring {
    keys_of: KeysOf,
    /// Next time these try the key before the rotation.
    older: Mutex<VecDeque<(IpAddr, String)>>,
}

impl Ring {
    pub fn new(keys_of: KeysOf) -> Self {
        Self {
            keys_of,
            older: Mutex::default(),
        }
    }

    /// OpenSSL's question. The length of the key, 0: none can be given.
    pub fn answer(&self, identity: &[u8], into: &mut [u8]) -> usize {
        let (Some(Address { remote, .. }), _) = aside::ask() else {
            return 0;
        };
        let ip = remote.ip().to_canonical();
        let identity = String::from_utf8_lossy(identity).into_owned();
        let found = (self.keys_of)(ip, &identity);
        let older = self.takes_older(ip, &identity);
        let key = found.as_ref().and_then(|found| {
            let older = found.keys.get(1).filter(|_| older);
            older.or(found.keys.first())
        });
        let named = Named {
            identity,
            holder: key.zip(found.as_ref()).map(|(k, f)| (f.device, k.digest)),
            another: found.as_ref().is_some_and(|found| found.keys.len() > 1) && !older,
        };
        aside::tell(|aside| aside.named = Some(named));
        let random: [u8; 16] = rand::random();
        let bytes = key.map_or(&random[..], |key| &key.bytes);
        match into.get_mut(..bytes.len()) {
            Some(to) => {
                to.copy_from_slice(bytes);
                bytes.len()
            }
            None => 0,
        }
    }

    /// The peer does not hold the key that was tried.
    pub fn failed(&self, ip: IpAddr, named: &Named) {
        if named.another {
            let mut older = self.older.lock();
            if older.len() >= REMEMBERED {
                older.pop_front();
            }
            older.push_back((ip, named.identity.clone()));
        }
    }

    fn takes_older(&self, ip: IpAddr, identity: &str) -> bool {
        let mut older = self.older.lock();
        let at = older.iter().position(|(a, i)| *a == ip && i == identity);
        at.and_then(|at| older.remove(at)).is_some()
    }
}
