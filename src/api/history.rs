//! History answers: points page by page, streamed, so that memory holds one page whatever was
//! asked; or aggregated rows, of which there are few (contract/admin-rest.md 5).

use super::error::{Answer, ApiError};
use super::params::Params;
use super::telemetry::{named_keys, quote, write_point};
use super::ApiState;
use super::Config;
use crate::model::ids::DeviceId;
use crate::model::interval::{self, Step, Unit};
use crate::model::query::{Aggregation, HistoryQuery, Order};
use crate::model::telemetry::Point;
use crate::model::value::Key;
use crate::model::Millis;
use crate::store::{SharedStore, StoreError};
use actix_web::web::Bytes;
use actix_web::HttpResponse;
use futures_util::stream::{try_unfold, Stream};
use std::ops::Range;

/// Points that are read and written together.
const PAGE: usize = 4_096;

/// A history request, understood.
pub struct Asked {
    keys: Option<Vec<Key>>,
    range: Range<Millis>,
    strict: bool,
    what: What,
}

enum What {
    Points {
        limit: usize,
        order: Order,
    },
    Rows {
        intervals: Vec<Range<Millis>>,
        aggregation: Aggregation,
        order: Order,
    },
}

impl Asked {
    pub fn from(params: &Params, config: &Config) -> Result<Self, ApiError> {
        let range = params.required("startTs")?..params.required("endTs")?;
        let order = order(params)?;
        let what = match rows(params, &range, config)? {
            Some((intervals, aggregation)) => What::Rows {
                intervals,
                aggregation,
                order: order.unwrap_or(Order::Ascending),
            },
            None => What::Points {
                limit: limit(params)?,
                order: order.unwrap_or_default(),
            },
        };
        Ok(Self {
            keys: named_keys(params),
            range,
            strict: params.flag("useStrictDataTypes", false)?,
            what,
        })
    }
}

fn order(params: &Params) -> Result<Option<Order>, ApiError> {
    match params.text("orderBy") {
        None => Ok(None),
        Some(word) if word.eq_ignore_ascii_case("ASC") => Ok(Some(Order::Ascending)),
        Some(word) if word.eq_ignore_ascii_case("DESC") => Ok(Some(Order::Descending)),
        Some(other) => Err(ApiError::bad(format!(
            "Unsupported sort order '{other}'! Only 'ASC' or 'DESC' types are allowed."
        ))),
    }
}

