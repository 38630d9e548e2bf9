//! History questions: points, streamed (see `history_body`); or aggregated rows, of which there are
//! few (contract/admin-rest.md 5).

use super::error::{Answer, ApiError};
use super::history_body::Writer;
use super::params::Params;
use super::telemetry::{named_keys, quote, write_point};
use super::ApiState;
use super::Config;
use crate::model::ids::DeviceId;
use crate::model::interval::{self, CutError, Step, Unit};
use crate::model::query::{Aggregation, HistoryQuery, Order};
use crate::model::telemetry::Point;
use crate::model::value::{Key, Value};
use crate::model::Millis;
use crate::store::SharedStore;
use actix_web::HttpResponse;
use std::ops::Range;

/// Shorter intervals count as this long (contract/admin-rest.md 5).
const SECOND: Millis = 1_000;

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
    // Intervals are counted as if none were shorter than a second.
    let most = match step {
        Step::Fixed(length) if whole(range, (*length).max(SECOND)) <= max => {
            max.saturating_add(1).saturating_mul(SECOND as usize)
        }
        _ => max,
    };
    let too_high = |detail: CutError| {
        ApiError::bad(format!(
            "Incorrect TsKvQuery. Number of intervals is to high - must be 1 to {max}: {detail}"
        ))
    };
    interval::cut(range.clone(), step, most).map_err(|error| {
        too_high(match error {
            CutError::TooMany { .. } => CutError::TooMany { max },
            other => other,
        })
    })
}

/// Whole intervals of this length in the range.
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
    let most = state.config.max_history_points;
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/json");
    match asked.what {
        What::Points { limit, order } => {
            let range = asked.range;
            let query = HistoryQuery {
                range,
                order,
                limit,
            };
            refuse_too_many(&state.store, device, &keys, &query, most).await?;
            let mut writer = Writer::new(state.store.clone(), device, keys, query, asked.strict);
            // What fails before the first byte has a status of its own.
            let first = writer.next().await?;
            Ok(match writer.is_done() {
                true => answer.body(first),
                false => answer.streaming(writer.behind(first)),
            })
        }
        What::Rows {
            intervals,
            aggregation,
            order,
        } => {
            if keys.len().saturating_mul(intervals.len()) > most {
                return Err(too_many(most));
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

/// Counts first when the limits allow more than `max`: better a refusal that says so than an answer
/// that is silently cut, or a stream that breaks off.
async fn refuse_too_many(
    store: &SharedStore,
    device: DeviceId,
    keys: &[Key],
    query: &HistoryQuery,
    max: usize,
) -> Result<(), ApiError> {
    if query.limit.saturating_mul(keys.len()) <= max {
        return Ok(());
    }
    let range = std::slice::from_ref(&query.range);
    let mut count = 0;
    for key in keys {
        let counted = store.aggregate(device, key, range, Aggregation::Count);
        let counted = match counted.await?.pop().map(|point| point.value) {
            Some(Value::Long(number)) => usize::try_from(number).unwrap_or(usize::MAX),
            _ => 0,
        };
        count += counted.min(query.limit);
        if count > max {
            return Err(too_many(max));
        }
    }
    Ok(())
}
