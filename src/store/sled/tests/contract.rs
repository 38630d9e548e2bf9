//! The contract, on the engine as it is, on one without room to breathe, and on one that is
//! killed instead of closed.

use super::super::SledStore;
use super::{config, cramped, open};
use crate::store::contract::{
    contract_suite, random_histories_match_the_oracle, Disturbance, Harness,
};
use crate::store::{Config, SharedStore};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tempfile::TempDir;

struct AsItIs(TempDir);

#[async_trait]
impl Harness for AsItIs {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    async fn open(&self) -> SharedStore {
        Arc::new(open(&config(self.0.path())))
    }
}

struct Cramped(TempDir);

#[async_trait]
impl Harness for Cramped {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    async fn open(&self) -> SharedStore {
        Arc::new(open(&cramped(self.0.path())))
    }
}

/// Each restart opens a copy of the directory, made in the middle of the life before.
struct Killed {
    root: TempDir,
    lives: Mutex<usize>,
}

impl Killed {
    fn next(&self, settings: fn(&Path) -> Config) -> SharedStore {
        self.opened(settings)
    }

    fn opened(&self, settings: fn(&Path) -> Config) -> Arc<SledStore> {
        let mut lives = self.lives.lock();
        let path = |life: usize| self.root.path().join(life.to_string());
        let mut store: SledStore = open(&settings(&path(*lives)));
        *lives += 1;
        store.killed_into = Some(path(*lives));
        Arc::new(store)
    }
}

#[async_trait]
impl Harness for Killed {
    fn new() -> Self {
        Self {
            root: TempDir::new().unwrap(),
            lives: Mutex::new(0),
        }
    }

    async fn open(&self) -> SharedStore {
        self.next(config)
    }
}

struct KilledAndCramped(Killed);

#[async_trait]
impl Harness for KilledAndCramped {
    fn new() -> Self {
        Self(Killed::new())
    }

    async fn open(&self) -> SharedStore {
        self.0.next(cramped)
    }
}

/// What goes on beside the commits goes on at moments of the history: seals, merges, checkpoints.
/// Restarts are orderly or kills.
struct Disturbed {
    lives: Killed,
    orderly: bool,
    store: Mutex<Weak<SledStore>>,
}

impl Disturbed {
    fn new(orderly: bool) -> Self {
        Self {
            lives: Killed::new(),
            orderly,
            store: Mutex::default(),
        }
    }

    fn opened(&self) -> SharedStore {
        let store = match self.orderly {
            true => Arc::new(open(&config(self.lives.root.path()))),
            false => self.lives.opened(config),
        };
        *self.store.lock() = Arc::downgrade(&store);
        store
    }

    fn disturbed(&self, what: Disturbance) {
        let Some(store) = self.store.lock().upgrade() else {
            return;
        };
        let parts = &store.parts;
        match what {
            Disturbance::Seal(device) => parts.engine.seal(&[device]).unwrap(),
            Disturbance::Merge => drop(parts.engine.merge(Duration::ZERO).unwrap()),
            Disturbance::MergeAll => super::merge_all(&store),
            Disturbance::Checkpoint => parts.checkpoint(false).unwrap(),
            Disturbance::CheckpointAll => parts.checkpoint(true).unwrap(),
        }
    }
}

struct DisturbedAndClosed(Disturbed);

#[async_trait]
impl Harness for DisturbedAndClosed {
    fn new() -> Self {
        Self(Disturbed::new(true))
    }

    async fn open(&self) -> SharedStore {
        self.0.opened()
    }

    fn disturb(&self, what: Disturbance) {
        self.0.disturbed(what);
    }

    fn cases(&self) -> u32 {
        CASES
    }
}

struct DisturbedAndKilled(Disturbed);

#[async_trait]
impl Harness for DisturbedAndKilled {
    fn new() -> Self {
        Self(Disturbed::new(false))
    }

    async fn open(&self) -> SharedStore {
        self.0.opened()
    }

    fn disturb(&self, what: Disturbance) {
        self.0.disturbed(what);
    }

    fn cases(&self) -> u32 {
        CASES
    }
}

/// Histories with disturbances.
const CASES: u32 = 48;

#[test]
fn histories_with_seals_merges_and_checkpoints_between_match_the_oracle() {
    random_histories_match_the_oracle::<DisturbedAndClosed>();
}

#[test]
fn histories_with_seals_merges_checkpoints_and_kills_between_match_the_oracle() {
    random_histories_match_the_oracle::<DisturbedAndKilled>();
}

mod as_it_is {
    use super::*;
    contract_suite!(AsItIs);
}

mod with_hardly_any_room {
    use super::*;
    contract_suite!(Cramped);
}

mod killed {
    use super::*;
    contract_suite!(Killed);
}

mod killed_with_hardly_any_room {
    use super::*;
    contract_suite!(KilledAndCramped);
}
