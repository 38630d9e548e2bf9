//! Readers beside the writer and the checkpoints: what was acknowledged is always there.

use super::{counts, cramped, message, open, put};
use crate::model::ids::DeviceId;
use crate::model::query::{Aggregation, PageRequest, SortBy};
use crate::model::value::{Key, Value};
use crate::store::sled::engine::Engine;
use crate::store::sled::read::aside;
use crate::store::sled::SledStore;
use crate::store::{DeviceStore, TimeseriesStore};
use futures_util::FutureExt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::Sender;
use tempfile::TempDir;
use tokio::sync::oneshot::Receiver;

fn number(value: Option<Value>) -> i64 {
    match value {
        Some(Value::Long(number)) => number,
        _ => -1,
    }
}

/// Reads until the last point is acknowledged and there.
async fn read_on(store: &SledStore, device: DeviceId, acknowledged: &AtomicI64, last: i64) {
    loop {
        let before = acknowledged.load(Ordering::SeqCst);
        let found = counts(store, device).await;
        let whole: Vec<i64> = (0..found.len() as i64).collect();
        assert_eq!(found, whole, "points in the middle are missing");
        assert!(found.len() as i64 > before);
        let asked = [Key::from("count")];
        let latest = store.latest(device, Some(&asked)).await.unwrap();
        let latest = latest.first().map(|(_, point)| point.value.clone());
        assert!(number(latest) >= before);
        if before == last {
            return;
        }
    }
}

#[test]
fn points_never_vanish_while_they_are_sealed_and_moved() {
    let directory = TempDir::new().unwrap();
    let store = open(&cramped(directory.path()));
    let device = DeviceId::new();
    let acknowledged = AtomicI64::new(-1);
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.build().unwrap()
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| runtime().block_on(read_on(&store, device, &acknowledged, 399)));
        }
        runtime().block_on(async {
            for n in 0..400 {
                put(&store, device, vec![message(device, n)]).await;
                acknowledged.store(n, Ordering::SeqCst);
            }
        });
    });
}

/// A place is taken until what comes back is dropped.
fn take_a_place(store: &SledStore) -> impl Drop {
    struct Taken(Option<Sender<()>>, Receiver<bool>);
    impl Drop for Taken {
        fn drop(&mut self) {
            self.0 = None;
            self.1.close();
        }
    }
    let (taken, leave) = std::sync::mpsc::channel();
    let work = move |_: &Engine| leave.recv().is_err();
    let engine = store.parts.engine.clone();
    Taken(Some(taken), store.asides.run(engine, work))
}

/// With all places taken they wait, rather than work on the caller's thread.
#[tokio::test]
async fn long_reads_take_a_place_aside_and_leave_the_callers_thread_alone() {
    let directory = TempDir::new().unwrap();
    let store = open(&cramped(directory.path()));
    let device = DeviceId::new();
    put(&store, device, vec![message(device, 1)]).await;
    let search = PageRequest {
        size: 10,
        page: 0,
        text: Some("pump".into()),
        sort: SortBy::Name,
        descending: false,
    };
    let whole = 0..i64::MAX;
    let taken: Vec<_> = (0..aside::AT_ONCE).map(|_| take_a_place(&store)).collect();
    let mut sum = store.aggregate(
        device,
        "count",
        std::slice::from_ref(&whole),
        Aggregation::Sum,
    );
    let mut list = store.devices(&search, None);
    let mut ids = store.device_ids(&search, None);
    assert!((&mut sum).now_or_never().is_none());
    assert!((&mut list).now_or_never().is_none());
    assert!((&mut ids).now_or_never().is_none());
    drop(taken);
    assert_eq!(sum.await.unwrap().len(), 1);
    assert_eq!(list.await.unwrap().total, 0);
    assert!(ids.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_read_that_nobody_waits_for_any_more_is_left_out() {
    let directory = TempDir::new().unwrap();
    let store = open(&cramped(directory.path()));
    let taken: Vec<_> = (0..aside::AT_ONCE).map(|_| take_a_place(&store)).collect();
    let (began, begun) = std::sync::mpsc::channel();
    let engine = store.parts.engine.clone();
    let work = move |_: &Engine| began.send(());
    drop(store.asides.run(engine, work));
    drop(taken);
    // Its sender goes with it, whether it began or not.
    assert!(begun.recv().is_err(), "it was done for nobody");
}
