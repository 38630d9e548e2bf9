//! An answer to the bytes of one message: which block of it, and how much an address may be sent
//! that has not shown that it is there.

use super::effects::{Answer, Etag};
use super::peers::Slot;
use super::Endpoint;
use crate::transport::coap::codec::{number, Block, Code, Kind, Token, Writer};
use std::time::Duration;

/// What an answer's message says beside the answer.
pub(super) struct Frame {
    pub kind: Kind,
    pub id: u16,
    pub token: Token,
    pub observe: Option<u32>,
    pub block1: Option<Block>,
    pub block2: Option<Block>,
    /// Size exponent of the largest block that the client wants.
    pub largest: u8,
    pub asks_size: bool,
    pub key: u64,
    /// The versions that the client of a plain GET has; `None`: it is none.
    pub known: Option<Vec<Etag>>,
}

/// Header and options of an answer that is sent in blocks take no more than this beside the token.
const HEAD: usize = 48;

impl Endpoint {
    /// An answer, no larger than may be sent to the peer now.
    pub(super) fn compose(
        &mut self,
        slot: Slot,
        frame: &Frame,
        answer: &Answer,
        now: Duration,
    ) -> Vec<u8> {
        let room = self.peers.get(slot).map_or(0, |state| state.room());
        let exponent = self.exponent(frame);
        if let Some(bytes) = unchanged(frame, answer) {
            return bytes;
        }
        if !answer.code.is_success() {
            return failure(frame, answer, room, 16 << exponent);
        }
        let (bytes, more) = success(frame, answer, exponent, None);
        if bytes.len() > room {
            return self.compose_small(slot, frame, answer, room, exponent, now);
        }
        if more && frame.block2.map_or(0, |block| block.number) == 0 {
            self.keep(slot, frame.key, answer, now);
        }
        bytes
    }

    /// A notification, which is what it is however little may be sent now: `notify` sees to that.
    pub(super) fn compose_notice(
        &mut self,
        slot: Slot,
        frame: &Frame,
        answer: &Answer,
        now: Duration,
    ) -> Vec<u8> {
        let (bytes, more) = success(frame, answer, self.exponent(frame), None);
        if more {
            self.keep(slot, frame.key, answer, now);
        }
        bytes
    }

    fn exponent(&self, frame: &Frame) -> u8 {
        frame.largest.min(self.settings.block_exponent)
    }

    /// At most `room` bytes: a smaller block, and an Echo value that would lift the limit.
    fn compose_small(
        &mut self,
        slot: Slot,
        frame: &Frame,
        answer: &Answer,
        room: usize,
        exponent: u8,
        now: Duration,
    ) -> Vec<u8> {
        let peer = self.peers.get(slot).map(|state| state.peer);
        let echo = peer.map(|peer| self.secret.echo(&peer, now));
        let payload = room.saturating_sub(HEAD + frame.token.as_slice().len());
        let exponent = exponent.min(Block::exponent_within(payload));
        let (bytes, _) = success(frame, answer, exponent, echo.as_ref());
        if bytes.len() <= room {
            self.keep(slot, frame.key, answer, now);
            return bytes;
        }
        // Not even the smallest block may be sent: the client shows first that it is there.
        let mut writer = Writer::new(frame.kind, Code::UNAUTHORIZED, frame.id, frame.token);
        if let Some(echo) = echo.filter(|_| writer.len() + 10 <= room) {
            writer.option(number::ECHO, &echo);
        }
        writer.finish(&[])
    }
}

/// 2.03 to who has this very version (RFC 7252 section 5.10.6.2).
fn unchanged(frame: &Frame, answer: &Answer) -> Option<Vec<u8>> {
    let known = frame.known.as_ref().filter(|known| !known.is_empty())?;
    let first = frame.block2.is_none_or(|block| block.number == 0);
    let tag = answer.etag();
    if !first || answer.code != Code::CONTENT || !known.contains(&tag) {
        return None;
    }
    let mut writer = Writer::new(frame.kind, Code::VALID, frame.id, frame.token);
    writer.option(number::ETAG, &tag);
    Some(writer.finish(&[]))
}

/// The message, and whether blocks follow.
fn success(
    frame: &Frame,
    answer: &Answer,
    exponent: u8,
    echo: Option<&[u8; 8]>,
) -> (Vec<u8>, bool) {
    let mut block = Block {
        number: 0,
        more: false,
        exponent,
    };
    if let Some(asked) = frame.block2 {
        // A smaller size of ours begins at the same byte.
        block.number = asked.number << (asked.exponent - exponent.min(asked.exponent));
    }
    let body = &answer.payload;
    let Some(rest) = body
        .get(block.offset()..)
        .filter(|rest| block.number == 0 || !rest.is_empty())
    else {
        let beyond = Answer::diagnostic(Code::BAD_REQUEST, "a block behind the end");
        return (failure(frame, &beyond, usize::MAX, block.size()), false);
    };
    let payload = rest.get(..block.size()).unwrap_or(rest);
    block.more = payload.len() < rest.len();
    let in_blocks = block.more || frame.block2.is_some() && !body.is_empty();
    let mut writer = Writer::new(frame.kind, answer.code, frame.id, frame.token);
    if in_blocks || frame.known.is_some() && answer.code == Code::CONTENT {
        writer.option(number::ETAG, &answer.etag());
    }
    if let Some(sequence) = frame.observe {
        writer.uint(number::OBSERVE, sequence);
    }
    if let Some(format) = answer.format {
        writer.uint(number::CONTENT_FORMAT, u32::from(format));
    }
    if let Some(seconds) = answer.max_age {
        writer.uint(number::MAX_AGE, seconds);
    }
    if in_blocks {
        writer.uint(number::BLOCK2, block.bits());
    }
    if let Some(block) = frame.block1 {
        writer.uint(number::BLOCK1, of_ours(block, answer.code).bits());
    }
    if in_blocks && block.number == 0 || frame.asks_size {
        writer.uint(number::SIZE2, u32::try_from(body.len()).unwrap_or(u32::MAX));
    }
    if let Some(echo) = echo {
        writer.option(number::ECHO, echo);
    }
    (writer.finish(payload), block.more)
}

/// A diagnostic text is cut to what may be sent; it never goes out in blocks.
fn failure(frame: &Frame, answer: &Answer, room: usize, most: usize) -> Vec<u8> {
    let mut writer = Writer::new(frame.kind, answer.code, frame.id, frame.token);
    let limited = room != usize::MAX;
    if let Some(format) = answer.format {
        writer.uint(number::CONTENT_FORMAT, u32::from(format));
    }
    if let Some(seconds) = answer.max_age {
        writer.uint(number::MAX_AGE, seconds);
    }
    if let Some(block) = frame
        .block1
        .filter(|_| !limited || writer.len() + 12 <= room)
    {
        writer.uint(number::BLOCK1, of_ours(block, answer.code).bits());
    }
    if let Some(size) = answer.size1 {
        writer.uint(number::SIZE1, size);
    }
    let payload = room.saturating_sub(writer.len() + 1).min(most);
    let mut end = payload.min(answer.payload.len());
    // Not in the middle of a character.
    while end > 0
        && answer
            .payload
            .get(end)
            .is_some_and(|byte| byte & 0xc0 == 0x80)
    {
        end -= 1;
    }
    writer.finish(answer.payload.get(..end).unwrap_or(&[]))
}

/// Block1 as it is answered: `more` only while more is awaited (RFC 7959 section 2.3).
fn of_ours(block: Block, code: Code) -> Block {
    Block {
        more: code == Code::CONTINUE,
        ..block
    }
}
