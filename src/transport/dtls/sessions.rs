//! Sessions of clients that may come back with a short handshake (RFC 5246, section 7.4.1.2, by
//! session id). Ours and not tickets: which key a session was made with is remembered with it, so
//! that a rotated one ends it, and constrained clients carry 32 bytes instead of hundreds.
//!
//! Bounded: so many, the oldest are forgotten first; each is good for so long.

use super::aside;
use super::keys::Named;
use ahash::AHashMap;
use openssl::ssl::SslSession;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Duration;

/// Of one context; a new context begins without any.
pub(super) struct Sessions {
    most: usize,
    life: Duration,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    by_id: AHashMap<Box<[u8]>, Kept>,
    order: VecDeque<(Box<[u8]>, Duration)>,
}

struct Kept {
    session: SslSession,
    since: Duration,
    proof: Proof,
    association: u64,
}

/// What the first handshake proved; `None`: nothing by a pre-shared key.
pub(super) type Proof = Option<Named>;

impl Sessions {
    pub fn new(most: usize, life: Duration) -> Self {
        Self {
            most,
            life,
            cache: Mutex::default(),
        }
    }

    /// OpenSSL has made one.
    pub fn add(&self, session: SslSession) {
        let (_, now) = aside::ask();
        let proof = aside::named();
        let id: Box<[u8]> = session.id().into();
        if id.is_empty() || self.most == 0 {
            return;
        }
        let mut cache = self.cache.lock();
        cache.trim(self.most - 1, |since| now < since + self.life);
        cache.order.push_back((id.clone(), now));
        let kept = Kept {
            session,
            since: now,
            proof,
            association: 0,
        };
        cache.by_id.insert(id, kept);
    }

    /// OpenSSL asks for one.
    pub fn find(&self, id: &[u8]) -> Option<SslSession> {
        let (_, now) = aside::ask();
        let cache = self.cache.lock();
        let kept = cache.by_id.get(id)?;
        (now < kept.since + self.life).then(|| kept.session.clone())
    }

    /// The association that speaks in it now.
    pub fn bind(&self, id: &[u8], association: u64) {
        if let Some(kept) = self.cache.lock().by_id.get_mut(id) {
            kept.association = association;
        }
    }

    /// What it proved, and who spoke in it last.
    pub fn known(&self, id: &[u8]) -> Option<(Proof, u64)> {
        let cache = self.cache.lock();
        let kept = cache.by_id.get(id)?;
        Some((kept.proof.clone(), kept.association))
    }

    /// It opens nothing any more.
    pub fn forget(&self, id: &[u8]) {
        self.cache.lock().by_id.remove(id);
    }
}

impl Cache {
    fn trim(&mut self, most: usize, good: impl Fn(Duration) -> bool) {
        // Forgotten ones stand in line too, until it is their turn.
        while let Some((id, since)) = self.order.front() {
            let lives = self.by_id.contains_key(id);
            let fits = self.by_id.len() <= most && self.order.len() <= 2 * most + 1;
            if lives && fits && good(*since) {
                return;
            }
            self.by_id.remove(id);
            self.order.pop_front();
        }
    }
}
