//! Time: what is due, and what of a peer is no longer remembered.

use super::effects::Effects;
use super::peers::Slot;
use super::Endpoint;
use std::collections::BTreeSet;
use std::time::Duration;

/// When peers are looked after; one entry a peer.
#[derive(Default)]
pub(super) struct Timers {
    sweeps: BTreeSet<(Micros, Slot)>,
}

/// Half of a `Duration`: the first one at or behind it.
type Micros = u64;

fn micros(at: Duration) -> Micros {
    u64::try_from(at.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
}

impl Timers {
    pub fn next(&self) -> Option<Duration> {
        self.sweeps
            .first()
            .map(|(at, _)| Duration::from_micros(*at))
    }

    /// The peer that has waited longest to be looked after.
    pub fn first_swept(&self) -> Option<Slot> {
        self.sweeps.first().map(|(_, slot)| *slot)
    }
}

impl Endpoint {
    /// Does what is due.
    pub fn tick(&mut self, now: Duration, fx: &mut Effects) {
        self.acknowledge(now, fx);
        self.retransmit(now, fx);
        while let Some((at, slot)) = self.timers.sweeps.first().copied() {
            if Duration::from_micros(at) > now {
                return;
            }
            self.timers.sweeps.pop_first();
            self.sweep(slot, now, fx);
        }
    }

    /// Has the peer looked after at `at`, or before.
    pub(super) fn arm(&mut self, slot: Slot, at: Duration) {
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        match state.sweep_at {
            Some(before) if before <= at => return,
            Some(before) => {
                self.timers.sweeps.remove(&(micros(before), slot));
            }
            None => {}
        }
        state.sweep_at = Some(at);
        self.timers.sweeps.insert((micros(at), slot));
    }

    fn sweep(&mut self, slot: Slot, now: Duration, fx: &mut Effects) {
        let lifetime = self.settings.exchange_lifetime;
        let patience = self.settings.block_timeout;
        let check = self.settings.observe_check;
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        state.sweep_at = None;
        let lives = |at: u32| Duration::from_secs(u64::from(at)) + lifetime > now;
        while state.recent.front().is_some_and(|(_, at)| !lives(*at)) {
            self.recent.forget_oldest(slot, state);
        }
        let mut freed = 0;
        state.uploads.retain(|upload| {
            let lives = upload.touched + patience > now;
            freed += if lives { 0 } else { upload.bytes() };
            lives
        });
        state.downloads.retain(|download| {
            let lives = download.touched + patience > now;
            freed += if lives { 0 } else { download.bytes() };
            lives
        });
        self.bodies -= freed;
        let silent = !state.observations.is_empty() && state.heard + check <= now;
        if silent {
            // The next question, if this one is answered.
            state.heard = now;
            self.ping(slot, now, fx);
        }
        self.release(slot, now, fx);
        self.arm_again(slot);
    }

    /// For the earliest of what is still remembered.
    fn arm_again(&mut self, slot: Slot) {
        let lifetime = self.settings.exchange_lifetime;
        let patience = self.settings.block_timeout;
        let check = self.settings.observe_check;
        let Some(state) = self.peers.get(slot) else {
            return;
        };
        let recent = state
            .recent
            .front()
            .map(|(_, at)| Duration::from_secs(u64::from(*at)) + lifetime);
        let touched = state.uploads.iter().map(|upload| upload.touched);
        let touched = touched.chain(state.downloads.iter().map(|download| download.touched));
        let transfers = touched.min().map(|touched| touched + patience);
        let observing = (!state.observations.is_empty()).then(|| state.heard + check);
        match [recent, transfers, observing].into_iter().flatten().min() {
            Some(at) => self.arm(slot, at),
            None => self.rest(slot),
        }
    }

    /// A peer of which nothing is left is forgotten.
    pub(super) fn rest(&mut self, slot: Slot) {
        self.peers.leave_if_idle(slot);
    }
}
