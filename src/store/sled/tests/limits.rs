//! What is bounded, refused, or held by one process only.

use super::{config, counts, cramped, edit, merge_all, message, open, put};
use crate::model::ids::{DeviceId, Incarnation};
use crate::model::units::ByteSize;
use crate::model::value::Value;
use crate::observability::Metrics;
use crate::store::sled::SledStore;
use crate::store::{Batch, Change, Log, OperatorStore, StoreError};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;
use tempfile::TempDir;

#[tokio::test]
async fn a_second_store_on_the_directory_is_refused_until_the_first_is_gone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("deep/data");
    let first = open(&config(&path));
    let refused = SledStore::open(&config(&path), Metrics::new()).err();
    assert_eq!(refused, Some(StoreError::Locked(path.clone())));
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let (node, incarnation) = first.identity();
    drop(first);
    let second = open(&config(&path));
    assert_eq!(second.identity(), (node, Incarnation(incarnation.0 + 1)));
}

#[tokio::test]
async fn below_the_reserve_nothing_is_taken_and_what_is_there_is_read() {
    let directory = TempDir::new().unwrap();
    let device = DeviceId::new();
    let store = open(&config(directory.path()));
    put(&store, device, vec![message(device, 0)]).await;
    drop(store);
    let full = crate::store::Config {
        reserve: ByteSize(u64::MAX),
        ..config(directory.path())
    };
    let store = open(&full);
    let refused = store.commit(Batch::of_device(device, vec![message(device, 1)]));
    assert_eq!(refused.await, Err(StoreError::Full));
    assert_eq!(store.health(), Err(StoreError::Full));
    assert_eq!(counts(&store, device).await, vec![0]);
    drop(store);
    let store = open(&config(directory.path()));
    put(&store, device, vec![message(device, 1)]).await;
    assert_eq!(counts(&store, device).await, vec![0, 1]);
}

#[tokio::test]
async fn open_heads_stay_within_their_memory() {
    let directory = TempDir::new().unwrap();
    let mut settings = cramped(directory.path());
    settings.head_memory = ByteSize(64 << 10);
    let store = open(&settings);
    for n in 0..1_500u128 {
        let device = DeviceId(uuid::Uuid::from_u128(n % 500));
        put(&store, device, vec![message(device, n as i64)]).await;
        let weight = store.parts.engine.heads.weight();
        assert!(weight <= 96 << 10, "{weight} bytes of heads");
    }
    store.parts.checkpoint(true).unwrap();
    assert_eq!(store.parts.engine.heads.weight(), 0);
    let device = DeviceId(uuid::Uuid::from_u128(7));
    assert_eq!(counts(&store, device).await, vec![7, 507, 1007]);
}

#[tokio::test]
async fn keys_that_no_two_devices_share_count_as_memory_of_heads() {
    let directory = TempDir::new().unwrap();
    let mut settings = cramped(directory.path());
    settings.head_memory = ByteSize(64 << 10);
    let store = open(&settings);
    let heads = &store.parts.engine.heads;
    for n in 0..400u128 {
        let device = DeviceId(uuid::Uuid::from_u128(n));
        let mut telemetry = message(device, n as i64);
        if let Change::Telemetry { rows, .. } = &mut telemetry {
            let own = (0..40).map(|key| (format!("{n}/{key}").as_str().into(), Value::Bool(true)));
            edit(rows, |rows| rows[0].values.extend(own));
        }
        put(&store, device, vec![telemetry]).await;
        assert!(heads.weight() <= 96 << 10, "{} bytes", heads.weight());
    }
    assert!(heads.weight() > 0, "nothing is open");
    store.parts.checkpoint(true).unwrap();
    assert_eq!(heads.weight(), 0);
}

