//! Requests being served, from their arrival to their answer.

use super::effects::{Etag, ExchangeId};
use super::notify::Observing;
use super::peers::Slot;
use crate::transport::coap::codec::{Block, Kind, Token};
use std::collections::VecDeque;
use std::time::Duration;

/// One request being served.
pub(super) struct Exchange {
    pub generation: u32,
    pub slot: Slot,
    pub kind: Kind,
    pub id: u16,
    pub token: Token,
    pub fingerprint: u32,
    /// Its empty acknowledgement has been sent.
    pub acknowledged: bool,
    pub block1: Option<Block>,
    pub block2: Option<Block>,
    /// The client asked how large the answer is (Size2).
    pub asks_size: bool,
    /// What the blocks of its answer are found by.
    pub key: u64,
    pub observing: Observing,
    pub is_get: bool,
    /// Versions of the answer that the client has.
    pub etags: Vec<Etag>,
}

impl Exchange {
    /// The size exponent of the largest block that the client wants.
    pub fn largest_block(&self) -> u8 {
        self.block2.map_or(Block::LARGEST, |block| block.exponent)
    }
}

#[derive(Default)]
pub(super) struct Exchanges {
    open: slab::Slab<Exchange>,
    generation: u32,
    /// When each is acknowledged if it is not answered by then, in order.
    acknowledge: VecDeque<(Duration, ExchangeId)>,
}

impl Exchanges {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// `acknowledge_at`: for confirmable requests.
    pub fn add(&mut self, mut exchange: Exchange, acknowledge_at: Option<Duration>) -> ExchangeId {
        self.generation = self.generation.wrapping_add(1);
        exchange.generation = self.generation;
        let id = ExchangeId {
            at: self.open.insert(exchange) as u32,
            generation: self.generation,
        };
        if let Some(at) = acknowledge_at {
            self.trim();
            self.acknowledge.push_back((at, id));
        }
        id
    }

    /// Most are answered long before they are due: their places are given back in good time.
    fn trim(&mut self) {
        if self.acknowledge.len() > 2 * self.open.len() + 1024 {
            let open = &self.open;
            let is_open = |id: &ExchangeId| {
                let exchange = open.get(id.at as usize);
                exchange.is_some_and(|exchange| exchange.generation == id.generation)
            };
            self.acknowledge.retain(|(_, id)| is_open(id));
        }
    }

    pub fn get(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        let exchange = self.open.get_mut(id.at as usize)?;
        (exchange.generation == id.generation).then_some(exchange)
    }

    pub fn at(&self, at: u32) -> Option<&Exchange> {
        self.open.get(at as usize)
    }

    pub fn take(&mut self, id: ExchangeId) -> Option<Exchange> {
        self.get(id)?;
        Some(self.open.remove(id.at as usize))
    }

    pub fn acknowledge_at(&self) -> Option<Duration> {
        self.acknowledge.front().map(|(at, _)| *at)
    }

    /// The next that has waited long enough.
    pub fn overdue(&mut self, now: Duration) -> Option<ExchangeId> {
        let (at, id) = *self.acknowledge.front()?;
        if at > now {
            return None;
        }
        self.acknowledge.pop_front();
        Some(id)
    }
}
