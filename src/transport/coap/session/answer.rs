//! Answers: piggy-backed on the acknowledgement while it is not sent, else apart
//! (RFC 7252 sections 5.2.1 to 5.2.3).

use super::compose::Frame;
use super::effects::{Answer, Effects, ExchangeId};
use super::exchange::Exchange;
use super::notify::Observing;
use super::outgoing::{Confirmable, What};
use super::peers::Slot;
use super::Endpoint;
use crate::transport::coap::codec::{Kind, Writer};
use bytes::Bytes;
use std::time::Duration;

impl Endpoint {
    /// Answers a request. One that is no longer open is left alone.
    pub fn answer(&mut self, id: ExchangeId, answer: Answer, now: Duration, fx: &mut Effects) {
        let Some(exchange) = self.exchanges.take(id) else {
            return;
        };
        let slot = exchange.slot;
        if let Some(state) = self.peers.get(slot) {
            state.waiting = state.waiting.saturating_sub(1);
        }
        let frame = self.frame(&exchange);
        let bytes = self.compose(slot, &frame, &answer, now);
        let bytes = Bytes::from(bytes);
        if frame.kind == Kind::Con {
            self.remember(&exchange, &Writer::empty(Kind::Ack, exchange.id));
            let message = Confirmable {
                id: frame.id,
                bytes,
                what: What::Answer,
            };
            self.transmit(slot, message, now, fx);
        } else {
            self.remember(&exchange, &bytes);
            self.send(slot, bytes, fx);
        }
        self.release(slot, now, fx);
        self.rest(slot);
    }

    fn frame(&mut self, exchange: &Exchange) -> Frame {
        let piggyback = exchange.kind == Kind::Con && !exchange.acknowledged;
        let (kind, id) = if piggyback {
            (Kind::Ack, exchange.id)
        } else {
            let state = self.peers.get(exchange.slot);
            (exchange.kind, state.map_or(0, |state| state.take_id()))
        };
        let observe = match exchange.observing {
            Observing::No => None,
            Observing::Yes(observation) => self.observations.sequence(observation),
        };
        Frame {
            kind,
            id,
            token: exchange.token,
            observe,
            block1: exchange.block1,
            block2: exchange.block2,
            largest: exchange.largest_block(),
            asks_size: exchange.asks_size,
            key: exchange.key,
            known: (exchange.is_get && exchange.observing == Observing::No)
                .then(|| exchange.etags.clone()),
        }
    }

    fn remember(&mut self, exchange: &Exchange, bytes: &[u8]) {
        let Exchange {
            slot,
            id,
            fingerprint,
            ..
        } = *exchange;
        self.recent.answered(slot, id, fingerprint, bytes);
        while self.recent.is_over() {
            let oldest = self.timers.first_swept().unwrap_or(slot);
            let before = self.recent.len();
            for slot in [oldest, slot] {
                if self.recent.len() == before {
                    if let Some(state) = self.peers.get(slot) {
                        self.recent.forget_oldest(slot, state);
                    }
                }
            }
            if self.recent.len() == before {
                return;
            }
        }
    }

    /// Requests that took longer than `piggyback`: acknowledged now, answered later.
    pub(super) fn acknowledge(&mut self, now: Duration, fx: &mut Effects) {
        while let Some(id) = self.exchanges.overdue(now) {
            let Some(exchange) = self.exchanges.get(id) else {
                continue;
            };
            exchange.acknowledged = true;
            let (slot, id) = (exchange.slot, exchange.id);
            self.send(slot, Writer::empty(Kind::Ack, id).into(), fx);
        }
    }

    /// Sends unless that is too much for an address that is not verified.
    pub(super) fn send(&mut self, slot: Slot, bytes: Bytes, fx: &mut Effects) {
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        if state.may_send(bytes.len()) {
            fx.send.push((state.peer, bytes));
        }
    }
}
