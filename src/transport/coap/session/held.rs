//! Notifications that wait while the client fetches a body of the same resource in blocks.
//!
//! Later blocks are asked for by the resource alone (RFC 7959 section 2.6): a body that takes the
//! place of the one before takes its rest away. What an observer hears here is a change or a
//! request, which is told only once, so the next one waits until the last block has been asked
//! for, or `block_timeout` has passed without any.

use super::effects::{Effects, Notice, ObservationId, Step};
use super::peers::Slot;
use super::Endpoint;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

type Line = VecDeque<(ObservationId, Notice)>;

/// By peer and by what blocks are found by; only where something waits.
#[derive(Default)]
pub(super) struct Held {
    lines: BTreeMap<(Slot, u64), Line>,
}

impl Held {
    fn of(&self, slot: Slot) -> impl Iterator<Item = u64> + '_ {
        let all = self.lines.range((slot, 0)..=(slot, u64::MAX));
        all.map(|((_, key), _)| *key)
    }

    pub fn forget(&mut self, slot: Slot, id: ObservationId) {
        if self.lines.is_empty() {
            return;
        }
        for ((of, _), line) in &mut self.lines {
            if *of == slot {
                line.retain(|(known, _)| *known != id);
            }
        }
        self.lines.retain(|_, line| !line.is_empty());
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.lines.values().map(VecDeque::len).sum()
    }
}

impl Endpoint {
    /// True: the notice waits, or there was no room for it.
    pub(super) fn hold(
        &mut self,
        slot: Slot,
        key: u64,
        id: ObservationId,
        notice: &Notice,
        fx: &mut Effects,
    ) -> bool {
        let place = (slot, key);
        if !self.held.lines.contains_key(&place) && !self.is_fetched(slot, key) {
            return false;
        }
        let line = self.held.lines.entry(place).or_default();
        if line.len() >= self.settings.line {
            fx.notes.push((id, notice.note, Step::Failed));
        } else {
            line.push_back((id, notice.clone()));
        }
        true
    }

    /// Tells a peer's observers what waited, as far as nothing is being fetched any more.
    pub(super) fn release(&mut self, slot: Slot, now: Duration, fx: &mut Effects) {
        let keys: Vec<u64> = self.held.of(slot).collect();
        for key in keys {
            while !self.is_fetched(slot, key) {
                let line = self.held.lines.get_mut(&(slot, key));
                let Some((id, notice)) = line.and_then(VecDeque::pop_front) else {
                    self.held.lines.remove(&(slot, key));
                    break;
                };
                self.tell(id, &notice, now, fx);
            }
        }
    }
}
