//! Handshakes under way: their steps, their ends, and their timers.

use super::aside::Aside;
use super::association::{Association, Shaken, State};
use super::associations::Associations;
use super::effects::{Effects, Failure, Why};
use super::{foreign, record};
use crate::model::credentials::{CertificateChain, Presented};
use crate::model::reject::{Reason, Rejection};
use std::time::Duration;

/// `decrypt_error` (RFC 5246, section 7.2.2): what RFC 4279, section 2 gives for a wrong key, and
/// for an unknown identity where that shall not be told.
const DECRYPT_ERROR: u8 = 51;
/// When no flight is awaited, the timer only looks whether the handshake takes too long.
const LOOK: Duration = Duration::from_secs(1);

impl Associations {
    /// Gives a datagram to a handshake under way.
    pub(super) fn shake(&mut self, slot: u32, datagram: &[u8], now: Duration, fx: &mut Effects) {
        let Some(one) = self.all.get_mut(slot as usize) else {
            return;
        };
        if !datagram.is_empty() {
            one.stream.get_mut().give(datagram);
        }
        let (shaken, aside) = one.shake(now);
        let address = one.address;
        let output = one.take_output();
        fx.send
            .extend(output.into_iter().map(|bytes| (address, bytes)));
        match shaken {
            Shaken::Done => self.opened(slot, now, fx),
            Shaken::Waits => {
                let proves = record::has_sealed(datagram) && one.awaits_proof();
                match proves {
                    true => self.wrong_key(slot, fx),
                    false => self.arm_handshake(slot, now),
                }
            }
            Shaken::Failed(why) => self.failed(slot, &why, aside, fx),
        }
    }

    /// What came under the peer's key could not be read: the peer would wait for long and try again.
    /// Whoever forges its address could end the handshake by this, as by an alert in the clear. An
    /// unknown identity has been counted when it was asked for.
    fn wrong_key(&mut self, slot: u32, fx: &mut Effects) {
        let Some(one) = self.remove(slot) else {
            return;
        };
        fx.send.push((one.address, record::alert(DECRYPT_ERROR)));
        let Some(named) = &one.named else {
            let what = "the end of the handshake could not be read";
            return fail(&one, Reason::HandshakeFailed, what, fx);
        };
        self.current.ring.failed(one.address.ip(), named);
        if let Some((device, _)) = named.holder {
            fx.failed.push(Failure {
                address: one.address,
                device: Some(device),
                rejection: Rejection::new(Reason::PasswordWrong, "wrong pre-shared key"),
                presented: None,
            });
        }
    }

    fn failed(&mut self, slot: u32, why: &str, aside: Aside, fx: &mut Effects) {
        let Some(one) = self.remove(slot) else {
            return;
        };
        let presented = aside.refused.map(|(own, revoked)| {
            Presented::Certificate(CertificateChain {
                certificates: vec![own],
                revoked,
            })
        });
        fx.failed.push(Failure {
            address: one.address,
            device: None,
            rejection: Rejection::new(
                Reason::HandshakeFailed,
                format!("the DTLS handshake failed: {why}"),
            ),
            presented,
        });
    }

    pub(super) fn handshake_due(&mut self, slot: u32, now: Duration, fx: &mut Effects) {
        let limit = self.config.handshake_timeout.0;
        let Some(one) = self.all.get_mut(slot as usize) else {
            return;
        };
        let State::Shaking { since, .. } = one.state else {
            return;
        };
        let late = since + limit <= now;
        let again = !late && foreign::retransmit(&mut one.stream);
        let address = one.address;
        let output = one.take_output();
        fx.send
            .extend(output.into_iter().map(|bytes| (address, bytes)));
        if again {
            return self.arm_handshake(slot, now);
        }
        if let Some(one) = self.remove(slot) {
            let what = "the DTLS handshake took too long";
            fail(&one, Reason::HandshakeFailed, what, fx);
        }
    }

    fn arm_handshake(&mut self, slot: u32, now: Duration) {
        let limit = self.config.handshake_timeout.0;
        let Some(one) = self.all.get(slot as usize) else {
            return;
        };
        let State::Shaking { since, .. } = one.state else {
            return;
        };
        let left = foreign::time_left(one.stream.ssl()).unwrap_or(LOOK);
        // OpenSSL's own clock runs beside ours: a little later is surely due.
        let due = (now + left + Duration::from_millis(1)).min(since + limit);
        self.arm(slot, due);
    }

    /// Hands have been shaken. Whoever spoke at the address before speaks no longer; a resumed
    /// session goes on as the association that it was.
    fn opened(&mut self, slot: u32, now: Duration, fx: &mut Effects) {
        let Some(one) = self.all.get_mut(slot as usize) else {
            return;
        };
        one.state = State::Open;
        one.heard = now;
        let _ = one.take_output();
        let address = one.address;
        let resumed = one.stream.ssl().session_reused();
        let id = one.session_id();
        let sessions = one.sessions.clone();
        let known = id.as_deref().and_then(|id| sessions.known(id));
        let mut before = None;
        if let (true, Some((proof, association))) = (resumed, known) {
            one.named = proof;
            before = self.slot_of(association).filter(|before| *before != slot);
        }
        let slot = match before {
            Some(before) => self.goes_on(slot, before, fx),
            None => slot,
        };
        let place = self.places.entry(address).or_default();
        place.new = None;
        let live = place.live.replace(slot).filter(|live| *live != slot);
        if let Some(live) = live {
            self.end(live, Why::Replaced, fx);
        }
        self.arm(slot, now + self.config.idle_after.0);
        let Some(number) = self.number(slot) else {
            return;
        };
        if let Some(id) = &id {
            sessions.bind(id, number);
        }
        fx.opened.push((number, address));
        // Messages may have come with the last of the handshake, or before it.
        self.read(slot, None, now, fx);
    }

    /// The connection in `slot` takes the place of the one before in its association.
    fn goes_on(&mut self, slot: u32, before: u32, fx: &mut Effects) -> u32 {
        let Some(new) = self.remove(slot) else {
            return before;
        };
        let Some(old) = self.all.get_mut(before as usize) else {
            return before;
        };
        old.leave_session();
        let from = old.address;
        let to = new.address;
        let generation = old.generation;
        let due = old.due;
        *old = Association {
            generation,
            due,
            ..new
        };
        if from != to {
            self.leave(from, before);
            if let Some(number) = self.number(before) {
                fx.moved.push((number, from, to));
            }
        }
        before
    }
}

fn fail(one: &Association, reason: Reason, what: &'static str, fx: &mut Effects) {
    let holder = one.named.as_ref().and_then(|named| named.holder);
    fx.failed.push(Failure {
        address: one.address,
        device: holder.map(|(device, _)| device),
        rejection: Rejection::new(reason, what),
        presented: None,
    });
}
