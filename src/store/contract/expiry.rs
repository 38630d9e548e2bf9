//! Sentences about points that are too old: [`Change::TelemetryExpire`].

use super::{both_lives, keys, long, telemetry, Bench};
use crate::model::ids::DeviceId;
use crate::model::value::Value;
use crate::model::Millis;
use crate::store::batch::DeleteSelection;
use crate::store::Change;

const NONE: [Millis; 0] = [];

fn at(times: &[Millis]) -> Vec<(Millis, Value)> {
    times.iter().map(|ts| (*ts, long(*ts))).collect()
}

async fn times(bench: &Bench, device: DeviceId, key: &str) -> Vec<Millis> {
    let all = bench.all(device, key).await;
    all.into_iter().map(|(ts, _)| ts).collect()
}

async fn expire(bench: &Bench, device: DeviceId, before: Millis) {
    bench
        .change(device, vec![Change::TelemetryExpire { device, before }])
        .await;
}

pub(crate) async fn expiry_takes_every_point_before_its_time_and_no_other(bench: Bench) {
    let (device, other) = (DeviceId::new(), DeviceId::new());
    for device in [device, other] {
        bench.points(device, 1, &at(&[10, 19, 20, 21, 30])).await;
        let more = telemetry(device, 2, "u", &at(&[5, 20, 40]));
        bench.change(device, vec![more]).await;
    }
    expire(&bench, device, 20).await;
    both_lives!(bench, {
        assert_eq!(times(&bench, device, "t").await, [20, 21, 30]);
        assert_eq!(times(&bench, device, "u").await, [20, 40]);
        assert_eq!(times(&bench, other, "t").await, [10, 19, 20, 21, 30]);
    });
}

pub(crate) async fn latest_values_and_their_keys_outlive_their_points(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &at(&[10, 20])).await;
    expire(&bench, device, 1_000).await;
    both_lives!(bench, {
        assert_eq!(times(&bench, device, "t").await, NONE);
        assert_eq!(bench.latest(device, "t").await, Some((20, long(20))));
        let known = bench.store.telemetry_keys(device).await;
        assert_eq!(known, Ok(keys(&["t"])));
    });
}

pub(crate) async fn a_key_without_latest_goes_with_its_last_point(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &at(&[10, 20])).await;
    let without_latest = Change::TelemetryDelete {
        device,
        keys: keys(&["t"]),
        selection: DeleteSelection {
            range: Some((20, 21)),
            delete_latest: true,
            rewrite_latest: false,
        },
    };
    bench.change(device, vec![without_latest]).await;
    expire(&bench, device, 10).await;
    let known = bench.store.telemetry_keys(device).await;
    assert_eq!(known, Ok(keys(&["t"])));
    expire(&bench, device, 11).await;
    both_lives!(bench, {
        assert_eq!(bench.store.telemetry_keys(device).await, Ok(Vec::new()));
    });
}

pub(crate) async fn expiry_of_nothing_changes_nothing(bench: Bench) {
    let (device, unknown) = (DeviceId::new(), DeviceId::new());
    bench.points(device, 1, &at(&[10, 20])).await;
    expire(&bench, device, 10).await;
    expire(&bench, unknown, 99).await;
    both_lives!(bench, {
        assert_eq!(times(&bench, device, "t").await, [10, 20]);
        assert_eq!(bench.store.telemetry_keys(unknown).await, Ok(Vec::new()));
    });
}

pub(crate) async fn an_expired_time_may_be_written_again(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 5, &at(&[10, 20])).await;
    expire(&bench, device, 15).await;
    // A late copy with a lower origin than the expired one had.
    bench.points(device, 1, &[(10, long(7))]).await;
    both_lives!(bench, {
        let expected = vec![(10, long(7)), (20, long(20))];
        assert_eq!(bench.all(device, "t").await, expected);
    });
}

pub(crate) async fn expiry_spans_many_commits_and_lives_and_late_points(bench: Bench) {
    let device = DeviceId::new();
    for part in 0..10 {
        let times: Vec<Millis> = (0..40).map(|n| part + 10 * n).collect();
        bench.points(device, 1 + part as u64, &at(&times)).await;
    }
    let bench = bench.reopen().await;
    expire(&bench, device, 123).await;
    bench.points(device, 99, &at(&[100_000])).await;
    let mut expected: Vec<Millis> = (123..400).collect();
    expected.push(100_000);
    both_lives!(bench, {
        assert_eq!(times(&bench, device, "t").await, expected);
    });
}

pub(crate) async fn a_batch_may_expire_between_its_own_points(bench: Bench) {
    let device = DeviceId::new();
    let expire = Change::TelemetryExpire { device, before: 50 };
    let changes = vec![
        telemetry(device, 1, "t", &at(&[10, 60])),
        expire,
        telemetry(device, 2, "t", &at(&[20])),
    ];
    bench.change(device, changes).await;
    both_lives!(bench, {
        assert_eq!(times(&bench, device, "t").await, [20, 60]);
    });
}

pub(crate) async fn the_ends_of_time_are_times_too(bench: Bench) {
    let device = DeviceId::new();
    let all = [Millis::MIN, 0, Millis::MAX - 1, Millis::MAX];
    bench.points(device, 1, &at(&all)).await;
    expire(&bench, device, Millis::MIN).await;
    assert_eq!(times(&bench, device, "t").await, all[..3]);
    expire(&bench, device, Millis::MAX).await;
    both_lives!(bench, {
        assert_eq!(times(&bench, device, "t").await, NONE);
        // History ends before its end: what stands at the very end is seen by deleting the rest.
        let latest = bench.latest(device, "t").await;
        assert_eq!(latest, Some((Millis::MAX, long(Millis::MAX))));
    });
}
