//! Peers whose security association ended, or goes on under another address.

use super::effects::{Effects, Ended, ObservationId};
use super::peers::Peer;
use super::Endpoint;

impl Endpoint {
    /// Nothing reaches the peer any more: its observations end.
    pub fn gone(&mut self, peer: &Peer, fx: &mut Effects) {
        let Some(slot) = self.peers.slot(peer) else {
            return;
        };
        self.end_observations_of(slot, Ended::Gone, fx);
        self.rest(slot);
    }

    /// The association of `from` goes on under the address of `to`: message ids, tokens and
    /// observations are the association's and stay (RFC 7252, section 9.1.1).
    pub fn moved(&mut self, from: &Peer, to: Peer) {
        self.peers.rename(from, to);
    }

    pub fn observes(&self, peer: &Peer) -> bool {
        let state = self.peers.slot(peer).and_then(|slot| self.peers.at(slot));
        state.is_some_and(|state| !state.observations.is_empty())
    }

    /// Who observes.
    pub fn observer(&self, id: ObservationId) -> Option<Peer> {
        let slot = self.observations.slot(id)?;
        Some(self.peers.at(slot)?.peer)
    }
}
