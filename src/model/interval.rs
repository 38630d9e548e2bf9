//! Cuts a time range into the intervals of an aggregation (contract/admin-rest.md 5).

use super::Millis;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::fmt;
use std::ops::Range;

/// How long one interval is.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Milliseconds, counted from the start of the range.
    Fixed(Millis),
    /// Up to the next border of the calendar, as a clock in this time zone shows it.
    Calendar(Unit, TimeZone),
}

/// Calendar intervals; the first of a range begins with the range, the next ones at borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// From Sunday.
    Week,
    /// From Monday.
    WeekIso,
    Month,
    Quarter,
}

impl Unit {
    /// The `intervalType` of the REST; `None` for `MILLISECONDS` and unknown words.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "WEEK" => Self::Week,
            "WEEK_ISO" => Self::WeekIso,
            "MONTH" => Self::Month,
            "QUARTER" => Self::Quarter,
            _ => return None,
        })
    }

    /// The first day after `day`'s own week, month or quarter.
    fn next(self, day: Date) -> Option<Date> {
        let (first, length) = match self {
            Unit::Week => {
                let since = i64::from(day.weekday().to_sunday_zero_offset());
                (day.checked_sub(since.days()).ok()?, 7.days())
            }
            Unit::WeekIso => {
                let since = i64::from(day.weekday().to_monday_zero_offset());
                (day.checked_sub(since.days()).ok()?, 7.days())
            }
            Unit::Month => (day.first_of_month(), 1.month()),
            Unit::Quarter => {
                let since = i64::from((day.month() - 1) % 3);
                let month = day.first_of_month();
                (month.checked_sub(since.months()).ok()?, 3.months())
            }
        };
        first.checked_add(length).ok()
    }
}

/// Why a range cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutError {
    /// Its end lies before its start.
    Backwards,
    /// A fixed interval of no length, or a negative one.
    NoLength,
    /// More intervals than `max`.
    TooMany { max: usize },
    /// Outside the years that the calendar knows (-9999 to 9999).
    OutOfCalendar,
}

impl fmt::Display for CutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CutError::Backwards => f.write_str("the range ends before it starts"),
            CutError::NoLength => f.write_str("the interval must be longer than zero"),
            CutError::TooMany { max } => write!(f, "the range holds more than {max} intervals"),
            CutError::OutOfCalendar => f.write_str("the range lies outside the calendar"),
        }
    }
}

impl std::error::Error for CutError {}

/// The time zone of an IANA name, e.g. `Europe/Zurich`; `None` when it is unknown.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// Cuts `range` into at most `max` adjoining intervals, ascending; the last one is cut at the
/// range's end. An empty range has none.
///
/// # Errors
/// See [`CutError`].
pub fn cut(range: Range<Millis>, step: &Step, max: usize) -> Result<Vec<Range<Millis>>, CutError> {
    if range.end < range.start {
        return Err(CutError::Backwards);
    }
    if matches!(step, Step::Fixed(length) if *length <= 0) {
        return Err(CutError::NoLength);
    }
    let mut intervals = Vec::new();
    let mut start = range.start;
    while start < range.end {
        if intervals.len() == max {
            return Err(CutError::TooMany { max });
        }
        let end = end_after(start, step)?.min(range.end);
        intervals.push(start..end);
        start = end;
    }
    Ok(intervals)
}

/// Where the interval that begins at `start` ends; always later than `start`.
fn end_after(start: Millis, step: &Step) -> Result<Millis, CutError> {
    match step {
        Step::Fixed(length) => Ok(start.saturating_add(*length)),
        Step::Calendar(unit, zone) => border(start, *unit, zone)
            .filter(|end| *end > start)
            .ok_or(CutError::OutOfCalendar),
    }
}

