//! The aggregation fold that every engine uses (contract/admin-rest.md 5). Pure.
//!
//! COUNT counts values of every type. The others look at numbers: the answer is a LONG while all
//! numbers were LONG and it fits, else a DOUBLE; AVG is always a DOUBLE. MIN and MAX over an
//! interval without any number compare its texts, as ThingsBoard does. Booleans and JSON are only
//! counted. An interval where nothing fits the question gives no point.

use crate::model::query::Aggregation;
use crate::model::telemetry::Point;
use crate::model::value::Value;
use crate::model::Millis;
use compact_str::CompactString;
use std::ops::Range;

/// Power of two by which the second sum of doubles is scaled down: exact, and it cannot overflow.
const SCALE: f64 = 18_446_744_073_709_551_616.0;

/// What some values add up to, as far as aggregations can use it. The sum of doubles is not in it:
/// parts added up round differently than values added one by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Values of every type.
    pub values: u64,
    pub longs: u64,
    pub doubles: u64,
    pub texts: u64,
    pub long_sum: i128,
    /// Least and most.
    pub long_extremes: Option<(i64, i64)>,
    /// Least and most by `total_cmp`.
    pub double_extremes: Option<(f64, f64)>,
}

/// One interval's running answer. Push the values in ascending time, so that sums of doubles
/// round alike in every engine.
#[derive(Clone, Debug)]
pub struct Fold {
    aggregation: Aggregation,
    count: u64,
    longs: u64,
    doubles: u64,
    long_sum: i128,
    double_sum: f64,
    scaled_sum: f64,
    long_extreme: Option<i64>,
    double_extreme: Option<f64>,
    text_extreme: Option<CompactString>,
}

impl Fold {
    pub fn new(aggregation: Aggregation) -> Self {
        Self {
            aggregation,
            count: 0,
            longs: 0,
            doubles: 0,
            long_sum: 0,
            double_sum: 0.0,
            scaled_sum: 0.0,
            long_extreme: None,
            double_extreme: None,
            text_extreme: None,
        }
    }

    pub fn push(&mut self, value: &Value) {
        self.count += 1;
        match value {
            Value::Long(number) => {
                self.longs += 1;
                self.long_sum += i128::from(*number);
                self.extend_longs(*number);
            }
            Value::Double(number) => {
                self.doubles += 1;
                self.double_sum += number;
                self.scaled_sum += number / SCALE;
                self.extend_doubles(*number);
            }
            Value::Text(text) => {
                let better = match &self.text_extreme {
                    None => true,
                    Some(best) => self.beats(text.cmp(best)),
                };
                if better {
                    self.text_extreme = Some(text.clone());
                }
            }
            Value::Bool(_) | Value::Json(_) => {}
        }
    }

    /// Takes values by their summary, exactly as if each had been pushed. `false`, and nothing is
    /// taken, when that cannot be: the values have to be looked at.
    pub fn take(&mut self, summary: &Summary) -> bool {
        let numbers = summary.longs + summary.doubles;
        let enough = match self.aggregation {
            Aggregation::Count => true,
            Aggregation::Sum | Aggregation::Avg => summary.doubles == 0,
            // Texts count only where there is no number.
            Aggregation::Min | Aggregation::Max => numbers > 0 || summary.texts == 0,
        };
        if !enough {
            return false;
        }
        self.count += summary.values;
        self.longs += summary.longs;
        self.doubles += summary.doubles;
        self.long_sum += summary.long_sum;
        if let Some((least, most)) = summary.long_extremes {
            self.extend_longs(least);
            self.extend_longs(most);
        }
        if let Some((least, most)) = summary.double_extremes {
            self.extend_doubles(least);
            self.extend_doubles(most);
        }
        true
    }

    fn extend_longs(&mut self, number: i64) {
        let best = self.long_extreme;
        if best.is_none_or(|best| self.beats(number.cmp(&best))) {
            self.long_extreme = Some(number);
        }
    }

    fn extend_doubles(&mut self, number: f64) {
        let best = self.double_extreme;
        if best.is_none_or(|best| self.beats(number.total_cmp(&best))) {
            self.double_extreme = Some(number);
        }
    }

    /// The interval's value; `None` when it held nothing that the aggregation looks at.
    pub fn finish(self) -> Option<Value> {
        if self.count == 0 {
            return None;
        }
        match self.aggregation {
            Aggregation::Count => Some(Value::Long(i64::try_from(self.count).unwrap_or(i64::MAX))),
            Aggregation::Sum => self.sum(),
            Aggregation::Avg => self.average(),
            Aggregation::Min | Aggregation::Max => self.extreme(),
        }
    }

    /// Whether a value that compares so to the best one so far takes its place.
    fn beats(&self, ordering: std::cmp::Ordering) -> bool {
        match self.aggregation {
            Aggregation::Max => ordering.is_gt(),
            _ => ordering.is_lt(),
        }
    }

