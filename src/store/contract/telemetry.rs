//! Sentences about points, histories and latest values.

use super::{both_lives, double, keys, long, origin, pairs, telemetry, text, Bench};
use crate::model::ids::DeviceId;
use crate::model::query::{HistoryQuery, Order};
use crate::model::telemetry::Row;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::Change;
use std::ops::Range;

async fn between(bench: &Bench, device: DeviceId, range: Range<Millis>) -> Vec<Millis> {
    ask(bench, device, range, Order::Ascending, usize::MAX).await
}

async fn ask(
    bench: &Bench,
    device: DeviceId,
    range: Range<Millis>,
    order: Order,
    limit: usize,
) -> Vec<Millis> {
    let query = HistoryQuery {
        range,
        order,
        limit,
    };
    let points = bench.store.history(device, "t", &query).await.unwrap();
    points.into_iter().map(|point| point.ts).collect()
}

const NONE: [Millis; 0] = [];

fn at(times: &[Millis]) -> Vec<(Millis, Value)> {
    times.iter().map(|ts| (*ts, long(*ts))).collect()
}

pub(crate) async fn every_value_comes_back_bit_for_bit_with_its_type(bench: Bench) {
    let device = DeviceId::new();
    let numbers = [
        0.0,
        -0.0,
        1.0,
        42.0,
        0.1,
        -273.15,
        1.0 / 3.0,
        1e300,
        -1e-300,
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        9_007_199_254_740_993.0,
        1e15,
        1e16,
        123_456_789.123_456,
    ];
    let mut values: Vec<Value> = numbers.into_iter().map(double).collect();
    values.extend([0, 1, -1, i64::MAX, i64::MIN, 1 << 53].map(long));
    values.extend([Value::Bool(true), Value::Bool(false)]);
    values.extend(["", "007", "true", "21.5", "grüße ☃", "a\0b", "\"{}\n"].map(text));
    values
        .extend(["{}", "[]", r#"{"b":1,"a":[1,2.50,null]}"#].map(|json| Value::Json(json.into())));
    let points: Vec<(Millis, Value)> = (1000..).zip(values).collect();
    bench.points(device, 1, &points).await;
    both_lives!(bench, {
        assert_eq!(bench.all(device, "t").await, points);
        assert_eq!(bench.latest(device, "t").await, points.last().cloned());
    });
}

pub(crate) async fn one_series_holds_values_of_many_types(bench: Bench) {
    let device = DeviceId::new();
    let kinds = [
        long(1),
        double(1.0),
        text("1"),
        Value::Bool(true),
        Value::Json("[1]".into()),
    ];
    let points: Vec<(Millis, Value)> = (0..100)
        .map(|ts| (ts, kinds[ts as usize * 7 % kinds.len()].clone()))
        .collect();
    for (n, point) in points.iter().enumerate() {
        bench
            .points(device, n as u64 + 1, std::slice::from_ref(point))
            .await;
    }
    both_lives!(bench, {
        assert_eq!(bench.all(device, "t").await, points);
    });
}

pub(crate) async fn history_starts_inclusive_and_ends_exclusive(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &at(&[-10, 0, 10, 20, 30])).await;
    both_lives!(bench, {
        assert_eq!(between(&bench, device, 0..20).await, [0, 10]);
        assert_eq!(between(&bench, device, 0..21).await, [0, 10, 20]);
        assert_eq!(between(&bench, device, 1..20).await, [10]);
        assert_eq!(between(&bench, device, -10..-9).await, [-10]);
        assert_eq!(between(&bench, device, 30..31).await, [30]);
        assert_eq!(between(&bench, device, 31..99).await, NONE);
        assert_eq!(between(&bench, device, -99..-10).await, NONE);
    });
}

pub(crate) async fn history_honours_order_and_limit(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &at(&[1, 2, 3, 4, 5])).await;
    both_lives!(bench, {
        let (up, down) = (Order::Ascending, Order::Descending);
        assert_eq!(ask(&bench, device, 0..9, up, 2).await, [1, 2]);
        assert_eq!(ask(&bench, device, 0..9, down, 2).await, [5, 4]);
        assert_eq!(ask(&bench, device, 2..5, down, 9).await, [4, 3, 2]);
        assert_eq!(ask(&bench, device, 0..9, up, 0).await, NONE);
        assert_eq!(ask(&bench, device, 0..9, down, 5).await, [5, 4, 3, 2, 1]);
    });
}

