//! Sessions: claim, takeover, admission, subscription, end (contract/mqtt.md 2, design.md 7.4).

use super::effects::{Admission, Effects};
use super::messages::SessionEnd;
use super::state::{stale, Claim, Session, State};
use crate::model::event::EventKind;
use crate::model::ids::{Epoch, SessionId};
use crate::model::reject::{Reason, Rejection};
use crate::model::session::{StoredSession, Subscriptions, Transport};
use crate::model::uplink::Outcome;
use crate::model::Millis;
use crate::store::Change;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Most sessions have no more to say than these four, and share them.
static PLAIN: LazyLock<[Arc<Subscriptions>; 4]> = LazyLock::new(|| {
    [0, 1, 2, 3].map(|bits| {
        Arc::new(Subscriptions {
            attributes: bits & 1 != 0,
            rpc: bits & 2 != 0,
            wire: Vec::new(),
        })
    })
});

fn shared(subscriptions: Subscriptions) -> Arc<Subscriptions> {
    let known = PLAIN.iter().find(|known| ***known == subscriptions);
    known.map_or_else(|| Arc::new(subscriptions), Arc::clone)
}

impl State {
    /// A single request: activity, no session and no takeover.
    pub fn visit(
        &mut self,
        session: SessionId,
        transport: Transport,
        now: Millis,
        fx: &mut Effects,
    ) {
        self.visitors += 1;
        self.heard(Some(transport), now, fx);
        fx.admitted.push(Admission {
            session,
            epoch: self.visitor_epoch(),
            transport,
            resumed: None,
        });
    }

    /// Requests speak under the life's epoch, or under a newer one once older ones were revoked.
    fn visitor_epoch(&mut self) -> Epoch {
        match self.revoked {
            Some((upto, _)) if self.newest <= upto => self.take_epoch(),
            Some(_) => self.newest,
            None => self.life,
        }
    }

    /// The claim of a new session. It is admitted at once when there is room; else the oldest
    /// session is told why it must end, and the claim waits for that.
    pub fn claim(&mut self, claim: Claim, now: Millis, fx: &mut Effects) {
        self.claims.push(claim);
        self.admit(now, fx);
    }

    /// The caller of a claim has gone.
    pub fn withdraw(&mut self, session: SessionId) {
        self.claims.retain(|claim| claim.session != session);
    }

    /// Admits waiting claims as far as there is room, and makes room for the next. Each protocol
    /// has its own: a gateway's observer does not end the device's MQTT session.
    fn admit(&mut self, now: Millis, fx: &mut Effects) {
        let limit = self.config.sessions.max(1);
        let mut at = 0;
        while let Some(transport) = self.claims.get(at).map(|claim| claim.transport) {
            let of_it = self.sessions.iter().filter(|s| s.transport == transport);
            if of_it.count() >= limit {
                at += 1;
            } else if let Some(claim) = self.claims.remove(at) {
                self.admit_one(claim, now, fx);
            }
        }
        if self.claims.is_empty() {
            return;
        }
        for transport in Transport::ALL {
            self.make_room(transport, limit, now, fx);
        }
    }

    /// Tells the oldest sessions of one protocol to end, as many as claims wait for.
    fn make_room(&mut self, transport: Transport, limit: usize, now: Millis, fx: &mut Effects) {
        let claims = self.claims.iter().filter(|c| c.transport == transport);
        let claims = claims.count();
        let deadline = self.patience_ends(now);
        let sessions = self.sessions.iter_mut();
        let mut own: Vec<&mut Session> = sessions.filter(|s| s.transport == transport).collect();
        let needed = (own.len() + claims).saturating_sub(limit);
        let ending = own.iter().filter(|s| s.ending.is_some()).count();
        own.retain(|s| s.ending.is_none());
        own.sort_by_key(|s| s.epoch);
        for session in own.into_iter().take(needed.saturating_sub(ending)) {
            session.ending = Some((deadline, Reason::TakenOver));
            fx.closes.push((session.epoch, Reason::TakenOver));
        }
    }