#[tokio::test]
async fn slow_devices_do_not_leave_a_block_for_each_checkpoint() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let device = DeviceId::new();
    for n in 0..60 {
        put(&store, device, vec![message(device, n)]).await;
        store.parts.engine.seal(&[device]).unwrap();
    }
    merge_all(&store);
    let prefix = super::super::keys::of_device(b'b', device);
    let blocks = store.parts.engine.table.tree().scan_prefix(prefix).count();
    assert!(blocks <= 4, "{blocks} blocks");
    assert_eq!(counts(&store, device).await, (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn long_values_are_kept_replaced_and_removed_whole() {
    let directory = TempDir::new().unwrap();
    let store = open(&config(directory.path()));
    let set = |length: usize, fill: u8| {
        Batch::of_system(vec![Change::SystemPut {
            name: "long".into(),
            value: vec![fill; length],
        }])
    };
    let chunks = || {
        let tree = &store.parts.engine.table.tree();
        tree.scan_prefix([super::super::keys::CHUNK]).count()
    };
    for (length, fill, expected) in [(900_000, 1, 126), (20_000, 2, 3), (10, 3, 0), (7_200, 4, 2)] {
        store.commit(set(length, fill)).await.unwrap();
        let read = store.system("long").await.unwrap();
        assert_eq!(read, Some(vec![fill; length]));
        store.parts.engine.drain_changes().unwrap();
        let read = store.system("long").await.unwrap();
        assert_eq!(read, Some(vec![fill; length]), "from sled");
        assert_eq!(chunks(), expected, "chunks of {length} bytes");
    }
}

#[test]
fn a_lost_or_damaged_identity_is_refused_rather_than_drawn_anew() {
    let directory = TempDir::new().unwrap();
    drop(open(&config(directory.path())));
    let identity = directory.path().join("identity");
    let text = std::fs::read_to_string(&identity).unwrap();
    for damaged in [
        text.replace("1 ", "1  "),
        String::new(),
        text.replace('\n', "0\n"),
    ] {
        std::fs::write(&identity, damaged).unwrap();
        let refused = SledStore::open(&config(directory.path()), Metrics::new()).err();
        assert!(
            matches!(refused, Some(StoreError::Damaged(_))),
            "{refused:?}"
        );
    }
    std::fs::remove_file(&identity).unwrap();
    let refused = SledStore::open(&config(directory.path()), Metrics::new()).err();
    assert!(matches!(refused, Some(StoreError::Damaged(_))));
    std::fs::write(&identity, text).unwrap();
    drop(open(&config(directory.path())));
}

#[tokio::test]
async fn commits_wait_while_the_journal_is_at_its_bound_and_go_on_with_the_next_checkpoint() {
    let directory = TempDir::new().unwrap();
    let settings = cramped(directory.path());
    let store = Arc::new(open(&settings));
    let device = DeviceId::new();
    let no_checkpoint = store.parts.running.lock();
    let done = Arc::new(AtomicI64::new(0));
    let (writer, count) = (store.clone(), done.clone());
    let writing = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            for n in 0..2_000 {
                put(&writer, device, vec![message(device, n)]).await;
                count.store(n + 1, Ordering::SeqCst);
            }
        });
    });
    let held = || {
        let closed = store.parts.journal.closed_segments();
        closed.iter().map(|closed| closed.bytes).sum::<u64>()
    };
    let waits = |looks: u64| {
        while store.parts.journal.looks_for_room() < looks {
            assert!(!writing.is_finished(), "nothing waited");
            std::thread::yield_now();
        }
    };
    let one_more_segment = settings.most_journal() + 2 * settings.journal_segment.0;
    waits(1);
    let before = done.load(Ordering::SeqCst);
    assert!(held() > settings.most_journal());
    waits(4);
    assert_eq!(done.load(Ordering::SeqCst), before, "commits went on");
    assert!(before < 2_000);
    assert!(held() <= one_more_segment, "{} bytes", held());
    drop(no_checkpoint);
    writing.join().unwrap();
    assert!(held() <= one_more_segment, "{} bytes", held());
    assert_eq!(counts(&store, device).await, (0..2_000).collect::<Vec<_>>());
}
