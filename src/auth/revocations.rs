//! Token sessions and refresh tokens that are void: in memory for every request, in the store for
//! the next start. Forgotten when their tokens would have ended anyway.

use super::Clock;
use crate::model::operator::RevokedSession;
use crate::model::Millis;
use crate::store::{Batch, Change, SharedStore, StoreError};
use parking_lot::Mutex;
use std::collections::HashMap;

/// Swept when it has doubled since the last time, and not before it has this many.
const SWEEP_FROM: usize = 1024;

pub(super) struct Revocations {
    store: SharedStore,
    clock: Clock,
    void: Mutex<Void>,
}

struct Void {
    /// Name to epoch ms after which it may be forgotten.
    until: HashMap<String, Millis>,
    sweep_at: usize,
}

impl Revocations {
    pub(super) async fn open(store: SharedStore, clock: Clock) -> Result<Self, StoreError> {
        let rows = store.revoked_sessions(clock()).await?;
        let until: HashMap<_, _> = rows
            .into_iter()
            .map(|row| (row.session, row.until))
            .collect();
        let sweep_at = SWEEP_FROM.max(until.len() * 2);
        Ok(Self {
            store,
            clock,
            void: Mutex::new(Void { until, sweep_at }),
        })
    }

    /// Durable when it returns. `until`: epoch ms when the last token of that name ends.
    pub(super) async fn revoke(&self, name: &str, until: Millis) -> Result<(), StoreError> {
        let row = RevokedSession {
            session: name.to_owned(),
            until,
        };
        let batch = Batch::of_system(vec![Change::SessionRevoked(row)]);
        self.store.commit(batch).await?;
        self.remember(name, until);
        Ok(())
    }

    /// For this process only: when the store cannot take it.
    pub(super) fn remember(&self, name: &str, until: Millis) {
        let mut void = self.void.lock();
        void.until.insert(name.to_owned(), until);
        if void.until.len() >= void.sweep_at {
            let now = (self.clock)();
            void.until.retain(|_, until| *until > now);
            void.sweep_at = SWEEP_FROM.max(void.until.len() * 2);
        }
    }

    pub(super) fn is_void(&self, name: &str) -> bool {
        self.void.lock().until.contains_key(name)
    }
}