    fn admit_one(&mut self, claim: Claim, now: Millis, fx: &mut Effects) {
        let epoch = self.take_epoch();
        let resumed = self.resume(&claim, now);
        let subscriptions = resumed.as_ref().map(|stored| stored.subscriptions.clone());
        let acknowledged = resumed
            .as_ref()
            .map_or(self.shared_revision, |stored| stored.acknowledged);
        if self.sessions.is_empty() {
            // Most devices never have another.
            self.sessions.reserve_exact(1);
        }
        self.sessions.push(Session {
            id: claim.session,
            epoch,
            transport: claim.transport,
            client_id: claim.client_id.clone(),
            expiry: claim.expiry.min(self.config.max_session_expiry.millis()),
            subscriptions: shared(subscriptions.unwrap_or_default()),
            acknowledged,
            offered: acknowledged,
            failed: false,
            ending: None,
        });
        self.heard(Some(claim.transport), now, fx);
        fx.event(
            Some(claim.transport),
            EventKind::Connected {
                client_id: claim.client_id.to_string(),
                resumed: resumed.is_some(),
            },
        );
        fx.admitted.push(Admission {
            session: claim.session,
            epoch,
            transport: claim.transport,
            resumed,
        });
    }

    /// The stored session that goes on with this claim. One that may not is forgotten, but only
    /// when it is this client's own: somebody else's visit does not cost a device its queue.
    fn resume(&mut self, claim: &Claim, now: Millis) -> Option<StoredSession> {
        let stored = self.stored.as_mut()?;
        let own = *stored.client_id == *claim.client_id;
        let over = stored.expires_at <= now;
        if own && !claim.clean_start && !over {
            let resumed = (**stored).clone();
            // Live again: no moment of its end is known, and what was in flight is the session's:
            // after a crash its next life must not take it for the truth.
            stored.expires_at = Millis::MAX;
            stored.inflight = Vec::new();
            self.stored_unwritten.get_or_insert(false);
            return Some(resumed);
        }
        if own || over {
            self.stored = None;
            self.stored_unwritten = Some(true);
        }
        None
    }

    /// A session (or request) ends, for whatever reason. Idempotent.
    pub fn close(&mut self, from: (Epoch, bool), end: SessionEnd, now: Millis, fx: &mut Effects) {
        let (epoch, visitor) = from;
        if visitor {
            self.visitors = self.visitors.saturating_sub(1);
            return;
        }
        let before = self.sessions.len();
        self.end_session(epoch, end, now, fx);
        self.admit(now, fx);
        self.note_presence(before, now);
    }

    /// Ends sessions that were told to and did not in time.
    pub fn end_overdue(&mut self, now: Millis, fx: &mut Effects) {
        let overdue = |s: &&Session| s.ending.is_some_and(|(deadline, _)| deadline <= now);
        let epochs: Vec<(Epoch, Reason)> = self
            .sessions
            .iter()
            .filter(overdue)
            .filter_map(|s| s.ending.map(|(_, reason)| (s.epoch, reason)))
            .collect();
        if epochs.is_empty() {
            return;
        }
        let before = self.sessions.len();
        for (epoch, reason) in epochs {
            let end = SessionEnd {
                reason: format!("{} (not closed in time)", reason.label()),
                ..SessionEnd::default()
            };
            self.end_session(epoch, end, now, fx);
        }
        self.admit(now, fx);
        self.note_presence(before, now);
    }

    fn end_session(&mut self, epoch: Epoch, end: SessionEnd, now: Millis, fx: &mut Effects) {
        let Some(at) = self.sessions.iter().position(|s| s.epoch == epoch) else {
            return;
        };
        let session = self.sessions.remove(at);
        self.rpcs.release(epoch);
        let max = self.config.max_session_expiry.millis();
        let expiry = end.expiry.map_or(session.expiry, millis).min(max);
        if expiry > 0 {
            self.stored = Some(Box::new(stored(
                &session,
                now.saturating_add(expiry),
                end.inflight.clone(),
            )));
            self.stored_unwritten = Some(true);
        } else if self.is_stored(&session) {
            self.stored = None;
            self.stored_unwritten = Some(true);
        }
        let reason = match session.ending {
            Some((_, why)) if !end.reason.starts_with(why.label()) => {
                format!("{}: {}", why.label(), end.reason)
            }
            _ => end.reason,
        };
        fx.event(Some(session.transport), EventKind::Disconnected { reason });
        fx.ended.push(epoch);
    }

