//! Requests: for attributes (contract/mqtt.md 7), client-side RPC (mqtt.md 9), and the
//! operator's order of a server-side RPC (contract/rpc.md 1).

use super::members::NamedSeed;
use super::read::{read, strict, Failure};
use super::value::{compact, string};
use super::{number, Rules};
use crate::model::attributes::AttributeRequest;
use crate::model::ids::RpcId;
use crate::model::reject::{Reason, Rejection};
use crate::model::rpc::RpcOrder;
use crate::model::value::Key;
use crate::model::Millis;
use std::cell::Cell;

/// `{"clientKeys":"a,b","sharedKeys":"c"}`; no trimming; a `null` section is not named; other
/// members are ignored.
///
/// # Errors
/// `BadJson`, `BadShape`, `TooLarge` (more keys than `max_points`).
pub fn attribute_request(body: &[u8], rules: &Rules) -> Result<AttributeRequest, Rejection> {
    read(body, rules, |text| {
        let [client, shared] = named(text, ["clientKeys", "sharedKeys"])?;
        Ok(AttributeRequest {
            client: keys("clientKeys", client, rules)?,
            shared: keys("sharedKeys", shared, rules)?,
        })
    })
}

fn keys(name: &str, raw: Option<&str>, rules: &Rules) -> Result<Option<Vec<Key>>, Rejection> {
    let Some(raw) = given(raw) else {
        return Ok(None);
    };
    let list = text_of(name, raw)?;
    if list.bytes().filter(|byte| *byte == b',').count() >= rules.max_points {
        let detail = format!("{name}: more than {} keys", rules.max_points);
        return Err(Rejection::new(Reason::TooLarge, detail));
    }
    Ok(Some(list.split(',').map(Key::from).collect()))
}

/// Client-side RPC body: (method, params as compact JSON text; `null` when absent).
///
/// # Errors
/// `BadJson`, `BadShape` (no object, no method), `TooDeep`.
pub fn rpc_call(body: &[u8], rules: &Rules) -> Result<(String, Box<str>), Rejection> {
    read(body, rules, |text| {
        let [name, params] = named(text, ["method", "params"])?;
        Ok((method(name)?, json(params.unwrap_or("null"), rules)?))
    })
}

/// Shortest life of an RPC when `timeout` sets it, ms.
const SHORTEST: Millis = 5_000;
/// `timeout` when absent, ms.
const DEFAULT_TIMEOUT: Millis = 10_000;

/// Operator's RPC body (contract/rpc.md 1), `now` for its defaults. `max_retries` is both the
/// default and the upper bound of `retries`. A `null` member counts as absent.
///
/// # Errors
/// `BadJson`, `BadShape` (naming the member), `TooDeep`.
pub fn rpc_order(
    body: &[u8],
    oneway: bool,
    now: Millis,
    max_retries: u32,
    rules: &Rules,
) -> Result<RpcOrder, Rejection> {
    const MEMBERS: [&str; 8] = [
        "method",
        "params",
        "timeout",
        "expirationTime",
        "persistent",
        "retries",
        "additionalInfo",
        "requestUUID",
    ];
    read(body, rules, |text| {
        let [name, params, timeout, expiration, persistent, retries, info, uuid] =
            named(text, MEMBERS)?;
        let timeout = whole("timeout", timeout)?.unwrap_or(DEFAULT_TIMEOUT);
        let expiration = whole("expirationTime", expiration)?;
        let life = timeout.max(SHORTEST);
        Ok(RpcOrder {
            id: id(uuid)?,
            oneway,
            method: method(name)?,
            params: json(params.unwrap_or("null"), rules)?,
            created: now,
            expires: expiration.unwrap_or_else(|| now.saturating_add(life)),
            persistent: flag("persistent", persistent)?,
            retries: count("retries", retries)?.map_or(max_retries, |n| n.min(max_retries)),
            additional_info: given(info).map(|raw| json(raw, rules)).transpose()?,
        })
    })
}

fn named<'t, const N: usize>(
    text: &'t str,
    names: [&'static str; N],
) -> Result<[Option<&'t str>; N], Failure> {
    let shape = || "expected an object".to_string();
    strict(text, NamedSeed(names), &Cell::new(None), shape)
}

/// `None` for an absent member and for `null`.
fn given(raw: Option<&str>) -> Option<&str> {
    raw.filter(|raw| *raw != "null")
}

fn bad(name: &str, what: &str) -> Rejection {
    Rejection::new(Reason::BadShape, format!("{name}: {what}"))
}

fn text_of(name: &str, raw: &str) -> Result<String, Rejection> {
    if !raw.starts_with('"') {
        return Err(bad(name, "expected a string"));
    }
    Ok(string(raw)?.into_owned())
}

fn method(raw: Option<&str>) -> Result<String, Rejection> {
    let raw = given(raw).ok_or_else(|| bad("method", "is missing"))?;
    let name = text_of("method", raw)?;
    if name.is_empty() {
        return Err(bad("method", "is empty"));
    }
    Ok(name)
}

/// Any JSON, compact; its depth counts below the body's own object.
fn json(raw: &str, rules: &Rules) -> Result<Box<str>, Rejection> {
    compact(raw, 1, rules)
}

fn whole(name: &str, raw: Option<&str>) -> Result<Option<i64>, Rejection> {
    let Some(raw) = given(raw) else {
        return Ok(None);
    };
    // ThingsBoard reads numbers in quotes too.
    let number = match string(raw) {
        Ok(text) if raw.starts_with('"') => text.parse().ok(),
        _ => number::integer(raw),
    };
    number
        .map(Some)
        .ok_or_else(|| bad(name, "expected a whole number"))
}

fn count(name: &str, raw: Option<&str>) -> Result<Option<u32>, Rejection> {
    let number = whole(name, raw)?;
    match number {
        Some(n) if n < 0 => Err(bad(name, "expected no negative number")),
        Some(n) => Ok(Some(u32::try_from(n).unwrap_or(u32::MAX))),
        None => Ok(None),
    }
}

fn flag(name: &str, raw: Option<&str>) -> Result<bool, Rejection> {
    match given(raw) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(bad(name, "expected true or false")),
    }
}

fn id(raw: Option<&str>) -> Result<RpcId, Rejection> {
    let Some(raw) = given(raw) else {
        return Ok(RpcId::new());
    };
    RpcId::parse(&text_of("requestUUID", raw)?).ok_or_else(|| bad("requestUUID", "is no UUID"))
}