    fn sum(&self) -> Option<Value> {
        if self.longs + self.doubles == 0 {
            return None;
        }
        if self.doubles == 0 {
            if let Ok(sum) = i64::try_from(self.long_sum) {
                return Some(Value::Long(sum));
            }
        }
        // A sum beyond what a double holds stays finite: JSON knows no infinity.
        let sum = if self.longs == 0 {
            self.double_sum
        } else {
            self.double_sum + self.long_sum as f64
        };
        let beyond = sum.is_nan() || sum.is_infinite();
        let sum = if beyond {
            (self.scaled_sum * SCALE).clamp(f64::MIN, f64::MAX)
        } else {
            sum
        };
        Some(Value::Double(sum))
    }

    fn average(&self) -> Option<Value> {
        let numbers = (self.longs + self.doubles) as f64;
        if numbers == 0.0 {
            return None;
        }
        let direct = (self.double_sum + self.long_sum as f64) / numbers;
        if direct.is_finite() {
            return Some(Value::Double(direct));
        }
        let scaled = (self.scaled_sum + self.long_sum as f64 / SCALE) / numbers;
        Some(Value::Double((scaled * SCALE).clamp(f64::MIN, f64::MAX)))
    }

    fn extreme(self) -> Option<Value> {
        match (self.long_extreme, self.double_extreme) {
            (Some(long), None) => Some(Value::Long(long)),
            (None, Some(double)) => Some(Value::Double(double)),
            (Some(long), Some(double)) => {
                let long = long as f64;
                let better = self.beats(long.total_cmp(&double));
                Some(Value::Double(if better { long } else { double }))
            }
            (None, None) => self.text_extreme.map(Value::Text),
        }
    }
}

/// Middle of an interval, the time stamp of its row: start + (end - start) / 2, for any i64s.
pub fn middle(interval: &Range<Millis>) -> Millis {
    let (start, end) = (i128::from(interval.start), i128::from(interval.end));
    // Between two i64s, so it is one.
    (start + (end - start) / 2) as Millis
}

/// Folds points, ascending by time, into one point for each interval that has an answer.
/// `intervals` are ascending and do not overlap; points outside all of them are passed over.
pub fn aggregate<'a>(
    points: impl IntoIterator<Item = (Millis, &'a Value)>,
    intervals: &[Range<Millis>],
    aggregation: Aggregation,
) -> Vec<Point> {
    let mut folds: Vec<Fold> = vec![Fold::new(aggregation); intervals.len()];
    for (ts, value) in points {
        let index = intervals.partition_point(|interval| interval.end <= ts);
        let inside = intervals
            .get(index)
            .is_some_and(|interval| interval.contains(&ts));
        if let (true, Some(fold)) = (inside, folds.get_mut(index)) {
            fold.push(value);
        }
    }
    intervals
        .iter()
        .zip(folds)
        .filter_map(|(interval, fold)| {
            let ts = middle(interval);
            fold.finish().map(|value| Point { ts, value })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Aggregation::{Avg, Max, Min, Sum};

    fn fold(aggregation: Aggregation, values: &[Value]) -> Option<Value> {
        let mut fold = Fold::new(aggregation);
        values.iter().for_each(|value| fold.push(value));
        fold.finish()
    }

    fn double(number: f64) -> Value {
        Value::Double(number)
    }

    #[test]
    fn negative_zero_is_below_zero() {
        let zeros = [double(0.0), double(-0.0)];
        assert_eq!(fold(Min, &zeros), Some(double(-0.0)));
        assert_eq!(fold(Max, &zeros), Some(double(0.0)));
        assert_eq!(fold(Sum, &[double(-0.0)]), Some(double(0.0)));
    }

    #[test]
    fn sums_and_averages_beyond_a_double_stay_finite() {
        let huge = [double(f64::MAX), double(f64::MAX)];
        assert_eq!(fold(Sum, &huge), Some(double(f64::MAX)));
        assert_eq!(fold(Avg, &huge), Some(double(f64::MAX)));
        let both = [double(f64::MAX), double(f64::MAX), double(-f64::MAX)];
        assert_eq!(fold(Sum, &both), Some(double(f64::MAX)));
        let least = [double(f64::MIN), double(f64::MIN), Value::Long(1)];
        assert_eq!(fold(Sum, &least), Some(double(f64::MIN)));
    }

    #[test]
    fn an_average_of_extreme_longs_does_not_overflow() {
        let most = vec![Value::Long(i64::MAX); 1_000];
        assert_eq!(fold(Avg, &most), Some(double(i64::MAX as f64)));
        assert_eq!(fold(Max, &most), Some(Value::Long(i64::MAX)));
        let halves = [Value::Long(1), Value::Long(2)];
        assert_eq!(fold(Avg, &halves), Some(double(1.5)));
    }

    #[test]
    fn the_middle_of_any_interval_is_computed_without_overflow() {
        assert_eq!(middle(&(i64::MIN..i64::MAX)), -1);
        assert_eq!(middle(&(0..5)), 2);
        assert_eq!(middle(&(-5..0)), -3);
        assert_eq!(middle(&(i64::MAX - 2..i64::MAX)), i64::MAX - 1);
    }
}