    fn is_stored(&self, session: &Session) -> bool {
        let stored = self.stored.as_ref();
        stored.is_some_and(|stored| *stored.client_id == *session.client_id)
    }

    /// lastConnectTime and lastDisconnectTime follow the number of sessions, not each session.
    pub(super) fn note_presence(&mut self, before: usize, now: Millis) {
        match (before, self.sessions.len()) {
            (0, 1..) => self.activity.connected(now),
            (1.., 0) => self.activity.disconnected(now),
            _ => {}
        }
    }

    /// A session's whole new set of subscriptions.
    pub fn subscribe(
        &mut self,
        epoch: Epoch,
        subscriptions: Subscriptions,
        now: Millis,
        fx: &mut Effects,
    ) -> Outcome {
        let device = self.device;
        let revision = self.shared_revision;
        let Some(session) = self.session_mut(epoch) else {
            return Outcome::Refused(stale());
        };
        let transport = session.transport;
        let had = session.subscriptions.clone();
        if subscriptions.attributes && !had.attributes {
            session.acknowledged = revision;
            session.offered = revision;
        }
        let asks_again = subscriptions.rpc && !had.rpc;
        let stops = had.rpc && !subscriptions.rpc;
        session.subscriptions = shared(subscriptions);
        let kept = session
            .is_persistent()
            // While it is live no moment of its end is known: `load` gives it one after a crash.
            .then(|| stored(session, Millis::MAX, Vec::new()));
        if let Some(mut session) = kept {
            if let Some(old) = self.stored.take() {
                if old.client_id == session.client_id {
                    session.inflight = old.inflight;
                }
            }
            fx.changes.push(Change::SessionPut {
                device,
                session: session.clone(),
            });
            self.stored = Some(Box::new(session));
            self.stored_unwritten = None;
        }
        if stops {
            self.rpcs.release(epoch);
        }
        if asks_again {
            self.rpcs.revive();
        }
        self.heard(Some(transport), now, fx);
        Outcome::Done
    }

    /// Tells one session to end.
    pub fn end_one(&mut self, epoch: Epoch, reason: Reason, now: Millis, fx: &mut Effects) {
        let deadline = self.patience_ends(now);
        let live = self.session_mut(epoch).filter(|s| s.ending.is_none());
        if let Some(session) = live {
            session.ending = Some((deadline, reason));
            fx.closes.push((epoch, reason));
        }
    }

    /// Tells live sessions (and requests) to end: disabled, other credentials, deleted, stopping.
    pub fn end_all(&mut self, reason: Reason, now: Millis, fx: &mut Effects) {
        let deadline = self.patience_ends(now);
        for session in &mut self.sessions {
            if !matches!(session.ending, Some((_, why)) if why != Reason::TakenOver) {
                let deadline = session.ending.map_or(deadline, |(before, _)| before);
                session.ending = Some((deadline, reason));
                fx.closes.push((session.epoch, reason));
            }
        }
        self.revoked = Some((self.newest, reason));
        let rejection = Rejection::new(reason, "the device's sessions have been ended");
        let polls = self.polls().waiting.len();
        let polls = (polls > 0).then(|| self.polls_mut().waiting.take());
        for poll in polls.unwrap_or_default() {
            fx.polls.push((poll.id, Err(rejection.clone())));
        }
    }
}

fn stored(session: &Session, expires_at: Millis, inflight: Vec<u8>) -> StoredSession {
    StoredSession {
        client_id: session.client_id.to_string(),
        subscriptions: (*session.subscriptions).clone(),
        expires_at,
        acknowledged: session.acknowledged,
        inflight,
    }
}

/// Whole milliseconds; a long time for "for ever".
pub(super) fn millis(duration: Duration) -> Millis {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
