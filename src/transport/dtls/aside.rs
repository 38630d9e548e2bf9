//! What goes between a call into OpenSSL and the callbacks that it makes: they are given nothing
//! but the connection. Set for the time of one call, on one thread.

use super::effects::Address;
use super::keys::Named;
use std::cell::RefCell;
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(super) struct Aside {
    pub address: Option<Address>,
    pub now: Duration,
    /// Told: the identity that the peer named.
    pub named: Option<Named>,
    /// Told: the certificate that ended the handshake (DER), and whether it is revoked.
    pub refused: Option<(Vec<u8>, bool)>,
}

thread_local! {
    static ASIDE: RefCell<Aside> = RefCell::default();
}

/// Calls into OpenSSL; returns what it returned, and what was told.
pub(super) fn call<T>(address: Address, now: Duration, run: impl FnOnce() -> T) -> (T, Aside) {
    let asked = Aside {
        address: Some(address),
        now,
        ..Aside::default()
    };
    ASIDE.set(asked);
    let result = run();
    (result, ASIDE.take())
}

/// For callbacks.
pub(super) fn ask() -> (Option<Address>, Duration) {
    ASIDE.with_borrow(|aside| (aside.address, aside.now))
}

/// For callbacks.
pub(super) fn tell(change: impl FnOnce(&mut Aside)) {
    ASIDE.with_borrow_mut(change);
}

/// What has been told so far.
pub(super) fn named() -> Option<Named> {
    ASIDE.with_borrow(|aside| aside.named.clone())
}