#[allow(clippy::reversed_empty_ranges)] // A caller's backward range must not panic.
pub(crate) async fn history_of_an_empty_or_backward_range_is_empty(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &at(&[1, 2, 3])).await;
    both_lives!(bench, {
        assert_eq!(between(&bench, device, 2..2).await, NONE);
        assert_eq!(between(&bench, device, 3..1).await, NONE);
        assert_eq!(
            between(&bench, device, Millis::MAX..Millis::MIN).await,
            NONE
        );
        assert_eq!(
            between(&bench, device, Millis::MIN..Millis::MIN).await,
            NONE
        );
        assert_eq!(between(&bench, DeviceId::new(), 0..9).await, NONE);
    });
}

pub(crate) async fn times_at_both_ends_of_i64_are_kept(bench: Bench) {
    let device = DeviceId::new();
    let ends = [
        Millis::MIN,
        Millis::MIN + 1,
        -1,
        0,
        Millis::MAX - 1,
        Millis::MAX,
    ];
    bench.points(device, 1, &at(&ends)).await;
    both_lives!(bench, {
        let reachable = between(&bench, device, Millis::MIN..Millis::MAX).await;
        assert_eq!(reachable, ends[..5]);
        assert_eq!(between(&bench, device, Millis::MIN..0).await, ends[..3]);
        let newest = Some((Millis::MAX, long(Millis::MAX)));
        assert_eq!(bench.latest(device, "t").await, newest);
    });
}

pub(crate) async fn late_points_are_read_in_their_place(bench: Bench) {
    let device = DeviceId::new();
    for (n, ts) in [50, 10, 30, 20, 40, -5, 60, 15].into_iter().enumerate() {
        bench.points(device, n as u64 + 1, &at(&[ts])).await;
    }
    let bench = bench.reopen().await;
    bench.points(device, 99, &at(&[25, 5])).await;
    both_lives!(bench, {
        let all = between(&bench, device, Millis::MIN..Millis::MAX).await;
        assert_eq!(all, [-5, 5, 10, 15, 20, 25, 30, 40, 50, 60]);
    });
}

pub(crate) async fn a_second_value_for_a_time_replaces_value_and_type(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &[(1, long(1)), (2, long(2))]).await;
    bench.points(device, 2, &[(1, text("one"))]).await;
    let bench = bench.reopen().await;
    bench.points(device, 3, &[(2, double(-0.0))]).await;
    both_lives!(bench, {
        let expected = [(1, text("one")), (2, double(-0.0))];
        assert_eq!(bench.all(device, "t").await, expected);
        assert_eq!(bench.latest(device, "t").await, Some((2, double(-0.0))));
    });
}

pub(crate) async fn of_two_rows_with_one_time_the_later_row_wins(bench: Bench) {
    let device = DeviceId::new();
    bench
        .points(
            device,
            1,
            &[(5, long(1)), (5, long(2)), (4, long(0)), (5, long(3))],
        )
        .await;
    both_lives!(bench, {
        assert_eq!(bench.all(device, "t").await, [(4, long(0)), (5, long(3))]);
        assert_eq!(bench.latest(device, "t").await, Some((5, long(3))));
    });
}

pub(crate) async fn latest_moves_only_forward_in_time(bench: Bench) {
    let device = DeviceId::new();
    bench.points(device, 1, &[(100, text("new"))]).await;
    bench.points(device, 2, &[(99, text("old"))]).await;
    let bench = bench.reopen().await;
    bench.points(device, 3, &[(98, text("older"))]).await;
    assert_eq!(bench.latest(device, "t").await, Some((100, text("new"))));
    bench.points(device, 4, &[(101, text("newest"))]).await;
    both_lives!(bench, {
        assert_eq!(bench.latest(device, "t").await, Some((101, text("newest"))));
        assert_eq!(bench.all(device, "t").await.len(), 4);
    });
}

