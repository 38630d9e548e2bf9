//! A turn of the actor: takes mail in its order, asks the state, commits, and only then lets
//! anything out. While a turn waits for the disk, the next mail waits for the turn.

use super::batching::batches;
use super::effects::Effects;
use super::host::Host;
use super::lines::Lines;
use super::messages::{Letter, Mail, PollId};
use super::state::State;
use super::turn_uplinks::Group;
use crate::model::attributes::Scope;
use crate::model::event::{DeviceEvent, EventKind};
use crate::model::reject::Rejection;
use crate::model::session::Transport;
use crate::model::Millis;
use crate::observability::Metrics;
use crate::store::{Batch, Change, SharedStore, StoreError};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// After a commit failed, what is due by itself waits this long.
const HOLD_AFTER_FAILURE: Millis = 1_000;

/// What an actor needs of the world.
#[derive(Clone)]
pub struct Outside {
    pub store: SharedStore,
    pub host: Arc<dyn Host>,
    pub metrics: Metrics,
}

pub struct Turn {
    pub(super) state: State,
    pub(super) lines: Lines,
    pub(super) outside: Outside,
    pub(super) last_poll: PollId,
    /// Why nobody is served: no such device (`None`), or it could not be read.
    pub(super) absent: Option<Option<Rejection>>,
    /// Dropped when the last session is over and everything is written.
    pub(super) stopping: Vec<oneshot::Sender<()>>,
    quiet_since: Option<Millis>,
    hold_until: Millis,
    /// All is written and nobody is here: the actor may go.
    pub(super) leaving: bool,
}

/// Receive time: the one place where an actor looks at the clock.
pub fn clock() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}

impl Turn {
    pub fn new(state: State, lines: Lines, outside: Outside) -> Self {
        Self {
            state,
            lines,
            outside,
            last_poll: 0,
            absent: None,
            stopping: Vec::new(),
            quiet_since: None,
            hold_until: 0,
            leaving: false,
        }
    }

