//! Attributes in their three scopes, and who is told of SHARED changes
//! (contract/data-model.md 5, design.md 7.9).

use super::activity::TIMEOUT;
use super::effects::Effects;
use super::handle_telemetry::fits;
use super::state::State;
use crate::model::attributes::{Attribute, AttributeChanges, Revision, Scope};
use crate::model::downlink::{Downlink, DownlinkBody, DownlinkId};
use crate::model::event::EventKind;
use crate::model::ids::Epoch;
use crate::model::session::Transport;
use crate::model::uplink::{DeliveryStep, Outcome};
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::Change;

impl State {
    /// CLIENT scope, from the device: only what changed in value or type is written, so
    /// `lastUpdateTs` stands still when a device repeats itself. `current`: what is stored now.
    pub fn client_attributes(
        &mut self,
        entries: Vec<(Key, Value)>,
        nulls_skipped: u32,
        current: &[Attribute],
        transport: Transport,
        now: Millis,
        fx: &mut Effects,
    ) -> Outcome {
        self.heard(Some(transport), now, fx);
        self.note_nulls(nulls_skipped, transport, fx);
        if let Err(rejection) = fits(&entries) {
            return Outcome::Refused(rejection);
        }
        let same = |key: &Key, value: &Value| {
            let mut stored = current.iter();
            stored.any(|attribute| attribute.key == *key && attribute.value == *value)
        };
        let changed = entries.into_iter().filter(|(key, value)| !same(key, value));
        self.put(Scope::Client, changed.collect(), transport, now, fx);
        Outcome::Done
    }

    /// Any scope, from an operator.
    pub fn save_attributes(
        &mut self,
        scope: Scope,
        entries: Vec<(Key, Value)>,
        now: Millis,
        fx: &mut Effects,
    ) -> Outcome {
        if let Err(rejection) = fits(&entries) {
            return Outcome::Refused(rejection);
        }
        if scope == Scope::Server {
            let timeout = entries.iter().rev().find(|(key, _)| key == TIMEOUT);
            if let Some((_, value)) = timeout {
                let default = self.config.inactivity_timeout.millis();
                self.activity.set_timeout(Some(value), default);
                self.evaluate_activity(now, fx);
            }
        }
        self.put(scope, entries, Transport::Rest, now, fx);
        Outcome::Done
    }

    fn put(
        &mut self,
        scope: Scope,
        entries: Vec<(Key, Value)>,
        transport: Transport,
        now: Millis,
        fx: &mut Effects,
    ) {
        if entries.is_empty() {
            return;
        }
        let keys = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        fx.changes.push(Change::AttributesPut {
            device: self.device,
            scope,
            at: now,
            entries,
        });
        fx.event(Some(transport), EventKind::AttributesSaved { scope, keys });
    }

    pub fn delete_attributes(
        &mut self,
        scope: Scope,
        keys: Vec<Key>,
        now: Millis,
        fx: &mut Effects,
    ) {
        if keys.is_empty() {
            return;
        }
        if scope == Scope::Server && keys.iter().any(|key| key == TIMEOUT) {
            let default = self.config.inactivity_timeout.millis();
            self.activity.set_timeout(None, default);
            self.evaluate_activity(now, fx);
        }
        let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        fx.changes.push(Change::AttributesDelete {
            device: self.device,
            scope,
            at: now,
            keys,
        });
        fx.event(
            Some(Transport::Rest),
            EventKind::AttributesDeleted { scope, keys: count },
        );
    }

    pub(super) fn evaluate_activity(&mut self, now: Millis, fx: &mut Effects) {
        match self.activity.evaluate(now) {
            Some(true) => fx.event(None, EventKind::Active),
            Some(false) => fx.event(None, EventKind::Inactive),
            None => {}
        }
    }

    /// Sessions that have not been offered the newest SHARED changes, and from where to read.
    pub fn behind(&self) -> Vec<(Epoch, Revision)> {
        let revision = self.shared_revision;
        self.sessions
            .iter()
            .filter(|s| s.subscriptions.attributes && s.takes_downlinks() && s.offered < revision)
            .map(|s| (s.epoch, if s.failed { s.acknowledged } else { s.offered }))
            .collect()
    }

    /// What `epoch` has to hear; `None` when nothing did change after all.
    pub fn attributes_downlink(
        &mut self,
        epoch: Epoch,
        changes: AttributeChanges,
    ) -> Option<Downlink> {
        let session = self.session_mut(epoch)?;
        if changes.is_empty() {
            let all_heard = session.acknowledged == session.offered;
            session.offered = session.offered.max(changes.revision);
            if all_heard {
                session.acknowledged = session.offered;
            }
            return None;
        }
        Some(downlink(changes))
    }

    /// The session's line took it.
    pub fn attributes_offered(&mut self, epoch: Epoch, revision: Revision) {
        if let Some(session) = self.session_mut(epoch) {
            session.offered = session.offered.max(revision);
            session.failed = false;
        }
    }

    /// How a downlink of attributes fared. Also for one of an earlier session of the device,
    /// which its transport sent again.
    pub(super) fn attributes_delivery(&mut self, epoch: Epoch, id: DownlinkId, step: DeliveryStep) {
        let newest = self.shared_revision;
        let Some(session) = self.session_mut(epoch) else {
            return;
        };
        match step {
            DeliveryStep::Sent => {}
            DeliveryStep::Delivered => {
                session.acknowledged = session.acknowledged.max(id.min(newest));
            }
            // Kept: merged into the next change, or sent when the device subscribes again.
            DeliveryStep::Failed => session.failed = true,
        }
        if session.is_persistent() {
            let (client_id, acknowledged) = (session.client_id.clone(), session.acknowledged);
            let stored = self.stored.as_mut();
            if let Some(stored) = stored.filter(|stored| *stored.client_id == *client_id) {
                stored.acknowledged = acknowledged;
                self.stored_unwritten.get_or_insert(false);
            }
        }
    }
}

/// A downlink of SHARED changes is named by its revision.
pub(super) fn downlink(changes: AttributeChanges) -> Downlink {
    Downlink {
        id: changes.revision,
        body: DownlinkBody::AttributesChanged {
            revision: changes.revision,
            updated: changes.updated,
            deleted: changes.deleted,
        },
    }
}
