//! A turn of the actor: takes mail in its order, asks the state, commits, and only then lets
//! anything out. While a turn waits for the disk, the next mail waits for the turn.

use super::alarms::Alarms;
use super::host::Host;
use super::limits::{Limits, ServerLimits};
use super::lines::Lines;
use super::messages::{Letter, Mail, PollId};
use super::state::State;
use super::turn_group::Group;
use crate::model::attributes::{Revision, Scope};
use crate::model::event::EventKind;
use crate::model::ids::Epoch;
use crate::model::reject::Rejection;
use crate::model::scarce::Scarce;
use crate::model::Millis;
use crate::observability::Metrics;
use crate::store::SharedStore;
use actix::ArbiterHandle;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// A thread that actors live on.
pub struct Home {
    pub arbiter: ArbiterHandle,
    pub alarms: Arc<Alarms>,
}

/// What an actor needs of the world.
pub struct Outside {
    pub homes: Vec<Home>,
    pub store: SharedStore,
    pub host: Arc<dyn Host>,
    pub metrics: Metrics,
    pub limits: ServerLimits,
}

const SPEAKS: Millis = Millis::MAX;

pub struct Turn {
    pub(super) state: State,
    pub(super) lines: Lines,
    /// `None`: the device has none of its own.
    pub(super) limits: Option<Box<Limits>>,
    pub(super) last_poll: PollId,
    /// Why nobody is served: no such device (`None`), or it could not be read.
    pub(super) absent: Option<Box<Option<Rejection>>>,
    /// Dropped when the last session is over and everything is written.
    pub(super) stopping: Scarce<oneshot::Sender<()>>,
    /// `SPEAKS`: it is not quiet.
    quiet_since: Millis,
    pub(super) hold_until: Millis,
    /// All is written and nobody is here: the actor may go.
    pub(super) leaving: bool,
}

/// Receive time: the one place where an actor looks at the clock.
pub fn clock() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}

impl Turn {
    pub fn new(state: State, lines: Lines) -> Self {
        Self {
            limits: Limits::set(None, None, &lines.desk.outside.limits),
            state,
            lines,
            last_poll: 0,
            absent: None,
            stopping: Scarce::default(),
            quiet_since: SPEAKS,
            hold_until: 0,
            leaving: false,
        }
    }

    /// What most turns do not need is boxed: the shell allocates and moves the rest at each turn.
    pub async fn run(&mut self, letters: VecDeque<Letter>) {
        self.leaving = false;
        let only_ticks = letters.iter().all(|l| matches!(l.mail, Mail::Tick));
        let mut group = Group::new();
        let mut slips = Vec::new();
        for letter in letters {
            slips.push(letter.slip);
            match letter.mail {
                Mail::Uplinks {
                    from,
                    uplinks,
                    reply,
                    ..
                } => self.uplinks(from, uplinks, reply, &mut group).await,
                mail => {
                    Box::pin(self.flush(&mut group)).await;
                    Box::pin(self.take(mail)).await;
                }
            }
        }
        self.flush(&mut group).await;
        self.settle().await;
        self.rest(only_ticks).await;
    }

    /// Everything that is not uplinks.
    async fn take(&mut self, mail: Mail) {
        let now = clock();
        match mail {
            Mail::Uplinks { .. } => {}
            Mail::Connect {
                session,
                transport,
                asked,
                rates,
                reply,
            } => {
                let server = &self.lines.desk.outside.limits;
                self.limits = Limits::set(self.limits.take(), rates.as_deref(), server);
                self.connect(session, transport, asked, reply, now).await;
            }
            Mail::Close { from, end, done } => {
                self.forget_given_up();
                let from = (from.epoch, from.visitor);
                self.lifecycle(now, |state, fx| state.close(from, end, now, fx))
                    .await;
                drop(done);
            }
            Mail::Poll {
                from,
                poll,
                timeout,
                reply,
            } => self.poll(from, poll, timeout, reply, now).await,
            Mail::PollWritten { poll, written } => {
                // If the cursor cannot be written, the device hears of the change once more.
                let _ = self
                    .step(now, |state, fx| state.poll_written(poll, written, now, fx))
                    .await;
            }
            Mail::Command { command, reply } => self.command(command, reply, now).await,
            Mail::Tick => self.tick(now).await,
            Mail::Stop { done } => self.stop(done, now).await,
        }
    }

