//! The actor's open lines: who waits for what. The state knows them by their ids only.

use super::desk::Desk;
use super::downlinks::DownlinkSender;
use super::effects::Admission;
use super::few::{Few, Seldom};
use super::handle_rpc::Takers;
use super::link::Link;
use super::messages::{
    Admitted, CallReply, CommandReply, ConnectReply, Mail, PollId, PollReply, Polled, Speaker,
};
use crate::model::downlink::{Downlink, DownlinkBody};
use crate::model::ids::{Epoch, RpcId, SessionId};
use crate::model::reject::{Reason, Rejection};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Names the downlink that tells a session to end.
const CLOSE_ID: u64 = u64::MAX;

/// Somebody whose connect is not answered yet.
pub struct Caller {
    pub reply: oneshot::Sender<ConnectReply>,
    /// `None`: a single request.
    pub downlinks: Option<DownlinkSender>,
}

pub struct Lines {
    pub(super) desk: Arc<Desk>,
    sessions: Few<Epoch, DownlinkSender>,
    callers: Seldom<SessionId, Caller>,
    rpcs: Seldom<RpcId, oneshot::Sender<CallReply>>,
    polls: Seldom<PollId, oneshot::Sender<PollReply>>,
}

impl Lines {
    pub fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            sessions: Few::default(),
            callers: Seldom::default(),
            rpcs: Seldom::default(),
            polls: Seldom::default(),
        }
    }

    pub fn wait_for_admission(&mut self, session: SessionId, caller: Caller) {
        self.callers.insert(session, caller);
    }

    pub fn wait_for_rpc(&mut self, rpc: RpcId, reply: oneshot::Sender<CallReply>) {
        self.rpcs.insert(rpc, reply);
    }

    pub fn wait_for_poll(&mut self, poll: PollId, reply: oneshot::Sender<PollReply>) {
        self.polls.insert(poll, reply);
    }

    /// Claims whose callers have gone.
    pub fn given_up(&self) -> Vec<SessionId> {
        let gone = self.callers.iter().filter(|(_, c)| c.reply.is_closed());
        gone.map(|(session, _)| *session).collect()
    }

    pub fn forget_caller(&mut self, session: SessionId) -> Option<Caller> {
        self.callers.remove(&session)
    }

    pub fn poll_is_gone(&self, poll: PollId) -> bool {
        self.polls.get(&poll).is_none_or(|reply| reply.is_closed())
    }

    pub fn drop_gone_polls(&mut self) {
        self.polls.retain(|reply| !reply.is_closed());
    }

    /// Hands the line to the caller. If he has gone, dropping the line ends the session.
    pub fn admit(&mut self, admission: Admission) {
        let Some(caller) = self.callers.remove(&admission.session) else {
            return;
        };
        let speaker = Speaker {
            session: admission.session,
            epoch: admission.epoch,
            transport: admission.transport,
            visitor: caller.downlinks.is_none(),
        };
        if let Some(downlinks) = caller.downlinks {
            self.sessions.insert(admission.epoch, downlinks);
        }
        let link = Link::new(self.desk.clone(), speaker);
        let _ = caller.reply.send(Some(Ok(Admitted {
            link,
            resumed: admission.resumed,
        })));
    }

    pub fn decline(&mut self, session: SessionId, reply: ConnectReply) {
        if let Some(caller) = self.callers.remove(&session) {
            let _ = caller.reply.send(reply);
        }
    }

    pub fn answer(&mut self, rpc: RpcId, reply: CommandReply) {
        if let Some(caller) = self.rpcs.remove(&rpc) {
            let _ = caller.send(Some(reply));
        }
    }

    /// The platform or the device ends: nobody waits for an RPC any longer.
    pub fn refuse_rpcs(&mut self, rejection: &Rejection) {
        for caller in self.rpcs.take() {
            let _ = caller.send(Some(CommandReply::Refused(rejection.clone())));
        }
    }

    pub fn end_poll(&mut self, poll: PollId, end: Result<(), Rejection>) {
        if let Some(reply) = self.polls.remove(&poll) {
            let _ = reply.send(end.map(|()| None));
        }
    }

    /// Tells a session to end, behind what it has not taken yet.
    pub fn tell_to_end(&self, epoch: Epoch, reason: Reason) {
        if let Some(line) = self.sessions.get(&epoch) {
            line.end_with(Box::new(close(reason)));
        }
    }

    pub fn cut(&mut self, epoch: Epoch) {
        self.sessions.remove(&epoch);
    }
}

fn close(reason: Reason) -> Downlink {
    Downlink {
        id: CLOSE_ID,
        body: DownlinkBody::Close(reason),
    }
}

impl Takers for Lines {
    fn session(&mut self, epoch: Epoch, downlink: Downlink) -> bool {
        let line = self.sessions.get(&epoch);
        line.is_some_and(|line| line.offer(Box::new(downlink)))
    }

    /// The poll's answer leaves; whether it was written comes back as mail.
    fn poll(&mut self, poll: PollId, downlink: Downlink) -> bool {
        let Some(reply) = self.polls.remove(&poll) else {
            return false;
        };
        let (written, was_written) = oneshot::channel();
        if reply.send(Ok(Some(Polled { downlink, written }))).is_err() {
            return false;
        }
        let desk = self.desk.clone();
        actix::spawn(async move {
            let written = was_written.await.unwrap_or(false);
            desk.post(Mail::PollWritten { poll, written }.into());
        });
        true
    }
}

impl Drop for Lines {
    /// Only an actor that died still has lines: its sessions must not outlive it.
    fn drop(&mut self) {
        for line in self.sessions.take() {
            line.end_with(Box::new(close(Reason::Internal)));
        }
    }
}
