//! Telemetry as operators read it: keys, latest, history (contract/admin-rest.md 5).

use super::endpoint::{get, tagged, Endpoint};
use super::error::Answer;
use super::extract::Guard;
use super::history::{self, Asked};
use super::params::Params;
use super::ApiState;
use crate::model::ids::DeviceId;
use crate::model::json::write_value;
use crate::model::telemetry::Point;
use crate::model::value::{Key, Value};
use actix_web::web::{Data, Path};
use actix_web::HttpResponse;
use std::collections::{BTreeMap, HashSet};

const BASE: &str = "comma-separated keys; absent = all";

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "telemetry",
        vec![
            get(
                "/api/plugins/telemetry/{entityType}/{entityId}/keys/timeseries",
                keys,
            )
            .says("The keys of a device's time series")
            .gives("Keys")
            .fails(&[400, 404]),
            history_parameters(
                get(
                    "/api/plugins/telemetry/{entityType}/{entityId}/values/timeseries/history",
                    history,
                )
                .says("History between startTs (inclusive) and endTs (exclusive)")
                .needs("startTs", "epoch ms, inclusive")
                .needs("endTs", "epoch ms, exclusive"),
            ),
            history_parameters(
                get(
                    "/api/plugins/telemetry/{entityType}/{entityId}/values/timeseries",
                    values,
                )
                .says("Latest values; with startTs and endTs the history instead")
                .asks("startTs", "epoch ms, inclusive; needs endTs")
                .asks("endTs", "epoch ms, exclusive; needs startTs"),
            ),
        ],
    )
}

fn history_parameters(endpoint: Endpoint) -> Endpoint {
    endpoint
        .asks("keys", BASE)
        .asks("key", "one key, may repeat and hold commas; wins over keys")
        .asks(
            "useStrictDataTypes",
            "true: typed values; false (default): values as strings",
        )
        .asks("agg", "MIN, MAX, AVG, SUM, COUNT or NONE (default)")
        .asks("interval", "ms of one aggregated row; 0 = no aggregation")
        .asks(
            "intervalType",
            "MILLISECONDS (default), WEEK, WEEK_ISO, MONTH, QUARTER",
        )
        .asks("timeZone", "IANA name; needed by calendar intervals")
        .asks("limit", "points a key without aggregation, default 100")
        .asks(
            "orderBy",
            "ASC or DESC; without it points come newest first, aggregated rows oldest first",
        )
        .gives("Timeseries")
        .fails(&[400, 404])
}

async fn keys(_: Guard, state: Data<ApiState>, path: Path<(String, String)>) -> Answer {
    let device = state.entity(&path.0, &path.1).await?;
    let keys = state.store.telemetry_keys(device.id).await?;
    Ok(HttpResponse::Ok().json(keys))
}

async fn values(
    _: Guard,
    state: Data<ApiState>,
    path: Path<(String, String)>,
    params: Params,
) -> Answer {
    let device = state.entity(&path.0, &path.1).await?.id;
    if params.text("startTs").is_some() || params.text("endTs").is_some() {
        return history::answer(&state, device, Asked::from(&params, &state.config)?).await;
    }
    let strict = params.flag("useStrictDataTypes", false)?;
    latest(&state, device, named_keys(&params), strict).await
}

async fn history(
    _: Guard,
    state: Data<ApiState>,
    path: Path<(String, String)>,
    params: Params,
) -> Answer {
    let device = state.entity(&path.0, &path.1).await?.id;
    history::answer(&state, device, Asked::from(&params, &state.config)?).await
}

async fn latest(
    state: &ApiState,
    device: DeviceId,
    keys: Option<Vec<Key>>,
    strict: bool,
) -> Answer {
    let found = state.store.latest(device, keys.as_deref()).await?;
    let mut out = String::from("{");
    match keys {
        None => {
            for (key, point) in &found {
                write_latest(key, Some(point), strict, &mut out);
            }
        }
        Some(keys) => {
            let found: BTreeMap<Key, Point> = found.into_iter().collect();
            for key in &keys {
                write_latest(key, found.get(key), strict, &mut out);
            }
        }
    }
    out.push('}');
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(out))
}

/// A key without a value answers null, as of now.
fn write_latest(key: &Key, point: Option<&Point>, strict: bool, out: &mut String) {
    if out.len() > 1 {
        out.push(',');
    }
    quote(key, out);
    out.push_str(":[");
    match point {
        Some(point) => write_point(point, strict, out),
        None => out.push_str(&format!("{{\"ts\":{},\"value\":null}}", super::now())),
    }
    out.push(']');
}

/// The keys of `key=` (may repeat, may hold commas), else of `keys=`; each once. `None` = all.
pub fn named_keys(params: &Params) -> Option<Vec<Key>> {
    let repeated: Vec<Key> = params
        .all("key")
        .filter(|key| !key.is_empty())
        .map(Key::from)
        .collect();
    let named = if repeated.is_empty() {
        let list = params.text("keys")?;
        list.split(',')
            .filter(|key| !key.is_empty())
            .map(Key::from)
            .collect()
    } else {
        repeated
    };
    let mut seen = HashSet::new();
    Some(
        named
            .into_iter()
            .filter(|key: &Key| seen.insert(key.clone()))
            .collect(),
    )
}

/// `{"ts":1700000000000,"value":"21.5"}`.
pub fn write_point(point: &Point, strict: bool, out: &mut String) {
    out.push_str("{\"ts\":");
    out.push_str(&point.ts.to_string());
    out.push_str(",\"value\":");
    match &point.value {
        value if strict => write_value(value, out),
        Value::Text(text) => quote(text, out),
        Value::Json(json) => quote(json, out),
        other => {
            out.push('"');
            write_value(other, out);
            out.push('"');
        }
    }
    out.push('}');
}

/// A JSON string.
pub fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
