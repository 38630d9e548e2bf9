//! Device payloads: JSON to typed telemetry, attributes and requests, and back
//! (contract/mqtt.md 6 to 9, contract/data-model.md 2 and 3).

use super::attributes::{AttributeReply, AttributeRequest};
use super::device::ProfileOptions;
use super::reject::Rejection;
use super::rpc::RpcOrder;
use super::telemetry::Telemetry;
use super::value::{Key, Value};
use super::Millis;
use serde::Deserialize;

/// `[payload]`: how payloads are read. See `config.toml`; that file holds the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Deepest nesting of objects and arrays.
    pub max_depth: usize,
    /// Longest key, in characters.
    pub max_key: usize,
    /// Most points of one message.
    pub max_points: usize,
    /// Accept JSON5 habits (`{temperature:25}`) after strict parsing failed.
    pub lenient: bool,
}

/// Telemetry in any of its shapes. `now`: the receive time for rows without `ts`.
pub fn telemetry(
    _body: &[u8],
    _now: Millis,
    _rules: &Rules,
    _profile: ProfileOptions,
) -> Result<Telemetry, Rejection> {
    todo!()
}

/// An object of attributes; returns the entries and how many `null`s were skipped.
pub fn attributes(
    _body: &[u8],
    _rules: &Rules,
    _profile: ProfileOptions,
) -> Result<(Vec<(Key, Value)>, u32), Rejection> {
    todo!()
}

/// `{"clientKeys":"a,b","sharedKeys":"c"}`; no trimming.
pub fn attribute_request(_body: &[u8], _rules: &Rules) -> Result<AttributeRequest, Rejection> {
    todo!()
}

/// Client-side RPC body: (method, params as JSON text; `null` when absent).
pub fn rpc_call(_body: &[u8], _rules: &Rules) -> Result<(String, Box<str>), Rejection> {
    todo!()
}

/// Operator's RPC body (contract/rpc.md 1), `now` for its defaults.
pub fn rpc_order(
    _body: &[u8],
    _oneway: bool,
    _now: Millis,
    _max_retries: u32,
    _rules: &Rules,
) -> Result<RpcOrder, Rejection> {
    todo!()
}

/// `{"client":{..},"shared":{..}}`, sections without a hit left out.
pub fn write_attribute_reply(_reply: &AttributeReply, _out: &mut String) {
    todo!()
}

/// `{"k":v,...}`.
pub fn write_object(_entries: &[(Key, Value)], _out: &mut String) {
    todo!()
}

/// `{"deleted":["k",...]}`.
pub fn write_deleted(_keys: &[Key], _out: &mut String) {
    todo!()
}

/// One value as JSON: doubles in shortest form with at least one fraction digit.
pub fn write_value(_value: &Value, _out: &mut String) {
    todo!()
}
