//! Sentences about deletions of telemetry, with every combination of [`DeleteSelection`].

use super::{both_lives, keys, long, telemetry, text, Bench};
use crate::model::ids::DeviceId;
use crate::model::value::Value;
use crate::model::Millis;
use crate::store::batch::DeleteSelection;
use crate::store::Change;

fn delete(
    device: DeviceId,
    names: &[&str],
    range: Option<(Millis, Millis)>,
    delete_latest: bool,
    rewrite_latest: bool,
) -> Change {
    Change::TelemetryDelete {
        device,
        keys: keys(names),
        selection: DeleteSelection {
            range,
            delete_latest,
            rewrite_latest,
        },
    }
}

const NONE: [Millis; 0] = [];

fn at(times: &[Millis]) -> Vec<(Millis, Value)> {
    times.iter().map(|ts| (*ts, long(*ts))).collect()
}

async fn times(bench: &Bench, device: DeviceId) -> Vec<Millis> {
    let all = bench.all(device, "t").await;
    all.into_iter().map(|(ts, _)| ts).collect()
}

async fn latest(bench: &Bench, device: DeviceId) -> Option<Millis> {
    bench.latest(device, "t").await.map(|(ts, _)| ts)
}

/// A range, what remains of 10, 20 and 30, and the latest: when kept, deleted, or rewritten.
type Row = (
    Option<(Millis, Millis)>,
    &'static [Millis],
    Option<Millis>,
    Option<Millis>,
);

const SELECTIONS: [Row; 8] = [
    (None, &[], None, None),
    (Some((0, 100)), &[], None, None),
    (Some((30, 31)), &[10, 20], None, Some(20)),
    (Some((15, 31)), &[10], None, Some(10)),
    (Some((10, 30)), &[30], Some(30), Some(30)),
    (Some((20, 21)), &[10, 30], Some(30), Some(30)),
    (Some((31, 99)), &[10, 20, 30], Some(30), Some(30)),
    (Some((30, 10)), &[10, 20, 30], Some(30), Some(30)),
];

pub(crate) async fn every_selection_takes_what_it_says(bench: Bench) {
    let mut asked = Vec::new();
    for (range, remaining, deleted, rewritten) in SELECTIONS {
        for (delete_latest, rewrite_latest) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let device = DeviceId::new();
            bench.points(device, 1, &at(&[10, 20, 30])).await;
            let change = delete(device, &["t"], range, delete_latest, rewrite_latest);
            bench.change(device, vec![change]).await;
            let latest = match (delete_latest, rewrite_latest) {
                (false, _) => Some(30),
                (true, false) => deleted,
                (true, true) => rewritten,
            };
            asked.push((
                device,
                remaining,
                latest,
                range,
                delete_latest,
                rewrite_latest,
            ));
        }
    }
    both_lives!(bench, {
        for (device, remaining, expected, range, taken, rewritten) in &asked {
            let what = format!("range {range:?}, latest {taken}, rewrite {rewritten}");
            assert_eq!(times(&bench, *device).await, **remaining, "{what}");
            assert_eq!(latest(&bench, *device).await, *expected, "{what}");
        }
    });
}

pub(crate) async fn a_deletion_of_named_keys_leaves_other_keys_and_devices(bench: Bench) {
    let (device, other) = (DeviceId::new(), DeviceId::new());
    for key in ["t", "u", "v"] {
        bench
            .change(device, vec![telemetry(device, 1, key, &at(&[1, 2]))])
            .await;
        bench
            .change(other, vec![telemetry(other, 1, key, &at(&[1, 2]))])
            .await;
    }
    bench
        .change(device, vec![delete(device, &["t", "v"], None, true, false)])
        .await;
    both_lives!(bench, {
        assert_eq!(bench.store.telemetry_keys(device).await, Ok(keys(&["u"])));
        assert_eq!(bench.all(device, "u").await, at(&[1, 2]));
        let others = bench.store.telemetry_keys(other).await;
        assert_eq!(others, Ok(keys(&["t", "u", "v"])));
        assert_eq!(bench.all(other, "t").await, at(&[1, 2]));
    });
}

pub(crate) async fn deleting_what_is_not_there_changes_nothing(bench: Bench) {
    let (device, stranger) = (DeviceId::new(), DeviceId::new());
    bench.points(device, 1, &at(&[1])).await;
    let none: [&str; 0] = [];
    bench
        .change(device, vec![delete(device, &["nope"], None, true, true)])
        .await;
    bench
        .change(device, vec![delete(device, &none, None, true, true)])
        .await;
    bench
        .change(stranger, vec![delete(stranger, &["t"], None, true, true)])
        .await;
    both_lives!(bench, {
        assert_eq!(times(&bench, device).await, [1]);
        assert_eq!(latest(&bench, device).await, Some(1));
        assert_eq!(bench.store.telemetry_keys(stranger).await, Ok(vec![]));
    });
}