fn limit(params: &Params) -> Result<usize, ApiError> {
    match params.value::<i64>("limit")? {
        None => Ok(100),
        Some(limit) if limit < 1 => Err(ApiError::bad("Incorrect limit: must be greater than 0")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
    }
}

type Cut = (Vec<Range<Millis>>, Aggregation);

/// The intervals of an aggregation, when one is asked for: `agg` other than NONE, and an interval.
fn rows(params: &Params, range: &Range<Millis>, config: &Config) -> Result<Option<Cut>, ApiError> {
    let Some(word) = params.text("agg").filter(|word| *word != "NONE") else {
        return Ok(None);
    };
    let aggregation = Aggregation::parse(word).ok_or_else(|| {
        ApiError::bad(format!(
            "Unsupported aggregation '{word}'! Only MIN, MAX, AVG, SUM, COUNT and NONE are allowed."
        ))
    })?;
    let Some(step) = step(params)? else {
        return Ok(None);
    };
    let intervals = cut(range, &step, config.max_intervals)?;
    Ok(Some((intervals, aggregation)))
}

fn step(params: &Params) -> Result<Option<Step>, ApiError> {
    let unit = match params.text("intervalType") {
        None | Some("MILLISECONDS") => None,
        Some(word) => Some(
            Unit::parse(word)
                .ok_or_else(|| ApiError::bad(format!("Unsupported intervalType '{word}'!")))?,
        ),
    };
    match unit {
        Some(unit) => {
            let name: String = params.required("timeZone")?;
            let zone = interval::time_zone(&name)
                .ok_or_else(|| ApiError::bad(format!("Unknown time zone '{name}'")))?;
            Ok(Some(Step::Calendar(unit, zone)))
        }
        None => match params.value::<Millis>("interval")?.unwrap_or(0) {
            0 => Ok(None),
            length if length < 0 => Err(ApiError::bad("Incorrect interval: must not be negative")),
            length => Ok(Some(Step::Fixed(length))),
        },
    }
}

fn cut(range: &Range<Millis>, step: &Step, max: usize) -> Result<Vec<Range<Millis>>, ApiError> {
    // A range of 700 and a half intervals still counts as 700.
    interval::cut(range.clone(), step, max.saturating_add(1))
        .map_err(|error| error.to_string())
        .and_then(|intervals| match (step, intervals.len() > max) {
            (Step::Fixed(length), true) if whole(range, *length) <= max => Ok(intervals),
            (_, true) => Err(format!("the range holds more than {max} intervals")),
            _ => Ok(intervals),
        })
        .map_err(|detail| {
            ApiError::bad(format!(
                "Incorrect TsKvQuery. Number of intervals is to high - must be 1 to {max}: {detail}"
            ))
        })
}

fn whole(range: &Range<Millis>, length: Millis) -> usize {
    let count = (i128::from(range.end) - i128::from(range.start)) / i128::from(length.max(1));
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Answers it. 400 when it would be more than `api.max_history_points` points.
pub async fn answer(state: &ApiState, device: DeviceId, asked: Asked) -> Answer {
    let keys = match asked.keys {
        Some(keys) => keys,
        None => state.store.telemetry_keys(device).await?,
    };
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/json");
    match asked.what {
        What::Points { limit, order } => {
            let query = Reading {
                store: state.store.clone(),
                device,
                order,
                range: asked.range,
                limit,
            };
            query
                .refuse_too_many(&keys, state.config.max_history_points)
                .await?;
            Ok(answer.streaming(query.stream(keys, asked.strict)))
        }
        What::Rows {
            intervals,
            aggregation,
            order,
        } => {
            if keys.len().saturating_mul(intervals.len()) > state.config.max_history_points {
                return Err(too_many(state.config.max_history_points));
            }
            let mut out = String::from("{");
            for key in &keys {
                let found = state.store.aggregate(device, key, &intervals, aggregation);
                let mut rows = found.await?;
                if order == Order::Descending {
                    rows.reverse();
                }
                write_key(key, &rows, asked.strict, &mut out);
            }
            out.push('}');
            Ok(answer.body(out))
        }
    }
}

fn write_key(key: &Key, rows: &[Point], strict: bool, out: &mut String) {
    if rows.is_empty() {
        return;
    }
    if out.len() > 1 {
        out.push(',');
    }
    quote(key, out);
    out.push_str(":[");
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_point(row, strict, out);
    }
    out.push(']');
}

fn too_many(max: usize) -> ApiError {
    ApiError::bad(format!(
        "The answer would hold more than {max} points: ask for a shorter range, fewer keys, a limit or an aggregation"
    ))
}

/// Points of several series, read a page at a time.
struct Reading {
    store: SharedStore,
    device: DeviceId,
    order: Order,
    range: Range<Millis>,
    limit: usize,
}

/// How far one series has been read.
#[derive(Clone)]
struct Cursor {
    range: Range<Millis>,
    left: usize,
}

impl Reading {
    fn cursor(&self) -> Cursor {
        Cursor {
            range: self.range.clone(),
            left: self.limit,
        }
    }

    /// The next page of a series; the cursor is used up when nothing can follow. A point's time is
    /// unique in its series, so the next page begins right after the last point.
    async fn page(&self, key: &Key, cursor: &mut Cursor) -> Result<Vec<Point>, StoreError> {
        let asked = cursor.left.min(PAGE);
        if asked == 0 || cursor.range.start >= cursor.range.end {
            cursor.left = 0;
            return Ok(Vec::new());
        }
        let query = HistoryQuery {
            range: cursor.range.clone(),
            order: self.order,
            limit: asked,
        };
        let points = self.store.history(self.device, key, &query).await?;
        // A million points are many pages: devices served by this thread come in between.
        tokio::task::yield_now().await;
        match (points.last(), self.order) {
            (Some(last), Order::Ascending) => cursor.range.start = last.ts.saturating_add(1),
            (Some(last), Order::Descending) => cursor.range.end = last.ts,
            (None, _) => {}
        }
        cursor.left = if points.len() < asked {
            0
        } else {
            cursor.left.saturating_sub(points.len())
        };
        Ok(points)
    }

    /// Counts first when the limits allow more than `max`: better a refusal that says so than an
    /// answer that is silently cut, or a stream that breaks off.
    async fn refuse_too_many(&self, keys: &[Key], max: usize) -> Result<(), ApiError> {
        if self.limit.saturating_mul(keys.len()) <= max {
            return Ok(());
        }
        let mut count = 0;
        for key in keys {
            let mut cursor = self.cursor();
            while cursor.left > 0 {
                count += self.page(key, &mut cursor).await?.len();
                if count > max {
                    return Err(too_many(max));
                }
            }
        }
        Ok(())
    }

    fn stream(self, keys: Vec<Key>, strict: bool) -> impl Stream<Item = Result<Bytes, StoreError>> {
        let writer = Writer {
            reading: self,
            keys: keys.into_iter(),
            current: None,
            strict,
            state: Stage::Begin,
        };
        try_unfold(writer, Writer::next)
    }
}

#[derive(PartialEq)]
enum Stage {
    Begin,
    /// Nothing written yet but `{`.
    Empty,
    Keys,
    Done,
}

/// Writes `{"key":[point,...],...}` in pieces; keys without points are left out.
struct Writer {
    reading: Reading,
    keys: std::vec::IntoIter<Key>,
    /// The key being written, its cursor, and whether its array is open.
    current: Option<(Key, Cursor, bool)>,
    strict: bool,
    state: Stage,
}

impl Writer {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        if self.state == Stage::Done {
            return Ok(None);
        }
        let mut out = String::new();
        if self.state == Stage::Begin {
            out.push('{');
            self.state = Stage::Empty;
        }
        while out.len() <= 1 && self.state != Stage::Done {
            self.step(&mut out).await?;
        }
        Ok(Some((Bytes::from(out), self)))
    }

    /// One page of the current key, or on to the next key.
    async fn step(&mut self, out: &mut String) -> Result<(), StoreError> {
        let Some((key, mut cursor, mut open)) = self.current.take() else {
            match self.keys.next() {
                Some(key) => self.current = Some((key, self.reading.cursor(), false)),
                None => {
                    out.push('}');
                    self.state = Stage::Done;
                }
            }
            return Ok(());
        };
        for point in self.reading.page(&key, &mut cursor).await? {
            if open {
                out.push(',');
            } else {
                self.open(&key, out);
                open = true;
            }
            write_point(&point, self.strict, out);
        }
        if cursor.left > 0 {
            self.current = Some((key, cursor, open));
        } else if open {
            out.push(']');
        }
        Ok(())
    }

    fn open(&mut self, key: &Key, out: &mut String) {
        if self.state == Stage::Keys {
            out.push(',');
        }
        self.state = Stage::Keys;
        quote(key, out);
        out.push_str(":[");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;
    use futures_util::FutureExt;
    use std::sync::Arc;

    #[test]
    fn between_pages_others_have_their_turn() {
        let reading = Reading {
            store: Arc::new(MemoryStore::new()),
            device: DeviceId::new(),
            order: Order::Ascending,
            range: 0..10,
            limit: 10,
        };
        let mut cursor = reading.cursor();
        let key = Key::const_new("k");
        assert!(reading.page(&key, &mut cursor).now_or_never().is_none());
    }
}
