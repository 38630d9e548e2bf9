//! Telemetry, signs of life, and refusals that transports report (contract/data-model.md 3, 6).

use super::batching::{oversized, MAX_VALUE};
use super::effects::Effects;
use super::state::State;
use crate::model::event::EventKind;
use crate::model::reject::{Reason, Rejection};
use crate::model::session::Transport;
use crate::model::telemetry::Telemetry;
use crate::model::uplink::Outcome;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::batch::DeleteSelection;
use crate::store::Change;

impl State {
    /// A sign of life of the device.
    pub fn heard(&mut self, transport: Option<Transport>, now: Millis, fx: &mut Effects) {
        if self.activity.touch(now) {
            fx.event(transport, EventKind::Active);
        }
    }

    /// Telemetry of the device itself, or of an operator in its name (which is no activity).
    pub fn telemetry(
        &mut self,
        telemetry: Telemetry,
        transport: Transport,
        now: Millis,
        fx: &mut Effects,
    ) -> Outcome {
        if transport != Transport::Rest {
            self.heard(Some(transport), now, fx);
        }
        self.note_nulls(telemetry.nulls_skipped, transport, fx);
        // Only what is long as a whole can have a part that is too long.
        if telemetry.rows.bytes().len() > MAX_VALUE {
            for row in telemetry.rows.iter() {
                if let Err(rejection) = fits(&row.values) {
                    return Outcome::Refused(rejection);
                }
            }
        }
        let points = telemetry.points();
        if points == 0 {
            return Outcome::Done;
        }
        fx.changes.push(Change::Telemetry {
            device: self.device,
            origin: self.next_origin(),
            rows: telemetry.rows,
        });
        let points = u32::try_from(points).unwrap_or(u32::MAX);
        fx.saved(transport, points);
        Outcome::Done
    }

    pub fn delete_telemetry(
        &mut self,
        keys: Vec<Key>,
        selection: DeleteSelection,
        fx: &mut Effects,
    ) {
        fx.changes.push(Change::TelemetryDelete {
            device: self.device,
            keys,
            selection,
        });
    }

    /// `null` values are skipped, but never silently (contract/data-model.md 11.2).
    pub(super) fn note_nulls(&self, skipped: u32, transport: Transport, fx: &mut Effects) {
        if skipped > 0 {
            let detail = format!("{skipped} null value(s) skipped");
            fx.refuse(transport, Rejection::new(Reason::NullValue, detail));
        }
    }
}

/// Each value fits into a batch of the log.
pub(super) fn fits<'a>(
    entries: impl IntoIterator<Item = &'a (Key, Value)>,
) -> Result<(), Rejection> {
    match oversized(entries) {
        Some(key) => Err(Rejection::new(
            Reason::TooLarge,
            format!("the value of `{key}` is larger than 900 KiB"),
        )),
        None => Ok(()),
    }
}
