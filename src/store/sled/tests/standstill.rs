//! A store whose threads stand still says so where it is asked whether it is well.

use super::{config, message, open};
use crate::model::ids::DeviceId;
use crate::model::units::Period;
use crate::store::sled::SledStore;
use crate::store::{Batch, Log, StoreError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn until(store: &SledStore, holds: impl Fn(&Result<(), StoreError>) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds(&store.health()) {
        assert!(Instant::now() < end, "{:?}", store.health());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn says(health: &Result<(), StoreError>, what: &str) -> bool {
    matches!(health, Err(StoreError::Io(text)) if text.contains(what))
}

#[test]
fn a_store_whose_threads_stand_still_is_not_well_until_they_go_on() {
    let directory = TempDir::new().unwrap();
    let mut settings = config(directory.path());
    settings.stuck_after = Period(Duration::from_millis(20));
    let store = open(&settings);
    until(&store, Result::is_ok);
    let engine = &store.parts.engine;
    let (upkeep, turn) = engine.pause();
    engine.chime.ring();
    until(&store, |health| says(health, "does not reach the tables"));
    drop(upkeep);
    until(&store, Result::is_ok);
    let device = DeviceId::new();
    let commit = store.commit(Batch::of_device(device, vec![message(device, 1)]));
    std::thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let committing = scope.spawn(|| runtime.unwrap().block_on(commit));
        until(&store, |health| says(health, "a commit does not end"));
        drop(turn);
        until(&store, Result::is_ok);
        assert!(committing.join().unwrap().is_ok());
    });
}
