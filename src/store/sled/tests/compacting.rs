//! sled's file is made anew while the store works: nothing is lost, whenever a kill comes, and
//! readers notice nothing.

use super::retention::{batch, device, times, DEVICES};
use super::{config, copy_directory, counts, message, noisy, open, put, size_of};
use crate::model::query::{HistoryQuery, Order};
use crate::model::units::ByteSize;
use crate::store::sled::compactor::Moment;
use crate::store::sled::SledStore;
use crate::store::{Change, Config, Log, RetentionStore, TimeseriesStore};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Its file is made anew as soon as that makes it smaller.
fn keen(path: &Path) -> Config {
    Config {
        // Two files fit only while they are tiny: always time for a new one.
        max_size: ByteSize(1 << 20),
        journal_segment: ByteSize(64 << 10),
        journal_size: ByteSize(256 << 10),
        head_memory: ByteSize(64 << 10),
        change_memory: ByteSize(0),
        ..config(path)
    }
}

fn compactions(store: &SledStore) -> u64 {
    let text = store.parts.engine.table.metrics.render();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("compactions_total "));
    line.map_or(0, |number| number.trim().parse().unwrap())
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what} in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn deleted_devices_give_their_room_back_to_the_disk_while_the_store_works() {
    let directory = TempDir::new().unwrap();
    let mut settings = keen(directory.path());
    (settings.max_size, settings.compact_above) = (ByteSize(0), ByteSize(8 << 20));
    let store = open(&settings);
    let mut seed = 1;
    for n in 0..200 {
        store.commit(batch(n, &mut seed)).await.unwrap();
    }
    store.parts.checkpoint(true).unwrap();
    let before = store.parts.directory.sled_file().unwrap();
    assert!(before > 16 << 20, "{before}");
    let kept = times(&store, device(0)).await;
    assert_eq!(kept.len(), 500);
    for n in 1..DEVICES {
        put(&store, device(n), vec![Change::DeviceDelete(device(n))]).await;
    }
    store.parts.engine.table.written.bell.ring();
    until("waited for a smaller file", || compactions(&store) > 0).await;
    let file = store.parts.directory.sled_file().unwrap();
    let used = store.disk_use().await.unwrap();
    assert!(file < before / 4, "{before} bytes before, {file} after");
    assert!(used < before, "{used} bytes in all");
    assert_eq!(times(&store, device(0)).await, kept);
    assert!(times(&store, device(7)).await.is_empty());
    drop(store);
    let store = open(&settings);
    assert_eq!(times(&store, device(0)).await, kept);
}

/// Writes messages from `first` on, one after the other, until told to stop.
async fn write(store: &SledStore, first: i64, acknowledged: &AtomicI64, stop: impl Fn() -> bool) {
    let mut n = first;
    while !stop() {
        // Something to make room of: all but the newest of a device that comes and goes.
        let doomed = device(100 + (n / 10) as u128 % 3);
        put(
            store,
            doomed,
            (0..200).map(|row| noisy(doomed, n * 200 + row)).collect(),
        )
        .await;
        if n % 10 == 9 {
            put(store, doomed, vec![Change::DeviceDelete(doomed)]).await;
        }
        put(store, device(0), vec![message(device(0), n)]).await;
        acknowledged.store(n + 1, Ordering::SeqCst);
        store.parts.engine.table.written.bell.ring();
        n += 1;
    }
}

