//! History and aggregation (contract/admin-rest.md 5).

use crate::common::operator::NewDevice;
use crate::harness::{assert_error, ok, ok_empty, start, start_with, Api};
use serde_json::{json, Value};

/// Points 0, 1000, 2000, … ms with values 0, 1, 2, …
fn fill(api: &Api, device: &NewDevice, count: usize) {
    let points: Vec<Value> = (0..count)
        .map(|n| json!({"ts": n * 1_000, "values": {"t": n}}))
        .collect();
    for part in points.chunks(2_000) {
        ok_empty(api.post(&api.plugin(device, "timeseries/ANY"), &json!(part)));
    }
}

fn history(api: &Api, device: &NewDevice, query: &str) -> Value {
    ok(api.get(&api.plugin(device, &format!("values/timeseries?{query}"))))
}

fn times(answer: &Value, key: &str) -> Vec<i64> {
    let points = answer[key].as_array().expect("points").iter();
    points
        .map(|point| point["ts"].as_i64().expect("ts"))
        .collect()
}

#[test]
fn the_start_is_in_and_the_end_is_out() {
    let api = start();
    let device = api.create_device("a");
    fill(&api, &device, 5);
    let found = history(&api, &device, "keys=t&startTs=1000&endTs=3000&orderBy=ASC");
    assert_eq!(
        found,
        json!({"t": [{"ts": 1000, "value": "1"}, {"ts": 2000, "value": "2"}]})
    );
    let same = api.plugin(
        &device,
        "values/timeseries/history?keys=t&startTs=1000&endTs=3000&orderBy=ASC",
    );
    assert_eq!(ok(api.get(&same)), found);
    let strict = history(
        &api,
        &device,
        "keys=t&startTs=0&endTs=1&useStrictDataTypes=true",
    );
    assert_eq!(strict, json!({"t": [{"ts": 0, "value": 0}]}));
}

#[test]
fn a_hundred_newest_points_come_unless_asked_otherwise() {
    let api = start();
    let device = api.create_device("a");
    fill(&api, &device, 150);
    let found = times(
        &history(&api, &device, "keys=t&startTs=0&endTs=999999"),
        "t",
    );
    assert_eq!(found.len(), 100);
    assert_eq!((found[0], found[99]), (149_000, 50_000));
    let found = times(
        &history(
            &api,
            &device,
            "keys=t&startTs=0&endTs=999999&limit=3&orderBy=ASC",
        ),
        "t",
    );
    assert_eq!(found, [0, 1_000, 2_000]);
    let all = "keys=t&startTs=0&endTs=999999&limit=2147483647";
    assert_eq!(times(&history(&api, &device, all), "t").len(), 150);
}

#[test]
fn keys_without_points_are_absent_and_no_keys_are_all() {
    let api = start();
    let device = api.create_device("a");
    assert_eq!(
        history(&api, &device, "keys=t&startTs=0&endTs=9"),
        json!({})
    );
    ok_empty(api.post(
        &api.plugin(&device, "timeseries/ANY"),
        &json!([{"ts": 1, "values": {"a": 1}}, {"ts": 2, "values": {"b": "x"}}]),
    ));
    let both = json!({"a": [{"ts": 1, "value": "1"}], "b": [{"ts": 2, "value": "x"}]});
    assert_eq!(history(&api, &device, "startTs=0&endTs=9"), both);
    assert_eq!(
        history(&api, &device, "keys=a,none,b&startTs=0&endTs=9"),
        both
    );
    assert_eq!(
        history(&api, &device, "keys=a&startTs=9&endTs=0"),
        json!({})
    );
}

#[test]
fn long_answers_are_whole_in_both_orders() {
    let api = start();
    let device = api.create_device("a");
    fill(&api, &device, 10_000);
    let expected: Vec<i64> = (0..10_000).map(|n| n * 1_000).collect();
    let query = "keys=t&startTs=0&endTs=99999999&limit=10000";
    let up = history(&api, &device, &format!("{query}&orderBy=ASC"));
    assert_eq!(times(&up, "t"), expected);
    let mut down = times(&history(&api, &device, query), "t");
    down.reverse();
    assert_eq!(down, expected);
    let part = history(&api, &device, "keys=t&startTs=0&endTs=99999999&limit=4097");
    assert_eq!(times(&part, "t").len(), 4_097);
}

#[test]
fn an_answer_above_the_limit_is_refused_and_not_cut() {
    let api = start_with(|config| config.api.max_history_points = 10);
    let device = api.create_device("a");
    fill(&api, &device, 11);
    let path = |end: i64| {
        let query = format!("values/timeseries?keys=t&startTs=0&endTs={end}&limit=1000");
        api.plugin(&device, &query)
    };
    assert_error(&api.get(&path(11_000)), 400, 31, "more than 10 points");
    assert_eq!(times(&ok(api.get(&path(10_000))), "t").len(), 10);
    let rows = "values/timeseries?keys=t&startTs=0&endTs=11000&interval=1000&agg=SUM";
    assert_error(
        &api.get(&api.plugin(&device, rows)),
        400,
        31,
        "more than 10 points",
    );
}

