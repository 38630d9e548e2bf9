//! One client's task: bytes ↔ codec ↔ session ↔ device.
//!
//! It waits for whichever comes first: outcomes of the oldest ticket, a downlink, bytes, room to
//! write, a deadline, the door's end. One submit and one write for all that one of them brought.

use super::conversation::Conversation;
use super::gate::Pass;
use super::seats::{Beat, NEVER};
use super::wait::Event;
use super::wire::Wire;
use super::{buffers, Shared};
use crate::model::credentials::Presented;
use crate::model::downlink::{Downlink, DownlinkBody};
use crate::model::queue::Queue;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::registry::handle::SessionEnd;
use crate::registry::{
    downlink_line, ConnectRequest, Credit, DeviceHandle, DownlinkReceiver, OpenSession, Ticket,
};
use crate::transport::mqtt::codec::Packet;
use crate::transport::mqtt::session::{ConnectAs, Effects, Granted, Input};
use actix_rt::ArbiterHandle;
use bytes::BytesMut;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What happens once in a connection's life, and is awaited.
enum Rare {
    Connect(Box<ConnectAs>),
    /// The session has ended.
    End(SessionEnd),
}

/// How long the client may take to read our last words.
const LINGER: Duration = Duration::from_secs(1);

/// What the client has not taken yet.
pub(super) struct Unread {
    bytes: BytesMut,
    /// When it must have taken some of it.
    by: Duration,
}

pub(super) struct Connection {
    pub(super) talk: Conversation,
    pub(super) wire: Wire,
    pub(super) pass: Pass,
    /// Of the platform's memory for what is in flight.
    pub(super) credit: Credit,
    /// The beginning of a packet, or packets behind CONNECT. Boxed, as `output`: nearly always
    /// there is nothing.
    pub(super) input: Option<Box<BytesMut>>,
    pub(super) output: Option<Box<Unread>>,
    pub(super) handle: Option<DeviceHandle>,
    pub(super) tickets: Queue<Ticket>,
    pub(super) downlinks: Option<DownlinkReceiver>,
    /// When this task is woken at the latest.
    pub(super) wakes_at: Beat,
    /// This task is among those that the door's bell wakes.
    pub(super) listens: bool,
    /// It has rung, and that is dealt with.
    pub(super) told: bool,
}

impl Connection {
    pub fn new(shared: Arc<Shared>, wire: Wire, pass: Pass) -> Self {
        let credit = shared.registry.in_flight().credit();
        let talk = Conversation::new(shared);
        Self {
            talk,
            wire,
            pass,
            credit,
            input: None,
            output: None,
            handle: None,
            tickets: Queue::default(),
            downlinks: None,
            wakes_at: NEVER,
            listens: false,
            told: false,
        }
    }

    /// Until the end (`None`), or until its device is known: the thread that it moves to.
    ///
    /// Idle connections are many, so this future holds next to nothing: what is rarely awaited is
    /// boxed, and what is dealt with at once happens in functions that await nothing.
    pub async fn run(&mut self) -> Option<ArbiterHandle> {
        loop {
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            let Some(rare) = self.deal_with(event) else {
                continue;
            };
            let connects = matches!(rare, Rare::Connect(_));
            if Box::pin(self.rarely(rare)).await {
                return None;
            }
            if let Some(home) = self.home().filter(|_| connects) {
                return Some(home);
            }
        }
    }

    /// The device's thread, once the device is known.
    fn home(&self) -> Option<ArbiterHandle> {
        let device = self.handle.as_ref()?.device();
        self.talk.shared.registry.arbiter_of(device)
    }

    /// Bytes that the client has not taken.
    pub(super) fn unread(&self) -> usize {
        self.output.as_ref().map_or(0, |unread| unread.bytes.len())
    }

    /// When it must have taken some of them.
    pub(super) fn write_by(&self) -> Option<Duration> {
        self.output.as_ref().map(|unread| unread.by)
    }

    fn deal_with(&mut self, event: Event) -> Option<Rare> {
        let mut fx = Effects::default();
        self.take(event, &mut fx);
        let rare = self.carry_out(fx);
        self.credit.hold(self.talk.session.in_flight());
        rare
    }

