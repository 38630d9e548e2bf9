//! A device's own stream: what arrived lately, what was refused and why.

use super::endpoint::{get, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::params::{self, Params};
use super::ApiState;
use crate::model::event::{DeviceEvent, EventKind};
use crate::model::ids::DeviceId;
use actix_web::web::{Data, Path};
use actix_web::HttpResponse;
use serde_json::{json, Value};

/// Rows without `limit`.
const DEFAULT_LIMIT: usize = 100;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "events",
        vec![get("/api/device/{deviceId}/events", recent)
            .says("The device's last events that are still in memory, newest first")
            .asks("limit", "most rows, default 100")
            .gives("DeviceEvents")
            .fails(&[400, 404])],
    )
}

async fn recent(_: Guard, state: Data<ApiState>, path: Path<String>, params: Params) -> Answer {
    let id = params::id(&path, DeviceId::parse)?;
    let limit = params.value("limit")?.unwrap_or(DEFAULT_LIMIT);
    if state.store.device(id).await?.is_none() {
        return Err(ApiError::no_such("Device", id));
    }
    let events = state.registry.recent_events(id, limit);
    let rows: Vec<Value> = events.iter().rev().map(row).collect();
    Ok(HttpResponse::Ok().json(rows))
}

/// `{"ts":..,"transport":"mqtt","kind":"refused","reason":"bad_json","detail":".."}`.
pub fn row(event: &DeviceEvent) -> Value {
    let (kind, reason, detail) = describe(&event.kind);
    json!({
        "ts": event.at,
        "transport": event.transport.map(|transport| transport.label()),
        "kind": kind,
        "reason": reason,
        "detail": detail,
    })
}

fn describe(kind: &EventKind) -> (&'static str, Option<&str>, String) {
    match kind {
        EventKind::Connected { client_id, resumed } => (
            "connected",
            None,
            format!("client id '{client_id}', session resumed: {resumed}"),
        ),
        EventKind::Disconnected { reason } => ("disconnected", None, reason.clone()),
        EventKind::TelemetrySaved { points } => {
            ("telemetry_saved", None, format!("{points} points"))
        }
        EventKind::AttributesSaved { scope, keys } => (
            "attributes_saved",
            None,
            format!("{keys} keys in {}", scope.name()),
        ),
        EventKind::AttributesDeleted { scope, keys } => (
            "attributes_deleted",
            None,
            format!("{keys} keys in {}", scope.name()),
        ),
        EventKind::Rpc {
            rpc,
            request_id,
            method,
            state,
        } => (
            "rpc",
            None,
            format!("{method} ({rpc}, request {request_id}): {}", state.name()),
        ),
        EventKind::ClientRpc { method, handled } => {
            ("client_rpc", None, format!("{method}, handled: {handled}"))
        }
        EventKind::Refused { reason, detail } => ("refused", Some(reason.label()), detail.clone()),
        EventKind::TelemetryDropped {
            before,
            blocks,
            rows,
            bytes,
        } => (
            "telemetry_dropped",
            Some("max_size"),
            format!("all before {before}: {blocks} blocks, {rows} rows, about {bytes} bytes"),
        ),
        EventKind::Active => ("active", None, String::new()),
        EventKind::Inactive => ("inactive", None, String::new()),
    }
}
