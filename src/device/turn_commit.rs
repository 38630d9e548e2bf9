//! The middle of every step: commit, and only then let out.

use super::batching::batches;
use super::courier::Courier;
use super::effects::Effects;
use super::state::{Notes, State};
use super::turn::Turn;
use crate::model::attributes::Scope;
use crate::model::event::{DeviceEvent, EventKind};
use crate::model::reject::Rejection;
use crate::model::session::Transport;
use crate::model::Millis;
use crate::store::{Batch, Change, StoreError};

/// After a commit failed, what is due by itself waits this long.
const HOLD_AFTER_FAILURE: Millis = 1_000;

impl Turn {
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
                Box::pin(self.commit_notes(now, false)).await;
            }
            return Ok(());
        }
        let shared = changes.iter().any(is_shared);
        let saved = self.state.clone_notes();
        changes.extend(self.state.drain_notes(now, false));
        if let Err(error) = self.write(changes).await {
            self.not_written(saved, now);
            return Err(error);
        }
        if shared {
            Box::pin(self.read_shared_revision()).await;
        }
        Ok(())
    }

    /// A commit failed: its notes are unwritten again.
    pub(super) fn not_written(&mut self, saved: Notes, now: Millis) {
        self.state.restore_notes(saved);
        self.hold_until = now.saturating_add(HOLD_AFTER_FAILURE);
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
            Courier::of_thread(&self.lines.desk.outside.store)
                .commit(batch)
                .await?;
        }
        Ok(())
    }

    async fn read_shared_revision(&mut self) {
        let store = &self.lines.desk.outside.store;
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
        // Before the closes: with a claim behind it, a session is told to end in the very step that
        // admits it.
        for admission in fx.admitted {
            self.lines.admit(admission);
        }
        for (epoch, reason) in fx.closes {
            self.lines.tell_to_end(epoch, reason);
        }
        for epoch in fx.ended {
            self.lines.cut(epoch);
        }
        for (poll, end) in fx.polls {
            self.lines.end_poll(poll, end);
        }
    }

    /// Counted, and a row in the device's stream.
    pub(super) fn refused(&self, transport: Transport, rejection: &Rejection, now: Millis) {
        self.lines
            .desk
            .outside
            .metrics
            .rejected(transport, rejection.reason);
        let kind = EventKind::Refused {
            reason: rejection.reason,
            detail: rejection.detail.to_string(),
        };
        self.publish(now, Some(transport), kind);
    }

    pub(super) fn publish(&self, at: Millis, transport: Option<Transport>, kind: EventKind) {
        self.lines.desk.outside.host.publish(DeviceEvent {
            device: self.state.device,
            at,
            transport,
            kind: kind.shared(),
        });
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
