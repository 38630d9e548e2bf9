//! Hellos: answered with a cookie and forgotten, or, with a good cookie, the beginning of an
//! association (RFC 6347, section 4.2.1).

use super::aside;
use super::association::{connection, Association, State};
use super::associations::Associations;
use super::effects::{Address, Effects, Failure, Why};
use super::foreign;
use crate::model::reject::{Reason, Rejection};
use crate::transport::tls::Handshake;
use std::time::Duration;

impl Associations {
    /// Whoever is known at the address stays known there until the new one has shaken hands.
    pub(super) fn hello(
        &mut self,
        address: Address,
        datagram: &[u8],
        random: [u8; 8],
        now: Duration,
        fx: &mut Effects,
    ) {
        let place = self.places.get(&address).copied().unwrap_or_default();
        for slot in [place.new, place.live].into_iter().flatten() {
            let known = self.all.get(slot as usize);
            // The same again: sent twice on its way, or before our answer had come.
            if known.is_some_and(|known| known.hello == random && self.is_fresh(known, now)) {
                return;
            }
        }
        if self.current.refresh() {
            self.spare = None;
        }
        if self.spare.is_none() {
            self.spare = connection(&self.current.context.ssl).ok();
        }
        let Some(mut spare) = self.spare.take() else {
            return;
        };
        spare.get_mut().give(datagram);
        let (good, _) = aside::call(address, now, || foreign::listen(&mut spare));
        let answers = spare.get_mut().take();
        fx.send
            .extend(answers.into_iter().map(|bytes| (address, bytes)));
        if !good {
            self.spare = Some(spare);
            return;
        }
        match self.room(address, fx) {
            Ok(place) => {
                let association = Association {
                    generation: 0,
                    address,
                    stream: spare,
                    state: State::Shaking { since: now, place },
                    hello: random,
                    named: None,
                    sessions: self.current.context.sessions.clone(),
                    heard: now,
                    due: now,
                };
                self.begin(association, now, fx);
            }
            Err(what) => fx.failed.push(Failure {
                address,
                device: None,
                rejection: Rejection::new(Reason::TooManyConnections, what),
                presented: None,
            }),
        }
    }

    fn is_fresh(&self, known: &Association, now: Duration) -> bool {
        match known.state {
            State::Shaking { .. } => true,
            State::Open => now < known.heard + self.config.handshake_timeout.0,
        }
    }

    fn room(&mut self, address: Address, fx: &mut Effects) -> Result<Handshake, &'static str> {
        let known = self.places.get(&address).and_then(|place| place.new);
        if let Some(slot) = known {
            self.remove(slot);
        }
        let place = self.handshakes.begin(address.ip())?;
        if self.all.len() >= self.config.max_associations {
            let stranger = self.longest_silent_stranger();
            let slot = stranger.ok_or("more associations than coap.dtls.max_associations")?;
            self.end(slot, Why::Crowded, fx);
        }
        Ok(place)
    }

    fn longest_silent_stranger(&self) -> Option<u32> {
        let strangers = self
            .all
            .iter()
            .filter(|(_, one)| matches!(one.state, State::Open) && one.is_anonymous());
        let silent = strangers.min_by_key(|(_, one)| one.heard);
        silent.map(|(slot, _)| slot as u32)
    }

    fn begin(&mut self, association: Association, now: Duration, fx: &mut Effects) {
        let address = association.address;
        let slot = self.insert(association);
        self.places.entry(address).or_default().new = Some(slot);
        self.shake(slot, &[], now, fx);
    }
}