#[tokio::test]
async fn a_kill_at_each_step_of_the_exchange_loses_nothing_acknowledged() {
    let directory = TempDir::new().unwrap();
    let kept = TempDir::new().unwrap();
    let store = open(&keen(directory.path()));
    let acknowledged = Arc::new(AtomicI64::new(0));
    type Image = (Moment, i64, std::path::PathBuf);
    let taken: Arc<Mutex<Vec<Image>>> = Arc::default();
    let watcher = {
        let (acknowledged, taken) = (acknowledged.clone(), taken.clone());
        let (from, to) = (directory.path().to_owned(), kept.path().to_owned());
        let parts = store.parts.clone();
        move |moment| {
            let mut taken = taken.lock();
            if taken.iter().filter(|image| image.0 == moment).count() < 4 {
                // The tables stand still, by themselves in the midst of an exchange; the journal
                // goes on: what was acknowledged before must be in the image.
                let exchange = matches!(moment, Moment::Synced | Moment::Pointed);
                let alone = exchange || moment == Moment::Exchanged;
                let _no_checkpoint = (!alone).then(|| parts.running.lock());
                let _no_change = (!exchange).then(|| parts.engine.pause());
                let least = acknowledged.load(Ordering::SeqCst);
                let image = to.join(taken.len().to_string());
                copy_directory(&from, &image);
                taken.push((moment, least, image));
            }
        }
    };
    *store.parts.watcher.lock() = Some(Arc::new(watcher));
    let enough = || compactions(&store) >= 4;
    let writing = write(&store, 0, &acknowledged, enough);
    let done = tokio::time::timeout(Duration::from_secs(120), writing).await;
    assert!(done.is_ok(), "{} compactions", compactions(&store));
    *store.parts.watcher.lock() = None;
    let written = acknowledged.load(Ordering::SeqCst);
    assert_eq!(counts(&store, device(0)).await.len() as i64, written);
    let mut moments = Vec::new();
    let images = std::mem::take(&mut *taken.lock());
    for (moment, least, image) in images {
        let store = open(&keen(&image));
        let found = counts(&store, device(0)).await;
        let expected: Vec<i64> = (0..found.len() as i64).collect();
        assert_eq!(found, expected, "{moment:?}");
        assert!(
            found.len() as i64 >= least,
            "{moment:?}: {} of {least}",
            found.len()
        );
        // It works on, and of two directories one is left.
        put(
            &store,
            device(0),
            vec![message(device(0), found.len() as i64)],
        )
        .await;
        store.parts.checkpoint(true).unwrap();
        moments.push(moment);
    }
    for moment in [
        Moment::Begun,
        Moment::Slice,
        Moment::Synced,
        Moment::Pointed,
        Moment::Exchanged,
        Moment::Done,
    ] {
        assert!(moments.contains(&moment), "no image at {moment:?}");
    }
}

#[tokio::test]
async fn readers_see_the_same_before_during_and_after_the_exchange() {
    let directory = TempDir::new().unwrap();
    let store = open(&keen(directory.path()));
    let still = device(50);
    for start in 0..30 {
        let rows = (0..100).map(|row| message(still, start * 100 + row));
        put(&store, still, rows.collect()).await;
    }
    store.parts.checkpoint(true).unwrap();
    let whole = HistoryQuery {
        range: i64::MIN..i64::MAX,
        order: Order::Ascending,
        limit: usize::MAX,
    };
    // One that is read a stretch for each exchange, and many that are read at once meanwhile.
    let mut slow = store.stream(still, "count", &whole).await.unwrap();
    let expected: Vec<i64> = (0..3_000).collect();
    let acknowledged = AtomicI64::new(0);
    let begun = compactions(&store);
    let enough = || compactions(&store) >= begun + 3;
    let reading = async {
        let mut seen = 0;
        while !enough() {
            assert_eq!(counts(&store, still).await, expected);
            seen += slow.next().await.unwrap().map_or(0, |points| points.len());
            tokio::task::yield_now().await;
        }
        while let Some(points) = slow.next().await.unwrap() {
            seen += points.len();
        }
        assert_eq!(seen, 3_000);
    };
    let both = async { tokio::join!(write(&store, 0, &acknowledged, enough), reading) };
    let done = tokio::time::timeout(Duration::from_secs(120), both).await;
    assert!(done.is_ok(), "{} compactions", compactions(&store));
}

#[tokio::test]
async fn a_pointer_that_is_damaged_or_points_to_nothing_stops_the_start() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    put(&store, device(0), vec![message(device(0), 0)]).await;
    drop(store);
    let try_open = || {
        SledStore::open(
            &config(directory.path()),
            crate::observability::Metrics::new(),
        )
    };
    for text in ["", "1 sled.b 00000000\n", "1 sled.c\n"] {
        std::fs::write(directory.path().join("live"), text).unwrap();
        assert!(try_open().is_err(), "{text:?} was taken");
    }
    let line = format!("1 sled.b {:08x}\n", crc32fast::hash(b"1 sled.b"));
    std::fs::write(directory.path().join("live"), line).unwrap();
    assert!(try_open().is_err(), "an empty store was made");
    assert!(size_of(&directory.path().join("sled")) > 0, "data are gone");
    std::fs::remove_file(directory.path().join("live")).unwrap();
    let store = open(&config(directory.path()));
    assert_eq!(counts(&store, device(0)).await, [0]);
}
