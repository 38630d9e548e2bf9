//! The watermarks: whatever part of the log sled has already, a replay ends in the same state.
//! (Random histories over kills are in `contract`; here are the cases one by one.)

use super::{config, copy_as_a_kill_leaves_it, counts, message, open, put};
use crate::model::attributes::Scope;
use crate::model::ids::DeviceId;
use crate::model::value::Value;
use crate::store::batch::DeleteSelection;
use crate::store::sled::SledStore;
use crate::store::{AttributeStore, Change, TimeseriesStore};
use std::path::PathBuf;
use tempfile::TempDir;

const EVERYTHING: DeleteSelection = DeleteSelection {
    range: None,
    delete_latest: true,
    rewrite_latest: false,
};

fn attribute(device: DeviceId) -> Change {
    Change::AttributesPut {
        device,
        scope: Scope::Server,
        at: 5,
        entries: vec![("a".into(), Value::Long(1))],
    }
}

fn delete_points(device: DeviceId, selection: DeleteSelection) -> Change {
    Change::TelemetryDelete {
        device,
        keys: vec!["count".into(), "level".into(), "mood".into()],
        selection,
    }
}

struct Lives {
    root: TempDir,
    life: usize,
}

impl Lives {
    fn new() -> Self {
        Self {
            root: TempDir::new().unwrap(),
            life: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join(self.life.to_string())
    }

    fn open(&self) -> SledStore {
        open(&config(&self.path()))
    }

    /// What a start finds after a kill now; before it, sled wrote out what it had (or not).
    fn kill(&mut self, store: SledStore, sled_wrote: bool) -> SledStore {
        if sled_wrote {
            store.parts.engine.table.db().flush().unwrap();
        }
        self.life += 1;
        copy_as_a_kill_leaves_it(&store.parts, &self.path()).unwrap();
        drop(store);
        self.open()
    }
}

/// Seals one device's head, as pressure of memory does.
fn seal(store: &SledStore, device: DeviceId) {
    store.parts.engine.seal(&[device]).unwrap();
}

#[tokio::test]
async fn revisions_do_not_grow_when_the_same_journal_is_replayed_many_times() {
    for sled_wrote in [false, true] {
        let mut lives = Lives::new();
        let device = DeviceId::new();
        let mut store = lives.open();
        for _ in 0..5 {
            put(&store, device, vec![attribute(device)]).await;
        }
        for _ in 0..4 {
            store = lives.kill(store, sled_wrote);
            assert_eq!(store.revision(device, Scope::Server).await, Ok(5));
        }
    }
}

#[tokio::test]
async fn points_sealed_before_the_kill_and_points_still_open_are_both_there_once() {
    for sled_wrote in [false, true] {
        let mut lives = Lives::new();
        let (sealed, open) = (DeviceId::new(), DeviceId::new());
        let mut store = lives.open();
        for n in 0..30 {
            put(&store, sealed, vec![message(sealed, n)]).await;
            put(&store, open, vec![message(open, n)]).await;
            if n == 20 {
                seal(&store, sealed);
            }
        }
        for _ in 0..3 {
            store = lives.kill(store, sled_wrote);
            assert_eq!(counts(&store, sealed).await, (0..30).collect::<Vec<_>>());
            assert_eq!(counts(&store, open).await, (0..30).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn deleted_points_stay_deleted_and_later_ones_stay() {
    for sled_wrote in [false, true] {
        let mut lives = Lives::new();
        let device = DeviceId::new();
        let mut store = lives.open();
        put(
            &store,
            device,
            (0..10).map(|n| message(device, n)).collect(),
        )
        .await;
        put(&store, device, vec![delete_points(device, EVERYTHING)]).await;
        put(&store, device, vec![message(device, 50)]).await;
        // The same time stamp as a deleted one, with a lower origin than that had.
        put(&store, device, vec![message(device, 0)]).await;
        for round in 0..4 {
            assert_eq!(counts(&store, device).await, vec![0, 50], "round {round}");
            store = lives.kill(store, sled_wrote && round % 2 == 0);
        }
    }
}

#[tokio::test]
async fn a_deletion_with_points_in_its_own_batch_replays_in_order() {
    for sled_wrote in [false, true] {
        let mut lives = Lives::new();
        let device = DeviceId::new();
        let mut store = lives.open();
        put(&store, device, vec![message(device, 1)]).await;
        let changes = vec![
            message(device, 2),
            attribute(device),
            delete_points(device, EVERYTHING),
            message(device, 3),
        ];
        put(&store, device, changes).await;
        put(&store, device, vec![message(device, 4)]).await;
        for _ in 0..3 {
            store = lives.kill(store, sled_wrote);
            assert_eq!(counts(&store, device).await, vec![3, 4]);
            assert_eq!(store.revision(device, Scope::Server).await, Ok(1));
        }
    }
}

#[tokio::test]
async fn a_deleted_device_stays_empty_and_a_returned_one_keeps_its_new_points() {
    for (sled_wrote, sealed) in [(false, false), (true, false), (true, true)] {
        let mut lives = Lives::new();
        let (gone, back) = (DeviceId::new(), DeviceId::new());
        let mut store = lives.open();
        for device in [gone, back] {
            put(
                &store,
                device,
                (0..10).map(|n| message(device, n)).collect(),
            )
            .await;
            put(&store, device, vec![attribute(device)]).await;
            put(&store, device, vec![Change::DeviceDelete(device)]).await;
        }
        put(&store, back, vec![message(back, 70), attribute(back)]).await;
        if sealed {
            seal(&store, back);
        }
        put(&store, back, vec![message(back, 71)]).await;
        for _ in 0..3 {
            store = lives.kill(store, sled_wrote);
            assert_eq!(counts(&store, gone).await, Vec::<i64>::new());
            assert_eq!(store.telemetry_keys(gone).await, Ok(Vec::new()));
            assert_eq!(store.revision(gone, Scope::Server).await, Ok(0));
            assert_eq!(counts(&store, back).await, vec![70, 71]);
            assert_eq!(store.revision(back, Scope::Server).await, Ok(1));
        }
    }
}

#[tokio::test]
async fn points_replayed_for_a_deleted_device_and_sealed_on_the_way_go_with_it() {
    let mut lives = Lives::new();
    let device = DeviceId::new();
    let store = lives.open();
    // More than one head holds, so that the replay seals before it comes to the deletion.
    for part in 0..20 {
        let messages = (part * 200..(part + 1) * 200).map(|n| message(device, n));
        put(&store, device, messages.collect()).await;
    }
    put(&store, device, vec![Change::DeviceDelete(device)]).await;
    let store = lives.kill(store, true);
    assert_eq!(counts(&store, device).await, Vec::<i64>::new());
    let tables: usize = b"smb"
        .iter()
        .map(|table| {
            let prefix = crate::store::sled::keys::of_device(*table, device);
            store.parts.engine.table.tree().scan_prefix(prefix).count()
        })
        .sum();
    assert_eq!(tables, 0, "something of the device is left");
}

#[tokio::test]
async fn a_checkpoint_drops_the_journal_and_everything_is_still_there() {
    let mut lives = Lives::new();
    let device = DeviceId::new();
    let store = lives.open();
    put(
        &store,
        device,
        (0..10).map(|n| message(device, n)).collect(),
    )
    .await;
    put(&store, device, vec![attribute(device)]).await;
    store.parts.checkpoint(true).unwrap();
    assert_eq!(store.parts.engine.droppable_up_to(), 2);
    put(&store, device, vec![message(device, 10)]).await;
    assert_eq!(store.parts.engine.settled(), Ok(2));
    let store = lives.kill(store, false);
    assert_eq!(counts(&store, device).await, (0..11).collect::<Vec<_>>());
    assert_eq!(store.revision(device, Scope::Server).await, Ok(1));
}
