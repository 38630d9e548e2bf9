//! A store whose threads stand still says so where it is asked whether it is well.

use super::{config, message, open};
use crate::model::ids::DeviceId;
use crate::model::units::Period;
use crate::store::sled::SledStore;
use crate::store::{Batch, Log, StoreError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

async fn until(store: &SledStore, holds: impl Fn(&Result<(), StoreError>) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds(&store.health()) {
        assert!(Instant::now() < end, "{:?}", store.health());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn says(health: &Result<(), StoreError>, what: &str) -> bool {
    matches!(health, Err(StoreError::Io(text)) if text.contains(what))
}

#[tokio::test]
async fn a_store_whose_threads_stand_still_is_not_well_until_they_go_on() {
    let directory = TempDir::new().unwrap();
    let mut settings = config(directory.path());
    settings.stuck_after = Period(Duration::from_millis(20));
    let store = open(&settings);
    until(&store, Result::is_ok).await;
    let engine = &store.parts.engine;
    let (upkeep, turn) = engine.pause();
    engine.chime.ring();
    until(&store, |health| says(health, "does not reach the tables")).await;
    drop(upkeep);
    until(&store, Result::is_ok).await;
    let device = DeviceId::new();
    let commit = store.commit(Batch::of_device(device, vec![message(device, 1)]));
    let held = async {
        until(&store, |health| says(health, "a commit does not end")).await;
        drop(turn);
        until(&store, Result::is_ok).await;
    };
    let (committed, ()) = tokio::join!(commit, held);
    assert!(committed.is_ok());
}
