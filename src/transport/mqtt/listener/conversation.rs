//! Bytes in, effects out: framer, codec and session of one connection, with the time put in.

use super::Shared;
use crate::transport::mqtt::codec::packet::Published;
use crate::transport::mqtt::codec::{self, Codec, DecodeError, Framer, Level, Packet};
use crate::transport::mqtt::session::{Effects, Input, Now, Session};
use bytes::{Buf, Bytes, BytesMut};
use std::sync::Arc;
use uuid::Uuid;

/// Uplinks that get room on the strength of the first packet's length.
const GUESSED: usize = 256;

pub(super) struct Conversation {
    pub shared: Arc<Shared>,
    pub session: Session,
    framer: Framer,
    codec: Codec,
}

impl Conversation {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            session: Session::new(shared.settings.clone(), shared.now()),
            framer: Framer::new(shared.config.max_packet.bytes()),
            codec: Codec::new(Level::V311),
            shared,
        }
    }

    pub fn now(&self) -> Now {
        self.shared.now()
    }

    pub fn handle(&mut self, input: Input, fx: &mut Effects) {
        self.session.handle(input, self.shared.now(), fx);
    }

    /// Hands in whole packets as long as the session understands them; the rest stays in `bytes`.
    /// All that was read: what waited here for the disk would be memory too.
    pub fn frames(&mut self, bytes: &mut BytesMut, fx: &mut Effects) {
        let now = self.now();
        // Where the next packet begins.
        let mut at = 0;
        while fx.close.is_none() && self.session.hears() {
            let rest = bytes.get(at..).unwrap_or_default();
            let size = match self.framer.size(rest) {
                Ok(None) => break,
                Ok(Some(size)) => size,
                Err(error) => {
                    self.session.handle(Input::Malformed(error), now, fx);
                    continue;
                }
            };
            let published = rest.get(..size).and_then(|frame| self.published(frame));
            if let Some(published) = published {
                let alike = rest.len() / size.max(1);
                if fx.submit.is_empty() {
                    fx.submit.reserve_exact(alike.clamp(1, GUESSED));
                }
                match published {
                    Ok(published) => self.session.publish(published, now, fx),
                    Err(error) => self.session.handle(Input::Malformed(error), now, fx),
                }
                at += size;
            } else {
                bytes.advance(std::mem::take(&mut at));
                let input = self.decode(bytes.split_to(size).freeze());
                self.session.handle(input, now, fx);
            }
        }
        bytes.advance(at);
    }

    /// A PUBLISH of an open session: nearly every packet, and nothing of it is kept.
    fn published<'f>(&self, frame: &'f [u8]) -> Option<Result<Published<'f>, DecodeError>> {
        match self.session.is_open() {
            true => self.codec.publish(frame),
            false => None,
        }
    }

    fn decode(&mut self, frame: Bytes) -> Input {
        if self.session.is_open() {
            return match self.codec.decode(frame) {
                Ok(packet) => Input::Packet(packet),
                Err(error) => Input::Malformed(error),
            };
        }
        match codec::decode_connect(frame.clone()) {
            Ok(connect) => {
                self.framer.set_level(connect.level);
                self.codec = Codec::new(connect.level).with_peer_limit(connect.maximum_packet_size);
                Input::Connect {
                    connect: Box::new(connect),
                    spare_id: Uuid::new_v4(),
                }
            }
            Err(error) => self.bad_connect(&frame, error),
        }
    }

    fn bad_connect(&mut self, frame: &Bytes, error: DecodeError) -> Input {
        let level = codec::level_of(frame).ok();
        self.codec = Codec::new(level.unwrap_or(Level::V311));
        Input::BadConnect(error, level)
    }

    /// False: a packet could not be written.
    pub fn encode(&self, packets: &[Packet], out: &mut BytesMut) -> bool {
        let mut all = true;
        for packet in packets {
            if let Err(error) = self.codec.encode(packet, out) {
                tracing::warn!(%error, packet = packet.name(), "a packet cannot be written");
                all = false;
            }
        }
        all
    }
}