    /// True: the connection has ended.
    async fn rarely(&mut self, mut rare: Rare) -> bool {
        loop {
            let request = match rare {
                Rare::Connect(request) => request,
                Rare::End(end) => {
                    self.finish(end).await;
                    return true;
                }
            };
            let answer = self.connect(*request).await;
            let mut fx = Effects::default();
            self.talk.handle(answer, &mut fx);
            self.packets_that_waited(&mut fx);
            let next = self.carry_out(fx);
            self.credit.hold(self.talk.session.in_flight());
            match next {
                Some(next) => rare = next,
                None => return false,
            }
        }
    }

    fn take(&mut self, event: Event, fx: &mut Effects) {
        match event {
            Event::Outcomes(outcomes) => self.talk.handle(Input::Outcomes(outcomes), fx),
            Event::Downlink(downlink) => {
                self.talk.handle(Input::Downlink(*downlink), fx);
                self.more_downlinks(fx);
            }
            Event::LetGo => {
                self.downlinks = None;
                self.talk.handle(close(Reason::Internal), fx);
            }
            Event::Readable => self.read(fx),
            // `carry_out` writes.
            Event::Writable => {}
            Event::Time => self.time(fx),
            Event::Stop => self.talk.handle(close(Reason::ShuttingDown), fx),
        }
    }

    fn more_downlinks(&mut self, fx: &mut Effects) {
        while fx.close.is_none() && self.talk.session.takes_downlinks() {
            let next = self.downlinks.as_mut().and_then(DownlinkReceiver::try_recv);
            let Some(downlink) = next else {
                return;
            };
            self.talk.handle(Input::Downlink(*downlink), fx);
        }
    }

    fn time(&mut self, fx: &mut Effects) {
        if self.write_by().is_some_and(|by| self.talk.now().mono >= by) {
            return self.talk.handle(Input::Gone("too slow to read"), fx);
        }
        if self.credit.waits() || !self.talk.session.takes_packets() {
            self.talk.session.excuse_silence(self.talk.now());
        }
        self.talk.handle(Input::Tick, fx);
        self.tickets.release();
        if self.talk.session.lets_downlinks_wait() {
            self.look_behind_the_line(fx);
        }
    }

    /// A full line whose other end is gone may hold the reason at its end.
    fn look_behind_the_line(&mut self, fx: &mut Effects) {
        let Some(mut line) = self.downlinks.take_if(|line| line.is_closed()) else {
            return;
        };
        let mut reason = Reason::Internal;
        while let Some(downlink) = line.try_recv() {
            if let DownlinkBody::Close(told) = downlink.body {
                reason = told;
            }
        }
        self.talk.handle(close(reason), fx);
    }

    fn read(&mut self, fx: &mut Effects) {
        let mut kept = self.input.take().map_or_else(BytesMut::new, |kept| *kept);
        let most = match self.talk.session.is_open() {
            true => buffers::READ,
            false => buffers::READ_OF_STRANGERS,
        };
        let take = |bytes: &mut BytesMut| self.talk.frames(bytes, fx);
        let result = buffers::read(&mut self.wire, &mut kept, most, take);
        self.keep(kept);
        match result {
            Ok(0) => self.talk.handle(Input::Gone("connection lost"), fx),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.talk.handle(Input::Gone("connection lost"), fx),
        }
    }

    /// Submits and writes, until nothing is left to do or something has to be awaited.
    fn carry_out(&mut self, mut fx: Effects) -> Option<Rare> {
        loop {
            if let Some(rejection) = fx.stranger.take() {
                self.refuse_stranger(&rejection);
            }
            self.submit(&mut fx);
            if let Err(reason) = self.write(std::mem::take(&mut fx.send)) {
                self.talk.handle(Input::Gone(reason), &mut fx);
                self.submit(&mut fx);
                return Some(Rare::End(fx.close.take().unwrap_or_default()));
            }
            if let Some(end) = fx.close {
                return Some(Rare::End(end));
            }
            if let Some(request) = fx.connect {
                return Some(Rare::Connect(request));
            }
            if self.unread() == 0 && self.talk.session.reports_what_left() {
                self.talk.handle(Input::Written, &mut fx);
            }
            self.packets_that_waited(&mut fx);
            if is_done(&fx) {
                return None;
            }
        }
    }

    /// Packets behind CONNECT.
    fn packets_that_waited(&mut self, fx: &mut Effects) {
        if !self.talk.session.hears() || fx.connect.is_some() {
            return;
        }
        if let Some(mut input) = self.input.take() {
            self.talk.frames(&mut input, fx);
            self.keep(*input);
        }
    }

    fn keep(&mut self, input: BytesMut) {
        self.input = (!input.is_empty()).then(|| Box::new(input));
    }