#[test]
fn rows_stand_in_the_middle_of_their_interval_and_ignore_the_limit() {
    let api = start();
    let device = api.create_device("a");
    fill(&api, &device, 10);
    let query = "keys=t&startTs=0&endTs=9500&interval=4000&limit=1&useStrictDataTypes=true";
    let rows = |agg: &str| history(&api, &device, &format!("{query}&agg={agg}"))["t"].clone();
    let row = |ts: i64, value: Value| json!({"ts": ts, "value": value});
    assert_eq!(
        rows("SUM"),
        json!([
            row(2000, json!(6)),
            row(6000, json!(22)),
            row(8750, json!(17))
        ])
    );
    assert_eq!(
        rows("MIN"),
        json!([
            row(2000, json!(0)),
            row(6000, json!(4)),
            row(8750, json!(8))
        ])
    );
    assert_eq!(
        rows("MAX"),
        json!([
            row(2000, json!(3)),
            row(6000, json!(7)),
            row(8750, json!(9))
        ])
    );
    assert_eq!(
        rows("COUNT"),
        json!([
            row(2000, json!(4)),
            row(6000, json!(4)),
            row(8750, json!(2))
        ])
    );
    assert_eq!(rows("AVG")[0]["value"].as_f64(), Some(1.5));
    let down = history(&api, &device, &format!("{query}&agg=SUM&orderBy=DESC"));
    assert_eq!(times(&down, "t"), [8750, 6000, 2000]);
}

#[test]
fn empty_intervals_give_no_row_and_no_interval_no_aggregation() {
    let api = start();
    let device = api.create_device("a");
    fill(&api, &device, 3);
    let found = history(
        &api,
        &device,
        "keys=t,x&startTs=-20000&endTs=20000&interval=10000&agg=AVG",
    );
    assert_eq!(found, json!({"t": [{"ts": 5000, "value": "1.0"}]}));
    for query in ["interval=0&agg=AVG", "agg=AVG", "agg=NONE&interval=1000"] {
        let found = history(
            &api,
            &device,
            &format!("keys=t&startTs=0&endTs=9000&{query}"),
        );
        assert_eq!(times(&found, "t"), [2000, 1000, 0], "{query}");
    }
}

#[test]
fn calendar_intervals_follow_their_time_zone() {
    let api = start();
    let device = api.create_device("a");
    // 2024-01-31T23:30Z is February in Zurich.
    let body = json!([
        {"ts": 1706743800000_i64, "values": {"t": 1}},
        {"ts": 1706738400000_i64, "values": {"t": 10}},
    ]);
    ok_empty(api.post(&api.plugin(&device, "timeseries/ANY"), &body));
    let query = "keys=t&startTs=1704063600000&endTs=1709247600000&agg=SUM&intervalType=MONTH";
    let zurich = history(&api, &device, &format!("{query}&timeZone=Europe%2FZurich"));
    assert_eq!(times(&zurich, "t").len(), 2);
    let utc = history(&api, &device, &format!("{query}&timeZone=UTC"));
    assert_eq!(times(&utc, "t").len(), 1);
    for (more, text) in [
        ("", "'timeZone' is not present"),
        ("&timeZone=Mars", "Unknown time zone 'Mars'"),
    ] {
        let answer = api.get(&api.plugin(&device, &format!("values/timeseries?{query}{more}")));
        assert_error(&answer, 400, 31, text);
    }
}

#[test]
fn questions_that_cannot_be_answered_are_400() {
    let api = start();
    let device = api.create_device("a");
    for (query, text) in [
        ("startTs=0", "'endTs' is not present"),
        ("endTs=0", "'startTs' is not present"),
        ("startTs=a&endTs=1", "'startTs'"),
        ("startTs=0&endTs=1&limit=0", "limit"),
        ("startTs=0&endTs=1&limit=x", "limit"),
        ("startTs=0&endTs=1&orderBy=UP", "'ASC' or 'DESC'"),
        (
            "startTs=0&endTs=1&agg=MEAN&interval=1",
            "Unsupported aggregation 'MEAN'",
        ),
        ("startTs=0&endTs=1&agg=AVG&interval=-1", "interval"),
        (
            "startTs=0&endTs=1&agg=AVG&intervalType=YEAR",
            "intervalType",
        ),
        ("startTs=0&endTs=701000&agg=AVG&interval=1000", "700"),
        ("startTs=2&endTs=1&agg=AVG&interval=1000", "ends before"),
        (
            "startTs=0&endTs=1&useStrictDataTypes=maybe",
            "'useStrictDataTypes'",
        ),
    ] {
        let answer = api.get(&api.plugin(&device, &format!("values/timeseries?keys=t&{query}")));
        assert_error(&answer, 400, 31, text);
    }
    let most = "keys=t&startTs=0&endTs=700999&agg=AVG&interval=1000";
    assert_eq!(history(&api, &device, most), json!({}));
    // Intervals below a second are counted as a second, and are what they are.
    fill(&api, &device, 2);
    let shortest = "keys=t&startTs=0&endTs=700999&agg=SUM&interval=1";
    assert_eq!(times(&history(&api, &device, shortest), "t"), [0, 1_000]);
    let longer = "values/timeseries?keys=t&startTs=0&endTs=701000&agg=SUM&interval=1";
    assert_error(
        &api.get(&api.plugin(&device, longer)),
        400,
        31,
        "more than 700",
    );
    let ever = "values/timeseries?keys=t&startTs=-9223372036854775808&endTs=9223372036854775807";
    for step in [
        "interval=1000",
        "interval=1",
        "intervalType=WEEK&timeZone=UTC",
    ] {
        let query = format!("{ever}&agg=SUM&{step}");
        assert_error(
            &api.get(&api.plugin(&device, &query)),
            400,
            31,
            "Number of intervals",
        );
    }
    let whole = format!("{ever}&agg=SUM&interval=9223372036854775807");
    assert_eq!(
        times(&ok(api.get(&api.plugin(&device, &whole))), "t").len(),
        1
    );
}
