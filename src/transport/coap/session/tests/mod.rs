//! The message layer played with by hand: datagrams in, datagrams out, time as an argument.

mod amplification;
mod blocks;
mod bounds;
mod downloads;
mod exchanges;
mod held;
mod moving;
mod observing;
mod repetitions;
mod shuffled;

use super::*;
use crate::transport::coap::codec::{decode, number, Block, Code, Kind, Message, Token, Writer};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

pub(super) fn peer(port: u16) -> Peer {
    Peer {
        address: SocketAddr::from(([10, 0, 0, 1], port)),
        local: None,
        association: 0,
    }
}

/// A peer whose address needs no proof.
pub(super) fn trusted(port: u16) -> Peer {
    Peer {
        association: 1,
        ..peer(port)
    }
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) struct Table {
    pub endpoint: Endpoint,
    pub now: Duration,
    pub fx: Effects,
}

impl Table {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        Self {
            endpoint: Endpoint::new(settings, 7, [3; 32]),
            now: secs(1000),
            fx: Effects::default(),
        }
    }

    pub fn send(&mut self, from: Peer, bytes: &[u8]) {
        self.endpoint.datagram(from, bytes, self.now, &mut self.fx);
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        self.endpoint.tick(self.now, &mut self.fx);
    }

    /// To the next deadline; false when there is none within `most`.
    pub fn wait_for_deadline(&mut self, most: Duration) -> bool {
        let end = self.now + most;
        match self.endpoint.deadline() {
            Some(at) if at <= end => {
                self.now = at.max(self.now);
                self.endpoint.tick(self.now, &mut self.fx);
                true
            }
            _ => false,
        }
    }

    pub fn sent(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.fx.send)
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect()
    }

    /// The only datagram that was sent.
    #[track_caller]
    pub fn one(&mut self) -> Bytes {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:02x?}");
        sent.remove(0)
    }

    #[track_caller]
    pub fn request(&mut self) -> Request {
        assert_eq!(self.fx.requests.len(), 1);
        self.fx.requests.remove(0)
    }

    pub fn answer(&mut self, request: &Request, answer: Answer) {
        self.endpoint
            .answer(request.exchange, answer, self.now, &mut self.fx);
    }

    /// A request that is answered at once; returns the datagram of the answer.
    pub fn ask(&mut self, from: Peer, bytes: &[u8], answer: Answer) -> Bytes {
        self.send(from, bytes);
        let request = self.request();
        self.answer(&request, answer);
        self.one()
    }

    /// An observation of `from` under `token`.
    pub fn observer(&mut self, from: Peer, kind: Kind, id: u16, token: &[u8]) -> ObservationId {
        self.send(from, &observe(kind, id, token, 0));
        let request = self.request();
        let observation = self
            .endpoint
            .observe(request.exchange, self.now)
            .expect("room");
        self.answer(&request, Answer::content(Code::CONTENT, 50, "{}"));
        observation
    }

    pub fn notify(&mut self, id: ObservationId, note: u64, text: &str) {
        let notice = Notice {
            note,
            answer: Answer::content(Code::CONTENT, 50, text.to_owned()),
        };
        self.endpoint.notify(id, &notice, self.now, &mut self.fx);
    }
}

pub(super) fn token(bytes: &[u8]) -> Token {
    Token::new(bytes).expect("a token")
}

pub(super) fn read(bytes: &[u8]) -> Message<'_> {
    decode(bytes, 64).expect("a message")
}

/// A request for `api/v1/T/x` with these further options, ascending and above 11.
pub(super) fn request(
    kind: Kind,
    code: Code,
    id: u16,
    tok: &[u8],
    options: &[(u16, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut writer = Writer::new(kind, code, id, token(tok));
    for segment in ["api", "v1", "TOKEN_OF_TWENTY_BYTE", "telemetry"] {
        writer.option(number::URI_PATH, segment.as_bytes());
    }
    for (number, value) in options {
        writer.option(*number, value);
    }
    writer.finish(payload)
}

pub(super) fn post(kind: Kind, id: u16) -> Vec<u8> {
    request(kind, Code::POST, id, b"tk", &[], b"{\"t\":25}")
}

pub(super) fn observe(kind: Kind, id: u16, tok: &[u8], value: u8) -> Vec<u8> {
    let mut writer = Writer::new(kind, Code::GET, id, token(tok));
    writer.uint(number::OBSERVE, u32::from(value));
    for segment in ["api", "v1", "TOKEN_OF_TWENTY_BYTE", "attributes"] {
        writer.option(number::URI_PATH, segment.as_bytes());
    }
    writer.finish(&[])
}

/// The options of a block.
pub(super) fn block_bytes(number: u32, more: bool, exponent: u8) -> Vec<u8> {
    let bits = Block {
        number,
        more,
        exponent,
    }
    .bits();
    let bytes = bits.to_be_bytes();
    bytes[(bits.leading_zeros() / 8) as usize..].to_vec()
}

pub(super) fn block_of(message: &Message<'_>, number: u16) -> Option<Block> {
    message.options.get(number).and_then(Block::read)
}

pub(super) fn done() -> Answer {
    Answer::empty(Code::CREATED)
}

/// GET of the observed resource's block `number` of 1,024 bytes.
pub(super) fn fetch(id: u16, number: u32) -> Vec<u8> {
    let mut writer = Writer::new(Kind::Con, Code::GET, id, token(b"new"));
    for segment in ["api", "v1", "TOKEN_OF_TWENTY_BYTE", "attributes"] {
        writer.option(number::URI_PATH, segment.as_bytes());
    }
    writer.uint(number::BLOCK2, number << 4 | 6);
    writer.finish(&[])
}