    fn submit(&mut self, fx: &mut Effects) {
        if fx.submit.is_empty() {
            return;
        }
        if let Some(handle) = &self.handle {
            let ticket = handle.submit(std::mem::take(&mut fx.submit));
            self.tickets.push_back(ticket);
        }
    }

    /// One write for all packets. `Err`: why the connection is gone.
    fn write(&mut self, packets: Vec<Packet>) -> Result<(), &'static str> {
        if packets.is_empty() && self.output.is_none() {
            return Ok(());
        }
        let before = self.output.take();
        let (mut bytes, by) = before.map_or_else(Default::default, |unread| {
            let Unread { bytes, by } = *unread;
            (bytes, Some(by))
        });
        let before = bytes.len();
        let mut complete = true;
        let result = buffers::write(&mut self.wire, &mut bytes, |bytes| {
            complete = self.talk.encode(&packets, bytes);
        });
        if !bytes.is_empty() {
            let anew = || self.talk.now().mono + self.talk.shared.config.write_timeout.0;
            let by = by.filter(|_| bytes.len() >= before);
            let by = by.unwrap_or_else(anew);
            self.output = Some(Box::new(Unread { bytes, by }));
        }
        match result {
            Err(_) => Err("connection lost"),
            Ok(()) if complete => Ok(()),
            Ok(()) => Err("an answer could not be written"),
        }
    }

    async fn connect(&mut self, request: ConnectAs) -> Input {
        if self.pass.crowded {
            let detail = "more connections than mqtt.max_connections";
            let rejection = Rejection::new(Reason::TooManyConnections, detail);
            self.refuse_stranger(&rejection);
            return Input::Refused(rejection);
        }
        let room = usize::from(self.talk.shared.settings.inflight_window);
        let (sender, receiver) = downlink_line(room);
        // A certificate is the only credentials of who shows one (contract/mqtt.md 2).
        let presented = match self.wire.certificates() {
            Some(chain) => Presented::Certificate(chain),
            None => request.presented,
        };
        let request = ConnectRequest {
            presented,
            transport: Transport::Mqtt,
            peer: self.pass.peer(),
            session: Some(OpenSession {
                client_id: request.client_id,
                clean_start: request.clean_start,
                expiry: request.expiry,
                downlinks: sender,
            }),
        };
        match self.talk.shared.registry.connect(request).await {
            Ok(connected) => {
                self.pass.authenticated();
                self.handle = Some(connected.handle);
                self.downlinks = Some(receiver);
                Input::Connected(Granted {
                    profile: connected.profile,
                    resumed: connected.resumed,
                })
            }
            Err(rejection) => Input::Refused(rejection),
        }
    }

    fn refuse_stranger(&self, rejection: &Rejection) {
        let peer = self.pass.peer();
        let registry = &self.talk.shared.registry;
        registry.refuse_stranger(Transport::Mqtt, peer, rejection);
    }

    /// The device learns of the end at once; the client may take a moment to read our last words.
    async fn finish(&mut self, end: SessionEnd) {
        let handle = self.handle.take();
        // A device actor that waits for this end must not find a full line.
        self.downlinks = None;
        let told = async move {
            if let Some(handle) = handle {
                handle.close(end).await;
            }
        };
        let rest = self.output.take().map(|unread| unread.bytes);
        let rest = rest.unwrap_or_default();
        let linger = tokio::time::timeout(LINGER, self.wire.last_words(rest));
        let _ = futures_util::join!(told, linger);
    }
}

fn is_done(fx: &Effects) -> bool {
    fx.send.is_empty()
        && fx.submit.is_empty()
        && fx.connect.is_none()
        && fx.stranger.is_none()
        && fx.close.is_none()
}

fn close(reason: Reason) -> Input {
    Input::Downlink(Downlink {
        id: 0,
        body: DownlinkBody::Close(reason),
    })
}

#[cfg(test)]
mod tests {
    use super::super::accept::serve;
    use super::*;

    fn size_of_result<R>(_: impl FnOnce(Connection) -> R) -> usize {
        std::mem::size_of::<R>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let itself = std::mem::size_of::<Connection>();
        let task = size_of_result(serve);
        println!("connection {itself}, task {task} bytes");
        // With what tokio adds it is 384 bytes then: a task takes a multiple of 128.
        assert!(itself <= 240, "{itself} bytes");
        assert!(task <= itself + 48, "{task} bytes");
        assert!(std::mem::size_of::<Downlink>() <= 80);
    }
}