    pub async fn run(&mut self, letters: Vec<Letter>) {
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
                } => self.uplinks(from, uplinks, reply, &mut group).await,
                mail => {
                    self.flush(&mut group).await;
                    self.take(mail).await;
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
                reply,
            } => self.connect(session, transport, asked, reply, now).await,
            Mail::Close { from, end, done } => {
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

    async fn tick(&mut self, now: Millis) {
        if self.absent.is_some() {
            return;
        }
        for session in self.lines.given_up() {
            self.lines.forget_caller(session);
            self.state.withdraw(session);
        }
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

    /// One step that takes effect only if its changes can be written.
    pub(super) async fn step<T>(
        &mut self,
        now: Millis,
        apply: impl FnOnce(&mut State, &mut Effects) -> T,
    ) -> Result<T, Rejection> {
        let before = self.state.clone();
        let mut fx = Effects::default();
        let out = apply(&mut self.state, &mut fx);
        match self.commit(std::mem::take(&mut fx.changes), now).await {
            Ok(()) => {
                self.release(fx, now);
                Ok(out)
            }
            Err(error) => {
                self.state = before;
                Err(Rejection::from(error))
            }
        }
    }

    /// A step that happens whether or not it can be written now: a connection is gone when it is
    /// gone. What it leaves to write are notes, and they are tried again.
    pub(super) async fn lifecycle(
        &mut self,
        now: Millis,
        apply: impl FnOnce(&mut State, &mut Effects),
    ) {
        let mut fx = Effects::default();
        apply(&mut self.state, &mut fx);
        debug_assert!(fx.changes.is_empty(), "a lifecycle step has only notes");
        // Without changes of its own a commit reports its failures by itself.
        let _ = self.commit(Vec::new(), now).await;
        self.release(fx, now);
    }

    /// Writes the changes, and whatever notes are due along with them.
    pub(super) async fn commit(
        &mut self,
        mut changes: Vec<Change>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let notes_due = self.state.notes_due_at().is_some_and(|at| at <= now);
        if changes.is_empty() {
            if notes_due {
                self.commit_notes(now, false).await;
            }
            return Ok(());
        }
        let shared = changes.iter().any(is_shared);
        let saved = self.state.clone_notes();
        changes.extend(self.state.drain_notes(now, false));
        if let Err(error) = self.write(changes).await {
            self.state.restore_notes(saved);
            self.hold_until = now.saturating_add(HOLD_AFTER_FAILURE);
            return Err(error);
        }
        if shared {
            self.read_shared_revision().await;
        }
        Ok(())
    }

    /// Writes device state and the stored session; true when nothing is left.
    pub(super) async fn commit_notes(&mut self, now: Millis, force: bool) -> bool {
        let saved = self.state.clone_notes();
        let changes = self.state.drain_notes(now, force);
        if changes.is_empty() {
            return true;
        }
        let Err(error) = self.write(changes).await else {
            return true;
        };
        self.state.restore_notes(saved);
        self.state
            .retry_notes_at(now.saturating_add(HOLD_AFTER_FAILURE));
        self.hold_until = now.saturating_add(HOLD_AFTER_FAILURE);
        let rejection = Rejection::from(error);
        let detail = format!("device state not written yet: {}", rejection.detail);
        self.publish(
            now,
            None,
            EventKind::Refused {
                reason: rejection.reason,
                detail,
            },
        );
        false
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let device = self.state.device;
        for changes in batches(changes) {
            let batch = Batch::of_device(device, changes);
            self.outside.store.commit(batch).await?;
        }
        Ok(())
    }

    async fn read_shared_revision(&mut self) {
        let store = &self.outside.store;
        let revision = store.revision(self.state.device, Scope::Shared).await;
        // The change is there even if this read fails; reading it will tell the true revision.
        let at_least = self.state.shared_revision + 1;
        self.state.shared_revision = revision.unwrap_or(at_least);
    }

    /// Lets out what a step wanted, now that its changes are on disk.
    pub(super) fn release(&mut self, fx: Effects, now: Millis) {
        for (transport, rejection) in fx.refusals {
            self.refused(transport, &rejection, now);
        }
        for (transport, kind) in fx.events {
            self.publish(now, transport, kind);
        }
        for (rpc, reply) in fx.answers {
            self.lines.answer(rpc, reply);
        }
        let patience = Duration::from_millis(self.state.patience.unsigned_abs());
        for (epoch, reason) in fx.closes {
            self.lines.tell_to_end(epoch, reason, patience);
        }
        for epoch in fx.ended {
            self.lines.cut(epoch);
        }
        for admission in fx.admitted {
            self.lines.admit(admission);
        }
        for (poll, end) in fx.polls {
            self.lines.end_poll(poll, end);
        }
    }

    /// Counted, and a row in the device's stream.
    pub(super) fn refused(&self, transport: Transport, rejection: &Rejection, now: Millis) {
        self.outside.metrics.rejected(transport, rejection.reason);
        let kind = EventKind::Refused {
            reason: rejection.reason,
            detail: rejection.detail.to_string(),
        };
        self.publish(now, Some(transport), kind);
    }

    pub(super) fn publish(&self, at: Millis, transport: Option<Transport>, kind: EventKind) {
        self.outside.host.publish(DeviceEvent {
            device: self.state.device,
            at,
            transport,
            kind: Arc::new(kind),
        });
    }

    /// Offers what is pending to whoever can take it.
    async fn settle(&mut self) {
        if self.absent.is_some() {
            return;
        }
        self.offer_attributes().await;
        self.state.offer_rpcs(clock(), &mut self.lines);
    }

    async fn offer_attributes(&mut self) {
        let (device, store) = (self.state.device, self.outside.store.clone());
        for (epoch, since) in self.state.behind() {
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
                self.commit_notes(now, true).await;
            }
            self.stopping.clear();
            self.leaving = true;
            return;
        }
        if !self.state.is_quiet() {
            self.quiet_since = None;
            return;
        }
        if !only_ticks || self.quiet_since.is_none() {
            self.quiet_since = Some(now);
        }
        if self.leave_at().is_some_and(|at| at <= now) {
            self.leaving = self.commit_notes(now, true).await;
        }
    }

    fn leave_at(&self) -> Option<Millis> {
        let idle_after = self.state.config.idle_after.millis();
        self.quiet_since.map(|at| at.saturating_add(idle_after))
    }

    /// When the next tick is needed.
    pub fn next_wake(&self) -> Option<Millis> {
        let deadlines = [self.state.next_deadline(), self.leave_at()];
        let next = super::state::earliest(deadlines)?;
        Some(next.max(self.hold_until))
    }
}

fn is_shared(change: &Change) -> bool {
    matches!(
        change,
        Change::AttributesPut {
            scope: Scope::Shared,
            ..
        } | Change::AttributesDelete {
            scope: Scope::Shared,
            ..
        }
    )
}
