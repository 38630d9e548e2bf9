//! The contract, on the engine as it is, on one without room to breathe, and on one that is
//! killed instead of closed.

use super::super::SledStore;
use super::{config, cramped, open};
use crate::store::contract::{contract_suite, Harness};
use crate::store::{Config, SharedStore};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
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