    /// A claim whose caller has gone takes nobody's place.
    pub(super) fn forget_given_up(&mut self) {
        for session in self.lines.given_up() {
            self.lines.forget_caller(session);
            self.state.withdraw(session);
        }
    }

    async fn tick(&mut self, now: Millis) {
        if self.absent.is_some() {
            return;
        }
        self.forget_given_up();
        self.lifecycle(now, |state, fx| {
            state.end_overdue(now, fx);
            state.expire_polls(now, fx);
            state.evaluate_activity(now, fx);
        })
        .await;
        if self.state.rpcs.next_deadline().is_some_and(|at| at <= now) {
            // What could not be written stays as it was and is tried again.
            let _ = self.step(now, |state, fx| state.expire_rpcs(now, fx)).await;
        }
    }

    /// Offers what is pending to whoever can take it.
    async fn settle(&mut self) {
        if self.absent.is_some() {
            return;
        }
        let (behind, polls_behind) = (self.state.behind(), self.state.polls_behind());
        if !behind.is_empty() || polls_behind.is_some() {
            Box::pin(self.offer_attributes(behind)).await;
        }
        self.state.offer_rpcs(clock(), &mut self.lines);
    }

    async fn offer_attributes(&mut self, behind: Vec<(Epoch, Revision)>) {
        let (device, store) = (self.state.device, self.lines.desk.outside.store.clone());
        for (epoch, since) in behind {
            let changes = store.changes_since(device, Scope::Shared, since).await;
            // What cannot be read now is offered after the next mail or tick.
            let Ok(changes) = changes else { continue };
            let revision = changes.revision;
            if let Some(downlink) = self.state.attributes_downlink(epoch, changes) {
                if super::handle_rpc::Takers::session(&mut self.lines, epoch, downlink) {
                    self.state.attributes_offered(epoch, revision);
                }
            }
        }
        if let Some(since) = self.state.polls_behind() {
            let changes = store.changes_since(device, Scope::Shared, since).await;
            if let Ok(changes) = changes {
                self.state.answer_polls(changes, &mut self.lines);
            }
        }
    }

    /// The end of a turn: is anybody still here?
    async fn rest(&mut self, only_ticks: bool) {
        let now = clock();
        let over = self.absent.is_some() || self.state.closed.is_some();
        if over && self.state.sessions.is_empty() {
            if self.absent.is_none() {
                Box::pin(self.commit_notes(now, true)).await;
            }
            drop(self.stopping.take());
            self.leaving = true;
            return;
        }
        if !only_ticks || self.quiet_since == SPEAKS || !self.state.is_quiet() {
            self.note_quiet(now);
        }
        if self.leave_at().is_some_and(|at| at <= now) {
            self.leaving = Box::pin(self.commit_notes(now, true)).await;
        }
    }

    /// Somebody spoke: from now on it is quiet, or it is not.
    pub(super) fn note_quiet(&mut self, now: Millis) {
        self.quiet_since = if self.state.is_quiet() { now } else { SPEAKS };
    }

    fn leave_at(&self) -> Option<Millis> {
        let idle_after = self.state.config.idle_after.millis();
        let full = self.limits.as_ref().map_or(0, |limits| limits.full_at());
        // A new actor would begin with full buckets.
        let leave = |at: Millis| at.saturating_add(idle_after).max(full);
        (self.quiet_since != SPEAKS).then(|| leave(self.quiet_since))
    }

    /// When the next tick is needed.
    pub fn next_wake(&self) -> Option<Millis> {
        let deadlines = [self.state.next_deadline(), self.leave_at()];
        let next = super::state::earliest(deadlines)?;
        Some(next.max(self.hold_until))
    }
}

impl Drop for Turn {
    /// The actor died in this turn: no session of it ends without a row.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let (now, rejection) = (clock(), super::link::died());
        for session in &self.state.sessions {
            self.refused(session.transport, &rejection, now);
            let reason = rejection.reason.label().to_owned();
            let kind = EventKind::Disconnected { reason };
            self.publish(now, Some(session.transport), kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, R>(_: impl FnOnce(&'static mut Turn, A) -> R) -> usize {
        std::mem::size_of::<R>()
    }

    #[test]
    fn a_turn_that_only_writes_points_is_small() {
        let run = size_of_future(|turn, letters| turn.run(letters));
        println!("turn {run} bytes");
        assert!(run <= 1400, "{run} bytes");
    }
}
