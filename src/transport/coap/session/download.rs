//! Bodies that go out in blocks (RFC 7959 section 2.4): kept until the client has fetched them, so
//! that all its blocks are of one version.

use super::effects::Answer;
use super::peers::Slot;
use super::Endpoint;
use crate::transport::coap::codec::{number, Block, Code, Message};
use std::hash::{BuildHasher, Hash, Hasher};
use std::time::Duration;

pub(super) struct Download {
    key: u64,
    answer: Answer,
    pub touched: Duration,
    /// Its last block has been asked for.
    done: bool,
}

impl Download {
    pub fn bytes(&self) -> usize {
        self.answer.payload.len()
    }
}

impl Endpoint {
    /// What a request is about, whichever block of it is meant (RFC 7959 section 2.4, RFC 9175
    /// section 3 for Request-Tag).
    pub(super) fn key(&self, message: &Message<'_>) -> u64 {
        let mut hasher = self.recent.hasher().build_hasher();
        message.code.hash(&mut hasher);
        for (number, value) in message.options.iter() {
            let about_the_transfer = matches!(
                number,
                number::OBSERVE
                    | number::ETAG
                    | number::BLOCK1
                    | number::BLOCK2
                    | number::SIZE1
                    | number::SIZE2
                    | number::ECHO
                    | number::NO_RESPONSE
            );
            if !about_the_transfer {
                number.hash(&mut hasher);
                value.hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// The answer that a later block of is asked for. A GET whose answer is no longer known is
    /// served anew; of anything else a part cannot be had twice.
    pub(super) fn stored_block(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        now: Duration,
    ) -> Option<Answer> {
        let block = message.options.get(number::BLOCK2).and_then(Block::read)?;
        let uploads = message.options.get(number::BLOCK1).is_some();
        if block.number == 0 || uploads {
            return None;
        }
        let key = self.key(message);
        let state = self.peers.get(slot)?;
        let known = state.downloads.iter_mut().find(|known| known.key == key);
        match known {
            Some(download) => {
                download.touched = now;
                let exponent = block.exponent.min(self.settings.block_exponent);
                download.done |= block.offset() + (16 << exponent) >= download.bytes();
                Some(download.answer.clone())
            }
            None if message.code == Code::GET => None,
            None => Some(Answer::diagnostic(
                Code::INCOMPLETE,
                "the rest of this answer is no longer known",
            )),
        }
    }

    /// Whether the client has yet to ask for the rest of such a body.
    pub(super) fn is_fetched(&self, slot: Slot, key: u64) -> bool {
        let state = self.peers.at(slot);
        state.is_some_and(|state| {
            state
                .downloads
                .iter()
                .any(|one| one.key == key && !one.done)
        })
    }

    /// Keeps an answer whose first block goes out, as far as there is room.
    pub(super) fn keep(&mut self, slot: Slot, key: u64, answer: &Answer, now: Duration) {
        let most = self.settings.transfers_per_peer;
        let until = now + self.settings.block_timeout;
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        let oldest = (state.downloads.len() >= most).then_some(0);
        let same = state.downloads.iter().position(|known| known.key == key);
        if let Some(at) = same.or(oldest).filter(|at| *at < state.downloads.len()) {
            self.bodies -= state.downloads.remove(at).map_or(0, |old| old.bytes());
        }
        if self.bodies + answer.payload.len() > self.settings.body_memory {
            return;
        }
        self.bodies += answer.payload.len();
        state.downloads.push(Download {
            key,
            answer: Answer {
                etag: Some(answer.etag()),
                ..answer.clone()
            },
            touched: now,
            done: false,
        });
        self.arm(slot, until);
    }
}
