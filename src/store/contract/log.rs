//! Sentences about commits: order, atomicity, limits, identity.

use super::{both_lives, long, telemetry, text, Bench};
use crate::model::ids::{DeviceId, Incarnation};
use crate::store::{Batch, Change, StoreError};
use std::collections::BTreeSet;

fn note(name: &str, value: &str) -> Change {
    Change::SystemPut {
        name: name.to_owned(),
        value: value.as_bytes().to_vec(),
    }
}

async fn read(bench: &Bench, name: &str) -> Option<String> {
    let value = bench.store.system(name).await.unwrap();
    value.map(|bytes| String::from_utf8(bytes).unwrap())
}

pub(crate) async fn sequences_grow_and_never_repeat_over_restarts(mut bench: Bench) {
    let mut last = None;
    for life in 0..3 {
        for n in 0..5 {
            let batch = Batch::of_system(vec![note("n", &format!("{life} {n}"))]);
            let sequence = bench.store.commit(batch).await.unwrap();
            assert!(Some(sequence) > last, "{sequence} after {last:?}");
            last = Some(sequence);
        }
        bench = bench.reopen().await;
    }
}

pub(crate) async fn the_node_stays_and_the_incarnation_grows_with_each_start(bench: Bench) {
    let (node, first) = bench.store.identity();
    assert!(first > Incarnation(0));
    let bench = bench.reopen().await;
    let (same, second) = bench.store.identity();
    assert_eq!(same, node);
    let bench = bench.reopen().await;
    let (same, third) = bench.store.identity();
    assert_eq!(same, node);
    assert!(first < second && second < third);
}

pub(crate) async fn a_batch_is_visible_when_its_commit_returns(bench: Bench) {
    let device = DeviceId::new();
    for n in 0..50 {
        bench
            .points(device, n + 1, &[(n as i64, long(n as i64))])
            .await;
        let newest = Some((n as i64, long(n as i64)));
        assert_eq!(bench.latest(device, "t").await, newest);
        assert_eq!(bench.all(device, "t").await.len(), n as usize + 1);
    }
}

pub(crate) async fn changes_of_a_batch_apply_in_their_order(bench: Bench) {
    let changes = (0..100).map(|n| note(&format!("k{}", n % 3), &n.to_string()));
    bench.system_change(changes.collect()).await;
    both_lives!(bench, {
        assert_eq!(read(&bench, "k0").await.as_deref(), Some("99"));
        assert_eq!(read(&bench, "k1").await.as_deref(), Some("97"));
        assert_eq!(read(&bench, "k2").await.as_deref(), Some("98"));
    });
}

pub(crate) async fn a_batch_above_the_limit_is_refused_whole(bench: Bench) {
    let huge = "x".repeat((1 << 20) + 1);
    let batch = Batch::of_system(vec![note("small", "1"), note("huge", &huge)]);
    let refused = bench.store.commit(batch).await;
    assert!(matches!(refused, Err(StoreError::BatchTooLarge { bytes }) if bytes > 1 << 20));
    bench.system_change(vec![note("after", "1")]).await;
    both_lives!(bench, {
        assert_eq!(read(&bench, "small").await, None);
        assert_eq!(read(&bench, "huge").await, None);
        assert_eq!(read(&bench, "after").await.as_deref(), Some("1"));
    });
}

pub(crate) async fn many_at_once_are_answered_each_by_itself_in_their_order(bench: Bench) {
    let huge = "x".repeat((1 << 20) + 1);
    let notes = [
        ("a", "1"),
        ("b", "1"),
        ("huge", &huge),
        ("a", "2"),
        ("c", "1"),
    ];
    let batches = notes.map(|(name, value)| Batch::of_system(vec![note(name, value)]));
    let mut results = bench.store.commit_all(batches.into()).await;
    assert!(matches!(
        results.remove(2),
        Err(StoreError::BatchTooLarge { .. })
    ));
    let sequences: Vec<_> = results.into_iter().flatten().collect();
    assert_eq!(sequences.len(), 4);
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    both_lives!(bench, {
        for (name, value) in [("a", Some("2")), ("b", Some("1")), ("c", Some("1"))] {
            assert_eq!(read(&bench, name).await.as_deref(), value);
        }
        assert_eq!(read(&bench, "huge").await, None);
    });
}

pub(crate) async fn a_batch_just_below_the_limit_is_taken(bench: Bench) {
    let large = "x".repeat((1 << 20) - 1_024);
    bench.system_change(vec![note("large", &large)]).await;
    both_lives!(bench, {
        assert_eq!(
            read(&bench, "large").await.map(|text| text.len()),
            Some(large.len())
        );
    });
}

pub(crate) async fn an_empty_batch_is_committed(bench: Bench) {
    bench.system_change(vec![]).await;
    bench.system_change(vec![note("a", "1")]).await;
    both_lives!(bench, {
        assert_eq!(read(&bench, "a").await.as_deref(), Some("1"));
    });
}

pub(crate) async fn commits_of_many_tasks_all_survive(bench: Bench) {
    let devices: Vec<DeviceId> = (0..16).map(|_| DeviceId::new()).collect();
    let writers = devices.iter().map(|device| {
        let (store, device) = (bench.store.clone(), *device);
        tokio::spawn(async move {
            let mut sequences = Vec::new();
            for n in 0..50 {
                let points = [(n, text(&n.to_string()))];
                let change = telemetry(device, n as u64 + 1, "t", &points);
                let batch = Batch::of_device(device, vec![change]);
                sequences.push(store.commit(batch).await.unwrap());
            }
            assert!(
                sequences.is_sorted(),
                "one caller's commits keep their order"
            );
            sequences
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut all = BTreeSet::new();
    for writer in writers {
        all.extend(writer.await.unwrap());
    }
    assert_eq!(all.len(), 16 * 50, "every batch has a sequence of its own");
    both_lives!(bench, {
        let expected: Vec<_> = (0..50).map(|n: i64| (n, text(&n.to_string()))).collect();
        for device in &devices {
            assert_eq!(bench.all(*device, "t").await, expected);
        }
    });
}

pub(crate) async fn a_closed_store_refuses_commits(bench: Bench) {
    bench.system_change(vec![note("before", "1")]).await;
    bench.store.close().await.unwrap();
    let late = bench
        .store
        .commit(Batch::of_system(vec![note("late", "1")]))
        .await;
    assert_eq!(late, Err(StoreError::Closed));
    let bench = bench.reopen().await;
    assert_eq!(read(&bench, "before").await.as_deref(), Some("1"));
    assert_eq!(read(&bench, "late").await, None);
}

pub(crate) async fn a_healthy_store_says_so(bench: Bench) {
    both_lives!(bench, {
        assert_eq!(bench.store.health(), Ok(()));
    });
}
