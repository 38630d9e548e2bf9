//! A connection whose bytes another door carries (WebSocket): a pair of short lines between the
//! carrier's thread and the connection's, full when the other side is behind.

use super::accept::serve;
use super::connection::Connection;
use super::wire::Wire;
use super::Shared;
use crate::model::credentials::CertificateChain;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use actix_rt::ArbiterHandle;
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

/// Pieces that may wait in either line. What one of them may hold, its sender bounds.
const PIECES: usize = 2;
/// Longest piece that goes out at once.
const PIECE: usize = 64 * 1024;

/// The door for connections that are carried. Cheap to clone.
#[derive(Clone)]
pub struct Bridge {
    shared: Arc<Shared>,
    hands: Vec<ArbiterHandle>,
    next: Arc<AtomicUsize>,
}

/// The carrier's ends. Dropping `incoming` is the client's end; `outgoing` ends with the session.
pub struct Carried {
    pub incoming: mpsc::Sender<Bytes>,
    pub outgoing: mpsc::Receiver<Bytes>,
}

impl Bridge {
    pub(super) fn new(shared: Arc<Shared>, hands: Vec<ArbiterHandle>) -> Self {
        Self {
            shared,
            hands,
            next: Arc::default(),
        }
    }

    /// Largest packet that is taken: no message needs to be larger.
    pub fn max_packet(&self) -> usize {
        self.shared.config.max_packet.bytes()
    }

    /// Begins a connection; the limits of the door hold. `Err`: which is reached, and counted.
    pub fn open(
        &self,
        peer: IpAddr,
        certificates: Option<CertificateChain>,
    ) -> Result<Carried, Rejection> {
        let peer = peer.to_canonical();
        let stopping = self.shared.gate.seats.has_rung();
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.hands.len().max(1);
        let hand = match self.hands.get(turn) {
            Some(hand) if !stopping => hand,
            _ => {
                let why = "the platform is stopping";
                return Err(Rejection::new(Reason::ShuttingDown, why));
            }
        };
        let pass = self.shared.gate.enter(peer).map_err(|limit| {
            let rejection = Rejection::new(Reason::TooManyConnections, limit);
            let registry = &self.shared.registry;
            registry.refuse_stranger(Transport::Mqtt, peer, &rejection);
            rejection
        })?;
        let (incoming, from_client) = mpsc::channel(PIECES);
        let (to_client, outgoing) = mpsc::channel(PIECES);
        let pipe = Pipe {
            incoming: from_client,
            outgoing: PollSender::new(to_client),
            reserved: false,
            held: Bytes::new(),
            ended: false,
            certificates,
        };
        let shared = self.shared.clone();
        hand.spawn_fn(move || {
            let wire = Wire::Carried(Box::new(pipe));
            actix_rt::spawn(serve(Connection::new(shared, wire, pass)));
        });
        Ok(Carried { incoming, outgoing })
    }
}

/// The connection's ends. Belongs to no runtime.
pub(super) struct Pipe {
    incoming: mpsc::Receiver<Bytes>,
    outgoing: PollSender<Bytes>,
    /// A place in `outgoing` is ours.
    reserved: bool,
    /// Received while waiting.
    held: Bytes,
    ended: bool,
    certificates: Option<CertificateChain>,
}

impl Pipe {
    pub fn certificates(&self) -> Option<CertificateChain> {
        self.certificates.clone()
    }

    /// As of a socket: `WouldBlock` when nothing is there, 0 = the end.
    pub fn try_read(&mut self, into: &mut BytesMut, most: usize) -> io::Result<usize> {
        let mut piece = std::mem::take(&mut self.held);
        while piece.is_empty() {
            piece = match self.incoming.try_recv() {
                Ok(piece) => piece,
                Err(mpsc::error::TryRecvError::Empty) if !self.ended => {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(_) => return Ok(0),
            };
        }
        let now = piece.split_to(most.max(1).min(piece.len()));
        self.held = piece;
        into.extend_from_slice(&now);
        Ok(now.len())
    }

    /// As of a socket: `WouldBlock` when the line is full.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes.get(..PIECE).unwrap_or(bytes));
        let length = piece.len();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        if std::mem::take(&mut self.reserved) {
            return self
                .outgoing
                .send_item(piece)
                .map(|()| length)
                .map_err(|_| gone());
        }
        match self.outgoing.get_ref().map(|line| line.try_send(piece)) {
            Some(Ok(())) => Ok(length),
            Some(Err(mpsc::error::TrySendError::Full(_))) => Err(io::ErrorKind::WouldBlock.into()),
            _ => Err(gone()),
        }
    }

    pub fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.held.is_empty() && !self.ended {
            match ready!(self.incoming.poll_recv(cx)) {
                Some(piece) => self.held = piece,
                None => self.ended = true,
            }
        }
        Poll::Ready(())
    }

    pub fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.reserved {
            // A closed line is ready too: the next write tells.
            self.reserved = ready!(self.outgoing.poll_reserve(cx)).is_ok();
        }
        Poll::Ready(())
    }

    /// Hands over the rest as the line takes it, and ends it.
    pub async fn last_words(&mut self, mut rest: BytesMut) {
        while !rest.is_empty() {
            std::future::poll_fn(|cx| self.poll_write_ready(cx)).await;
            match self.try_write(&rest) {
                Ok(written) => drop(rest.split_to(written)),
                Err(_) => break,
            }
        }
        self.outgoing.close();
    }
}
