//! A datagram's way in: what kind of message it is, whether it came before, who deals with it.

use super::effects::{Answer, Effects, Request};
use super::exchange::Exchange;
use super::notify::Observing;
use super::peers::{Peer, Slot};
use super::recent::Repeated;
use super::{check, Endpoint};
use crate::model::reject::{Reason, Rejection};
use crate::transport::coap::codec::{
    decode, number, Block, Code, Kind, Malformed, Message, Writer,
};
use bytes::Bytes;
use std::time::Duration;

/// Why a request is answered by the message layer itself.
pub(super) struct Refused {
    pub answer: Answer,
    pub rejection: Option<Rejection>,
}

impl Endpoint {
    pub fn datagram(&mut self, peer: Peer, bytes: &[u8], now: Duration, fx: &mut Effects) {
        let message = match decode(bytes, self.settings.max_options) {
            Ok(message) => message,
            Err(malformed) => return self.malformed(peer, bytes.len(), &malformed, now, fx),
        };
        let slot = self.peers.enter(peer, bytes.len(), now, &mut self.random);
        match (message.kind, message.code) {
            (Kind::Ack | Kind::Rst, _) => self.settled(slot, message.id, message.kind, now, fx),
            (Kind::Con, code) if !code.is_request() => self.reset(slot, message.id, fx),
            (_, code) if code.is_request() => self.request(slot, &message, bytes, now, fx),
            _ => {}
        }
        self.rest(slot);
    }

    /// A confirmable message that cannot be read is rejected with a reset; else it is ignored
    /// (RFC 7252 sections 4.2 and 4.3).
    fn malformed(
        &mut self,
        peer: Peer,
        length: usize,
        malformed: &Malformed,
        now: Duration,
        fx: &mut Effects,
    ) {
        fx.refused.push((peer, malformed.rejection()));
        if let Some((Kind::Con, id)) = malformed.head {
            let slot = self.peers.enter(peer, length, now, &mut self.random);
            self.reset(slot, id, fx);
            self.rest(slot);
        }
    }

    /// Answers a ping, too.
    fn reset(&mut self, slot: Slot, id: u16, fx: &mut Effects) {
        self.send(slot, Writer::empty(Kind::Rst, id).into(), fx);
    }

    fn request(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        datagram: &[u8],
        now: Duration,
        fx: &mut Effects,
    ) {
        let fingerprint = self.recent.fingerprint(datagram);
        if let Some(repeated) = self.recent.find(slot, message.id, fingerprint) {
            let again = self.again(repeated, message);
            if let Some(bytes) = again {
                self.send(slot, bytes, fx);
            }
            return;
        }
        let exchange = self.begin(slot, message, fingerprint, now);
        match self.deal_with(slot, message, datagram.len(), now) {
            Ok(payload) => {
                let observe = check::observe(message);
                if observe == Some(1) {
                    self.cancelled(slot, message.token, fx);
                }
                let Some(peer) = self.peers.get(slot).map(|state| state.peer) else {
                    return;
                };
                let options = message.options.as_bytes();
                let request = Request::new(exchange, peer, message.code, observe, options, payload);
                fx.requests.push(request);
            }
            Err(refused) => {
                if let (Some(rejection), Some(state)) = (refused.rejection, self.peers.get(slot)) {
                    fx.refused.push((state.peer, rejection));
                }
                self.answer(exchange, refused.answer, now, fx);
            }
        }
    }

    /// What a repetition of a confirmable request is answered with; others are ignored.
    fn again(&self, repeated: &Repeated, message: &Message<'_>) -> Option<Bytes> {
        if message.kind != Kind::Con {
            return None;
        }
        match repeated {
            Repeated::Waiting(at) => {
                let acknowledged = self.exchanges.at(*at).is_some_and(|e| e.acknowledged);
                acknowledged.then(|| Writer::empty(Kind::Ack, message.id).into())
            }
            repeated => Some(Bytes::copy_from_slice(repeated.bytes())),
        }
    }

    fn begin(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        fingerprint: u32,
        now: Duration,
    ) -> super::ExchangeId {
        let block = |number| message.options.get(number).and_then(Block::read);
        let exchange = Exchange {
            generation: 0,
            slot,
            kind: message.kind,
            id: message.id,
            token: message.token,
            fingerprint,
            acknowledged: false,
            block1: block(number::BLOCK1),
            block2: block(number::BLOCK2),
            asks_size: message.options.get(number::SIZE2).is_some(),
            key: self.key(message),
            observing: Observing::No,
            is_get: message.code == Code::GET,
            etags: message
                .options
                .all(number::ETAG)
                .filter_map(|tag| tag.try_into().ok())
                .collect(),
        };
        let due = (message.kind == Kind::Con).then(|| now + self.settings.piggyback);
        let id = self.exchanges.add(exchange, due);
        if let Some(state) = self.peers.get(slot) {
            state.waiting = state.waiting.saturating_add(1);
            self.recent
                .begin((slot, state), message.id, fingerprint, id.at, now);
        }
        self.arm(slot, now + self.settings.exchange_lifetime);
        id
    }

    /// The whole payload, or the message layer's own answer.
    fn deal_with(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        length: usize,
        now: Duration,
    ) -> Result<Bytes, Refused> {
        self.crowded(slot)?;
        if length > self.settings.max_message {
            return Err(self.too_large());
        }
        check::options(message)?;
        if let Some(echo) = message.options.get(number::ECHO) {
            self.echoed(slot, echo, now);
        }
        if let Some(answer) = self.stored_block(slot, message, now) {
            return Err(Refused {
                answer,
                rejection: None,
            });
        }
        match message.options.get(number::BLOCK1).and_then(Block::read) {
            Some(block) => self.upload(slot, message, block, now),
            None => Ok(Bytes::copy_from_slice(message.payload)),
        }
    }

    fn echoed(&mut self, slot: Slot, echo: &[u8], now: Duration) {
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        state.verified = state.verified || self.secret.knows(&state.peer, echo, now);
    }

    /// The exchange itself counts already.
    fn crowded(&mut self, slot: Slot) -> Result<(), Refused> {
        let waiting = self.peers.get(slot).map_or(0, |state| state.waiting);
        if usize::from(waiting) > self.settings.requests_per_peer {
            let what = "too many requests of this peer wait for their answers";
            return Err(later(Code::TOO_MANY_REQUESTS, 1, Reason::RateLimited, what));
        }
        if self.exchanges.len() > self.settings.requests {
            let what = "too many requests wait for their answers";
            return Err(later(Code::UNAVAILABLE, 5, Reason::QueueFull, what));
        }
        Ok(())
    }

    pub(super) fn too_large(&self) -> Refused {
        let most = self.settings.max_body;
        let what = format!("more than {most} bytes");
        let mut answer = Answer::diagnostic(Code::TOO_LARGE, &what);
        answer.size1 = Some(u32::try_from(most).unwrap_or(u32::MAX));
        Refused {
            answer,
            rejection: Some(Rejection::new(Reason::TooLarge, what)),
        }
    }
}

/// Refused for now: try again after `seconds`.
pub(super) fn later(code: Code, seconds: u32, reason: Reason, what: &'static str) -> Refused {
    let mut answer = Answer::diagnostic(code, what);
    answer.max_age = Some(seconds);
    Refused {
        answer,
        rejection: Some(Rejection::new(reason, what)),
    }
}
