//! What an [`super::Endpoint`] wants done, and the words in which it is spoken to.

use super::peers::Peer;
use crate::model::reject::Rejection;
use crate::transport::coap::codec::{number, Block, Code, Options};
use bytes::Bytes;

/// A request being served. Answer it exactly once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExchangeId {
    pub(super) at: u32,
    pub(super) generation: u32,
}

/// One observer of one resource.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ObservationId {
    pub(super) at: u32,
    pub(super) generation: u32,
}

/// A whole request, its body put together from its blocks.
#[derive(Clone, Debug)]
pub struct Request {
    pub exchange: ExchangeId,
    pub peer: Peer,
    pub method: Code,
    /// 0: observe, 1: no longer, anything else: as if it were absent.
    pub observe: Option<u32>,
    options: Bytes,
    pub payload: Bytes,
}

impl Request {
    pub(super) fn new(
        exchange: ExchangeId,
        peer: Peer,
        method: Code,
        observe: Option<u32>,
        options: &[u8],
        payload: Bytes,
    ) -> Self {
        Self {
            exchange,
            peer,
            method,
            observe,
            options: Bytes::copy_from_slice(options),
            payload,
        }
    }

    pub fn options(&self) -> Options<'_> {
        Options::again(&self.options)
    }

    /// It asks for a block of an answer that is not its first (RFC 7959 section 2.4).
    pub fn is_for_a_later_block(&self) -> bool {
        let block = self.options().get(number::BLOCK2).and_then(Block::read);
        block.is_some_and(|block| block.number > 0)
    }
}

/// What a request is answered with. Large payloads of success go out in blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub code: Code,
    pub format: Option<u16>,
    /// Seconds.
    pub max_age: Option<u32>,
    /// With 4.13: the largest body that would be taken.
    pub size1: Option<u32>,
    pub payload: Bytes,
    /// What its payload is told from others by; computed when it is needed if it is not here.
    pub(super) etag: Option<Etag>,
}

/// Four bytes: enough to tell versions apart that follow each other.
pub(super) type Etag = [u8; 4];

impl Answer {
    pub fn empty(code: Code) -> Self {
        Self {
            code,
            format: None,
            max_age: None,
            size1: None,
            payload: Bytes::new(),
            etag: None,
        }
    }

    /// With a text for a person (RFC 7252 section 5.5.2).
    pub fn diagnostic(code: Code, text: &str) -> Self {
        Self {
            payload: Bytes::copy_from_slice(text.as_bytes()),
            ..Self::empty(code)
        }
    }

    pub fn content(code: Code, format: u16, payload: impl Into<Bytes>) -> Self {
        Self {
            format: Some(format),
            payload: payload.into(),
            ..Self::empty(code)
        }
    }

    /// FNV-1a over the payload.
    pub(super) fn etag(&self) -> Etag {
        self.etag.unwrap_or_else(|| {
            let mix = |hash: u64, byte: &u8| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            };
            let hash = self.payload.iter().fold(0xcbf2_9ce4_8422_2325_u64, mix);
            ((hash ^ hash >> 32) as u32).to_be_bytes()
        })
    }
}

/// A change of an observed resource. `note` names it in [`Effects::notes`].
#[derive(Clone, Debug)]
pub struct Notice {
    pub note: u64,
    pub answer: Answer,
}

/// What became of a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Sent; its acknowledgement is awaited.
    Sent,
    /// Acknowledged, or sent where no acknowledgement is asked for.
    Delivered,
    Failed,
}

/// Why an observation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// GET with Observe 1 (RFC 7641 section 3.6).
    Cancelled,
    /// A notification was answered with a reset (RFC 7641 section 3.6).
    Reset,
    /// A confirmable message was not acknowledged (RFC 7641 section 4.5).
    Unanswered,
    /// The security association that it was asked for in has ended.
    Gone,
}

#[derive(Debug, Default)]
pub struct Effects {
    pub send: Vec<(Peer, Bytes)>,
    pub requests: Vec<Request>,
    pub notes: Vec<(ObservationId, u64, Step)>,
    pub ended: Vec<(ObservationId, Ended)>,
    /// To be counted; the peer has been told in the protocol's terms where that is possible.
    pub refused: Vec<(Peer, Rejection)>,
}
