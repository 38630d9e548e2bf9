//! Sentences about aggregation (the fold itself is tested in `store/aggregate.rs`).

use super::{both_lives, double, long, pairs, text, Bench};
use crate::model::ids::DeviceId;
use crate::model::query::Aggregation::{self, Avg, Count, Max, Min, Sum};
use crate::model::value::Value;
use crate::model::Millis;
use std::ops::Range;

const ALL: [Aggregation; 5] = [Min, Max, Avg, Sum, Count];

async fn ask(
    bench: &Bench,
    device: DeviceId,
    intervals: &[Range<Millis>],
    aggregation: Aggregation,
) -> Vec<(Millis, Value)> {
    let points = bench
        .store
        .aggregate(device, "t", intervals, aggregation)
        .await;
    pairs(points.unwrap())
}

/// The one answer over 0..100.
async fn one(bench: &Bench, device: DeviceId, aggregation: Aggregation) -> Option<Value> {
    let whole: [Range<Millis>; 1] = std::array::from_fn(|_| 0..100);
    let mut points = ask(bench, device, &whole, aggregation).await;
    assert!(points.len() <= 1);
    points.pop().map(|(ts, value)| {
        assert_eq!(ts, 50);
        value
    })
}

async fn with(bench: &Bench, values: &[Value]) -> DeviceId {
    let device = DeviceId::new();
    let points: Vec<_> = (1..).zip(values.iter().cloned()).collect();
    bench.points(device, 1, &points).await;
    device
}

fn everything() -> Vec<Value> {
    let json = Value::Json("{}".into());
    vec![long(1), double(2.5), text("x"), Value::Bool(true), json]
}

pub(crate) async fn count_counts_values_of_every_type(bench: Bench) {
    let device = with(&bench, &everything()).await;
    both_lives!(bench, {
        assert_eq!(one(&bench, device, Count).await, Some(long(5)));
        assert_eq!(one(&bench, device, Sum).await, Some(double(3.5)));
        assert_eq!(one(&bench, device, Avg).await, Some(double(1.75)));
    });
}

pub(crate) async fn sums_and_extremes_of_longs_stay_long_and_averages_are_double(bench: Bench) {
    let device = with(&bench, &[long(7), long(-3), long(2)]).await;
    both_lives!(bench, {
        assert_eq!(one(&bench, device, Sum).await, Some(long(6)));
        assert_eq!(one(&bench, device, Min).await, Some(long(-3)));
        assert_eq!(one(&bench, device, Max).await, Some(long(7)));
        assert_eq!(one(&bench, device, Avg).await, Some(double(2.0)));
    });
}

pub(crate) async fn a_double_among_the_numbers_makes_the_answer_double(bench: Bench) {
    let device = with(&bench, &[long(7), double(0.5), text("9"), long(-3)]).await;
    both_lives!(bench, {
        assert_eq!(one(&bench, device, Sum).await, Some(double(4.5)));
        assert_eq!(one(&bench, device, Min).await, Some(double(-3.0)));
        assert_eq!(one(&bench, device, Max).await, Some(double(7.0)));
        assert_eq!(one(&bench, device, Avg).await, Some(double(1.5)));
    });
}

pub(crate) async fn a_sum_beyond_i64_becomes_a_double(bench: Bench) {
    let over = with(&bench, &[long(i64::MAX), long(1)]).await;
    let back = with(&bench, &[long(i64::MAX), long(1), long(-1)]).await;
    both_lives!(bench, {
        let expected = Some(double(9_223_372_036_854_775_808.0));
        assert_eq!(one(&bench, over, Sum).await, expected);
        assert_eq!(one(&bench, back, Sum).await, Some(long(i64::MAX)));
    });
}

pub(crate) async fn extremes_of_texts_compare_texts_but_numbers_go_first(bench: Bench) {
    let texts = with(&bench, &[text("pear"), text("apple"), Value::Bool(true)]).await;
    let mixed = with(&bench, &[text("a"), long(5), text("z")]).await;
    both_lives!(bench, {
        assert_eq!(one(&bench, texts, Min).await, Some(text("apple")));
        assert_eq!(one(&bench, texts, Max).await, Some(text("pear")));
        assert_eq!(one(&bench, texts, Sum).await, None);
        assert_eq!(one(&bench, texts, Avg).await, None);
        assert_eq!(one(&bench, mixed, Min).await, Some(long(5)));
        assert_eq!(one(&bench, mixed, Max).await, Some(long(5)));
    });
}

pub(crate) async fn intervals_start_inclusive_end_exclusive_and_answer_at_their_middle(
    bench: Bench,
) {
    let device = DeviceId::new();
    let points: Vec<_> = (0..40).map(|ts| (ts, long(ts))).collect();
    bench.points(device, 1, &points).await;
    both_lives!(bench, {
        let intervals = [0..10, 10..20, 25..32];
        let counts = ask(&bench, device, &intervals, Count).await;
        assert_eq!(counts, [(5, long(10)), (15, long(10)), (28, long(7))]);
        let least = ask(&bench, device, &intervals, Min).await;
        assert_eq!(least, [(5, long(0)), (15, long(10)), (28, long(25))]);
        let most = ask(&bench, device, &intervals, Max).await;
        assert_eq!(most, [(5, long(9)), (15, long(19)), (28, long(31))]);
    });
}

pub(crate) async fn intervals_without_a_fitting_value_give_no_point(bench: Bench) {
    let device = DeviceId::new();
    let points = [(5, long(1)), (15, text("x")), (35, Value::Bool(true))];
    bench.points(device, 1, &points).await;
    both_lives!(bench, {
        let intervals = [0..10, 10..20, 20..30, 30..40];
        let sums = ask(&bench, device, &intervals, Sum).await;
        assert_eq!(sums, [(5, long(1))]);
        let counts = ask(&bench, device, &intervals, Count).await;
        assert_eq!(counts, [(5, long(1)), (15, long(1)), (35, long(1))]);
        let most = ask(&bench, device, &intervals, Max).await;
        assert_eq!(most, [(5, long(1)), (15, text("x"))]);
    });
}

pub(crate) async fn aggregation_of_nothing_is_nothing(bench: Bench) {
    let device = with(&bench, &[long(1)]).await;
    both_lives!(bench, {
        for aggregation in ALL {
            assert_eq!(ask(&bench, device, &[], aggregation).await, []);
            let empty: [Range<Millis>; 1] = std::array::from_fn(|_| 1..1);
            assert_eq!(ask(&bench, device, &empty, aggregation).await, []);
            assert_eq!(one(&bench, DeviceId::new(), aggregation).await, None);
        }
    });
}