pub(crate) async fn a_deleted_point_may_be_written_again_even_by_a_lower_origin(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 9, &at(&[1, 2])).await;
    let bench = bench.reopen().await;
    bench
        .change(device, vec![delete(device, &["t"], None, true, false)])
        .await;
    bench.points(device, 3, &[(1, text("again"))]).await;
    both_lives!(bench, {
        assert_eq!(bench.all(device, "t").await, [(1, text("again"))]);
        assert_eq!(bench.latest(device, "t").await, Some((1, text("again"))));
    });
}

pub(crate) async fn without_a_latest_any_new_point_becomes_it(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &at(&[10, 20, 30])).await;
    bench
        .change(
            device,
            vec![delete(device, &["t"], Some((30, 31)), true, false)],
        )
        .await;
    assert_eq!(latest(&bench, device).await, None);
    let bench = bench.reopen().await;
    assert_eq!(latest(&bench, device).await, None);
    bench.points(device, 2, &at(&[5])).await;
    both_lives!(bench, {
        assert_eq!(latest(&bench, device).await, Some(5));
        assert_eq!(times(&bench, device).await, [5, 10, 20]);
    });
}

pub(crate) async fn rewriting_takes_the_newest_remaining_point_wherever_it_lies(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &at(&[10, 20, 30])).await;
    bench
        .change(
            device,
            vec![delete(device, &["t"], Some((30, 31)), true, false)],
        )
        .await;
    bench.points(device, 2, &at(&[5])).await;
    let bench = bench.reopen().await;
    bench
        .change(
            device,
            vec![delete(device, &["t"], Some((5, 6)), true, true)],
        )
        .await;
    both_lives!(bench, {
        assert_eq!(latest(&bench, device).await, Some(20));
        assert_eq!(times(&bench, device).await, [10, 20]);
    });
}

pub(crate) async fn a_key_without_points_and_latest_is_no_key(bench: Bench) {
    let (gone, kept) = (DeviceId::new(), DeviceId::new());
    for (device, delete_latest) in [(gone, true), (kept, false)] {
        bench.points(device, 1, &at(&[1])).await;
        bench
            .change(
                device,
                vec![delete(device, &["t"], None, delete_latest, true)],
            )
            .await;
    }
    both_lives!(bench, {
        assert_eq!(bench.store.telemetry_keys(gone).await, Ok(vec![]));
        assert_eq!(bench.store.telemetry_keys(kept).await, Ok(keys(&["t"])));
        assert_eq!(latest(&bench, kept).await, Some(1));
        assert_eq!(times(&bench, kept).await, NONE);
    });
}

pub(crate) async fn deletions_reach_points_at_both_ends_of_time(bench: Bench) {
    let (ranged, all) = (DeviceId::new(), DeviceId::new());
    for device in [ranged, all] {
        bench
            .points(device, 1, &at(&[Millis::MIN, 0, Millis::MAX]))
            .await;
    }
    let whole = Some((Millis::MIN, Millis::MAX));
    bench
        .change(ranged, vec![delete(ranged, &["t"], whole, true, true)])
        .await;
    bench
        .change(all, vec![delete(all, &["t"], None, true, true)])
        .await;
    both_lives!(bench, {
        assert_eq!(times(&bench, ranged).await, NONE);
        assert_eq!(latest(&bench, ranged).await, Some(Millis::MAX));
        assert_eq!(latest(&bench, all).await, None);
        assert_eq!(bench.store.telemetry_keys(all).await, Ok(vec![]));
    });
}

pub(crate) async fn a_deletion_spans_points_of_many_commits_and_lives(bench: Bench) {
    let device = DeviceId::new();
    for n in 0..10 {
        let times: Vec<Millis> = (0..100).map(|i| i * 10 + n).collect();
        bench.points(device, n as u64 + 1, &at(&times)).await;
    }
    let bench = bench.reopen().await;
    bench
        .points(device, 99, &[(500, text("late")), (1500, text("new"))])
        .await;
    bench
        .change(
            device,
            vec![delete(device, &["t"], Some((5, 995)), true, true)],
        )
        .await;
    both_lives!(bench, {
        let expected: Vec<Millis> = (0..5).chain(995..1000).chain([1500]).collect();
        assert_eq!(times(&bench, device).await, expected);
        assert_eq!(latest(&bench, device).await, Some(1500));
    });
}

pub(crate) async fn put_and_delete_in_one_batch_act_in_their_order(bench: Bench) {
    let (first, last) = (DeviceId::new(), DeviceId::new());
    let put = |device, origin| telemetry(device, origin, "t", &at(&[1]));
    let all = |device| delete(device, &["t"], None, true, false);
    bench.change(first, vec![all(first), put(first, 1)]).await;
    bench.change(last, vec![put(last, 1), all(last)]).await;
    both_lives!(bench, {
        assert_eq!(times(&bench, first).await, [1]);
        assert_eq!(times(&bench, last).await, NONE);
        assert_eq!(latest(&bench, last).await, None);
    });
}