pub(crate) async fn latest_answers_for_asked_keys_that_exist_by_key(bench: Bench) {
    let device = DeviceId::new();
    for key in ["c", "a", "b"] {
        bench
            .change(device, vec![telemetry(device, 1, key, &[(7, text(key))])])
            .await;
    }
    both_lives!(bench, {
        let asked = keys(&["c", "nope", "a", "c"]);
        let some = bench.store.latest(device, Some(&asked)).await.unwrap();
        let names: Vec<&str> = some.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
        let all = bench.store.latest(device, None).await.unwrap();
        let names: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let first = all.into_iter().map(|(_, point)| point).take(1).collect();
        assert_eq!(pairs(first), [(7, text("a"))]);
        assert_eq!(bench.store.latest(device, Some(&[])).await, Ok(vec![]));
        assert_eq!(bench.store.latest(DeviceId::new(), None).await, Ok(vec![]));
    });
}

pub(crate) async fn keys_are_sorted_and_case_sensitive(bench: Bench) {
    let device = DeviceId::new();
    let names = ["b", "B", "é", "a", "A"];
    let values = names
        .iter()
        .map(|name| (Key::from(*name), text(name)))
        .collect();
    let rows = vec![Row { ts: 1, values }];
    let origin = origin(1);
    let change = Change::Telemetry {
        device,
        origin,
        rows: rows.into(),
    };
    bench.change(device, vec![change]).await;
    both_lives!(bench, {
        let found = bench.store.telemetry_keys(device).await.unwrap();
        assert_eq!(found, keys(&["A", "B", "a", "b", "é"]));
        assert_eq!(bench.all(device, "B").await, [(1, text("B"))]);
        assert_eq!(
            bench.store.telemetry_keys(DeviceId::new()).await,
            Ok(vec![])
        );
    });
}

pub(crate) async fn keys_that_look_alike_do_not_mix(bench: Bench) {
    let device = DeviceId::new();
    let longest = "ä".repeat(255);
    let longest_but_one = "ä".repeat(254);
    let names = [
        "a",
        "ab",
        "a\0",
        "a\0b",
        "a/b",
        "a,b",
        "\u{1}",
        "\u{ff}",
        " a",
        &longest,
        &longest_but_one,
    ];
    for (n, name) in names.iter().enumerate() {
        let points = [(1, long(n as i64)), (2, text(name))];
        bench
            .change(device, vec![telemetry(device, 1, name, &points)])
            .await;
    }
    both_lives!(bench, {
        for (n, name) in names.iter().enumerate() {
            let expected = [(1, long(n as i64)), (2, text(name))];
            assert_eq!(bench.all(device, name).await, expected, "key {name:?}");
        }
        let count = bench.store.telemetry_keys(device).await.unwrap().len();
        assert_eq!(count, names.len());
        assert_eq!(bench.all(device, "").await, []);
    });
}

pub(crate) async fn series_of_different_devices_do_not_mix(bench: Bench) {
    let devices: Vec<DeviceId> = (0..20).map(|_| DeviceId::new()).collect();
    for (n, device) in devices.iter().enumerate() {
        bench
            .points(*device, 1, &[(n as i64, long(n as i64))])
            .await;
    }
    both_lives!(bench, {
        for (n, device) in devices.iter().enumerate() {
            let n = n as i64;
            assert_eq!(bench.all(*device, "t").await, [(n, long(n))]);
        }
    });
}

pub(crate) async fn big_values_come_back_whole(bench: Bench) {
    let device = DeviceId::new();
    let big = text(&"x☃".repeat(100_000));
    let json = Value::Json(format!("[{}0]", "1234,".repeat(60_000)).into());
    let points = [(1, big), (2, json), (3, long(3))];
    for (n, point) in points.iter().enumerate() {
        bench
            .points(device, n as u64 + 1, std::slice::from_ref(point))
            .await;
    }
    both_lives!(bench, {
        assert!(
            bench.all(device, "t").await == points,
            "a big value changed"
        );
    });
}
