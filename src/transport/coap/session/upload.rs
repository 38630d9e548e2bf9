//! Bodies that come in blocks (RFC 7959 section 2.5).

use super::effects::Answer;
use super::peers::{Slot, State};
use super::receive::{later, Refused};
use super::Endpoint;
use crate::model::reject::{Reason, Rejection};
use crate::transport::coap::codec::{number, Block, Code, Message};
use bytes::Bytes;
use std::time::Duration;

/// A body whose last block has not come yet.
pub(super) struct Upload {
    key: u64,
    body: Vec<u8>,
    pub touched: Duration,
}

impl Upload {
    pub fn bytes(&self) -> usize {
        self.body.capacity()
    }

    /// The block came before, and was the last one that did.
    fn ends_with(&self, block: Block, payload: &[u8]) -> bool {
        block.offset() + payload.len() == self.body.len() && self.body.ends_with(payload)
    }
}

impl Endpoint {
    /// The whole body with its last block; until then the answer to each block.
    pub(super) fn upload(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        block: Block,
        now: Duration,
    ) -> Result<Bytes, Refused> {
        let wrong = match block.more {
            true => message.payload.len() != block.size(),
            false => message.payload.len() > block.size(),
        };
        if wrong {
            return Err(violation("a block has not the size that it tells"));
        }
        let announced = message.options.uint(number::SIZE1, 4).ok().flatten();
        let most = self.settings.max_body;
        let key = self.key(message);
        let too_large = announced.is_some_and(|size| size as usize > most)
            || block.offset() + message.payload.len() > most;
        if too_large {
            self.forget_upload(slot, key);
            return Err(self.too_large());
        }
        if block.number == 0 {
            self.forget_upload(slot, key);
            if !block.more {
                return Ok(Bytes::copy_from_slice(message.payload));
            }
            self.start_upload(slot, key, now);
        }
        self.next_block(slot, key, block, message.payload, now)
    }

    fn start_upload(&mut self, slot: Slot, key: u64, now: Duration) {
        let most = self.settings.transfers_per_peer;
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        if state.uploads.len() >= most && !state.uploads.is_empty() {
            // A client that began another has most likely given up the oldest.
            self.bodies -= state.uploads.remove(0).map_or(0, |old| old.bytes());
        }
        state.uploads.push(Upload {
            key,
            body: Vec::new(),
            touched: now,
        });
        let until = now + self.settings.block_timeout;
        self.arm(slot, until);
    }

    fn next_block(
        &mut self,
        slot: Slot,
        key: u64,
        block: Block,
        payload: &[u8],
        now: Duration,
    ) -> Result<Bytes, Refused> {
        let memory = self.settings.body_memory.saturating_sub(self.bodies);
        let found = self.peers.get(slot).and_then(|state| find(state, key));
        let Some(upload) = found else {
            return Err(incomplete("the blocks before this one are not known"));
        };
        upload.touched = now;
        if upload.body.len() != block.offset() {
            if block.more && upload.ends_with(block, payload) {
                return Err(go_on());
            }
            self.forget_upload(slot, key);
            return Err(incomplete("a block is missing before this one"));
        }
        let before = upload.body.capacity();
        let short = upload.body.len() + payload.len() > before;
        if short && memory < before.max(payload.len()) {
            self.forget_upload(slot, key);
            let what = "too many bodies are under way in blocks";
            return Err(later(Code::UNAVAILABLE, 5, Reason::QueueFull, what));
        }
        upload.body.extend_from_slice(payload);
        self.bodies += upload.body.capacity() - before;
        if block.more {
            return Err(go_on());
        }
        let body = std::mem::take(&mut upload.body);
        self.bodies -= body.capacity();
        self.forget_upload(slot, key);
        Ok(body.into())
    }

    fn forget_upload(&mut self, slot: Slot, key: u64) {
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        if let Some(at) = state.uploads.iter().position(|upload| upload.key == key) {
            self.bodies -= state.uploads.remove(at).map_or(0, |old| old.bytes());
        }
    }
}

fn find(state: &mut State, key: u64) -> Option<&mut Upload> {
    state.uploads.iter_mut().find(|upload| upload.key == key)
}

fn go_on() -> Refused {
    Refused {
        answer: Answer::empty(Code::CONTINUE),
        rejection: None,
    }
}

fn incomplete(what: &'static str) -> Refused {
    Refused {
        answer: Answer::diagnostic(Code::INCOMPLETE, what),
        rejection: Some(Rejection::new(Reason::ProtocolViolation, what)),
    }
}

fn violation(what: &'static str) -> Refused {
    Refused {
        answer: Answer::diagnostic(Code::BAD_REQUEST, what),
        rejection: Some(Rejection::new(Reason::ProtocolViolation, what)),
    }
}