fn border(start: Millis, unit: Unit, zone: &TimeZone) -> Option<Millis> {
    let now = Timestamp::from_millisecond(start).ok()?;
    let day = zone.to_datetime(now).date();
    let next = unit.next(day)?.to_zoned(zone.clone()).ok()?;
    Some(next.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Millis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn calendar(unit: Unit, zone: &str) -> Step {
        Step::Calendar(unit, time_zone(zone).unwrap())
    }

    fn ends(range: Range<Millis>, step: &Step) -> Vec<String> {
        let cut = cut(range.clone(), step, 100).unwrap();
        assert_eq!(cut.first().unwrap().start, range.start);
        assert!(cut.windows(2).all(|pair| pair[0].end == pair[1].start));
        cut.iter()
            .map(|interval| {
                Timestamp::from_millisecond(interval.end)
                    .unwrap()
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn fixed_intervals_start_at_the_range_and_the_last_is_cut() {
        let cut = cut(5..26, &Step::Fixed(10), 3).unwrap();
        assert_eq!(cut, [5..15, 15..25, 25..26]);
    }

    #[test]
    fn an_empty_range_has_no_intervals() {
        assert_eq!(cut(5..5, &Step::Fixed(10), 0), Ok(vec![]));
    }

    #[test]
    fn more_intervals_than_allowed_are_refused_without_making_them() {
        let all = i64::MIN..i64::MAX;
        assert_eq!(
            cut(all, &Step::Fixed(1), 700),
            Err(CutError::TooMany { max: 700 })
        );
        assert_eq!(cut(0..20, &Step::Fixed(10), 2).unwrap().len(), 2);
        assert!(cut(0..21, &Step::Fixed(10), 2).is_err());
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn nonsense_is_refused() {
        assert_eq!(cut(5..4, &Step::Fixed(1), 9), Err(CutError::Backwards));
        assert_eq!(cut(0..4, &Step::Fixed(0), 9), Err(CutError::NoLength));
        assert_eq!(cut(0..4, &Step::Fixed(-1), 9), Err(CutError::NoLength));
        assert!(time_zone("Mars/Olympus").is_none());
        let far = i64::MAX - 5..i64::MAX;
        let step = calendar(Unit::Month, "UTC");
        assert_eq!(cut(far, &step, 9), Err(CutError::OutOfCalendar));
    }

    #[test]
    fn one_fixed_interval_may_be_longer_than_time_itself() {
        let all = i64::MIN..i64::MAX;
        let cut = cut(all, &Step::Fixed(i64::MAX), 3).unwrap();
        assert_eq!(cut.len(), 3);
        assert_eq!(cut[2].end, i64::MAX);
    }

    #[test]
    fn weeks_end_on_sunday_or_on_monday() {
        // 2024-01-03 is a Wednesday.
        let range = ms("2024-01-03T12:00:00Z")..ms("2024-01-16T00:00:00Z");
        assert_eq!(
            ends(range.clone(), &calendar(Unit::Week, "UTC")),
            [
                "2024-01-07T00:00:00Z",
                "2024-01-14T00:00:00Z",
                "2024-01-16T00:00:00Z"
            ]
        );
        assert_eq!(
            ends(range, &calendar(Unit::WeekIso, "UTC")),
            [
                "2024-01-08T00:00:00Z",
                "2024-01-15T00:00:00Z",
                "2024-01-16T00:00:00Z"
            ]
        );
    }

    #[test]
    fn months_and_quarters_follow_the_zone_and_its_summer_time() {
        let range = ms("2024-02-10T00:00:00Z")..ms("2024-05-01T00:00:00Z");
        assert_eq!(
            ends(range.clone(), &calendar(Unit::Month, "Europe/Zurich")),
            [
                "2024-02-29T23:00:00Z",
                "2024-03-31T22:00:00Z",
                "2024-04-30T22:00:00Z",
                "2024-05-01T00:00:00Z"
            ]
        );
        assert_eq!(
            ends(range, &calendar(Unit::Quarter, "Europe/Zurich")),
            ["2024-03-31T22:00:00Z", "2024-05-01T00:00:00Z"]
        );
    }

    #[test]
    fn a_border_belongs_to_the_interval_it_begins() {
        let range = ms("2024-03-01T00:00:00Z")..ms("2024-04-01T00:00:00Z");
        assert_eq!(
            cut(range.clone(), &calendar(Unit::Month, "UTC"), 1),
            Ok(vec![range])
        );
    }

    #[test]
    fn days_that_begin_late_or_twice_begin_an_interval_once() {
        // In 2018 Sao Paulo's clocks went from 23:59 on Saturday to 01:00 on Sunday.
        let gap = ms("2018-11-01T00:00:00Z")..ms("2018-11-12T00:00:00Z");
        assert_eq!(
            ends(gap, &calendar(Unit::Week, "America/Sao_Paulo")),
            [
                "2018-11-04T03:00:00Z",
                "2018-11-11T02:00:00Z",
                "2018-11-12T00:00:00Z"
            ]
        );
        // In 2020 Havana's Sunday, the first of November, had midnight twice.
        let twice = ms("2020-10-30T00:00:00Z")..ms("2020-11-02T00:00:00Z");
        assert_eq!(
            ends(twice, &calendar(Unit::Month, "America/Havana")),
            ["2020-11-01T04:00:00Z", "2020-11-02T00:00:00Z"]
        );
        // Between its two midnights it is November already.
        let between = ms("2020-11-01T04:30:00Z")..ms("2020-11-01T05:30:00Z");
        let step = calendar(Unit::Month, "America/Havana");
        assert_eq!(cut(between.clone(), &step, 1), Ok(vec![between]));
    }
}
