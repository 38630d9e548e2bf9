//! When something falls due at a device's desk: one line of times, and one timer, for all devices of a
//! thread. A timer of its own would take 200 bytes of every idle one.

use super::desk::Desk;
use super::turn::clock;
use crate::model::ids::Epoch;
use crate::model::Millis;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// Desks that are rung for before others of the thread have their turn.
const AT_ONCE: usize = 64;

/// The alarms of one thread. A desk has one at most, and knows when.
#[derive(Default)]
pub struct Alarms {
    due: Mutex<BTreeMap<(Millis, Epoch), Weak<Desk>>>,
    sooner: Notify,
}

/// What there is to do next.
#[derive(Debug, PartialEq)]
enum Next {
    Now,
    At(Millis),
    Never,
}

impl Alarms {
    /// `instead_of`: when the desk's alarm was set to before.
    pub fn set(&self, at: Millis, desk: &Arc<Desk>, instead_of: Option<Millis>) {
        let mut due = self.due.lock();
        if let Some(old) = instead_of {
            due.remove(&(old, desk.life));
        }
        let first = due.first_key_value().map(|((first, _), _)| *first);
        due.insert((at, desk.life), Arc::downgrade(desk));
        drop(due);
        if first.is_none_or(|first| at < first) {
            self.sooner.notify_one();
        }
    }

    /// The desk has gone.
    pub fn forget(&self, at: Millis, life: Epoch) {
        self.due.lock().remove(&(at, life));
    }

    /// Rings for as long as the thread runs.
    pub async fn run(self: Arc<Self>) {
        loop {
            let now = clock();
            match self.ring(now) {
                Next::Now => tokio::task::yield_now().await,
                Next::Never => self.sooner.notified().await,
                Next::At(at) => {
                    let wait = at.saturating_sub(now).max(1).unsigned_abs();
                    let wait = tokio::time::sleep(Duration::from_millis(wait));
                    tokio::select! {
                        _ = self.sooner.notified() => {}
                        _ = wait => {}
                    }
                }
            }
        }
    }

    fn ring(&self, now: Millis) -> Next {
        for _ in 0..AT_ONCE {
            let mut due = self.due.lock();
            let Some(first) = due.first_entry() else {
                return Next::Never;
            };
            let (at, _) = *first.key();
            if at > now {
                return Next::At(at);
            }
            let desk = first.remove().upgrade();
            drop(due);
            if let Some(desk) = desk {
                desk.rings(at, now);
            }
        }
        Next::Now
    }
}
