//! Persistent RPCs: read, list, withdraw (contract/rpc.md 4).

use super::endpoint::{delete, get, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::json::{entity, tenant};
use super::paging;
use super::params::{self, Params};
use super::ApiState;
use crate::model::ids::RpcId;
use crate::model::rpc::{RpcRecord, RpcState};
use crate::registry::Command;
use actix_web::web::{Data, Path};
use actix_web::HttpResponse;
use serde_json::{json, Value};

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "rpc",
        vec![
            get("/api/rpc/persistent/device/{deviceId}", list)
                .says("A page of a device's persistent RPCs")
                .paged()
                .asks(
                    "rpcStatus",
                    "QUEUED, SENT, DELIVERED, SUCCESSFUL, TIMEOUT, EXPIRED or FAILED",
                )
                .gives("PageOfPersistentRpcs")
                .fails(&[400, 404]),
            get("/api/rpc/persistent/{rpcId}", read)
                .says("One persistent RPC")
                .gives("PersistentRpc")
                .fails(&[400, 404]),
            delete("/api/rpc/persistent/{rpcId}", remove)
                .says("Delete a persistent RPC; a pending one is withdrawn")
                .fails(&[400, 404]),
        ],
    )
}

async fn read(_: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let record = one(&state, &path).await?;
    Ok(HttpResponse::Ok().json(show(&record)))
}

async fn remove(_: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let record = one(&state, &path).await?;
    let command = Command::RpcDelete(record.order.id);
    state.done(record.device, command).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn one(state: &ApiState, id: &str) -> Result<RpcRecord, ApiError> {
    let id = params::id(id, RpcId::parse)?;
    let found = state.store.rpc(id).await?;
    found.ok_or_else(|| ApiError::no_such("RPC", id))
}

async fn list(_: Guard, state: Data<ApiState>, path: Path<String>, params: Params) -> Answer {
    let page = paging::request(&params, state.config.max_page_size)?;
    let status = params.text("rpcStatus").map(|word| {
        RpcState::parse(word).ok_or_else(|| ApiError::bad("Invalid value of parameter 'rpcStatus'"))
    });
    let status = status.transpose()?;
    let device = state.device(&path).await?;
    let found = state.store.rpcs(device.id, status, &page).await?;
    let rows = found.rows.iter().map(show).collect();
    Ok(HttpResponse::Ok().json(paging::answer(rows, found.total, &page)))
}

/// `body.params` is a string that holds JSON, as ThingsBoard has it.
pub fn show(record: &RpcRecord) -> Value {
    let order = &record.order;
    let parsed = |text: &Option<Box<str>>| {
        text.as_deref()
            .map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!({"error": text})))
    };
    json!({
        "id": entity("RPC", order.id),
        "createdTime": order.created,
        "tenantId": tenant(),
        "deviceId": entity("DEVICE", record.device),
        "expirationTime": order.expires,
        "request": {
            "id": order.id.to_string(),
            "tenantId": tenant(),
            "deviceId": entity("DEVICE", record.device),
            "oneway": order.oneway,
            "expirationTime": order.expires,
            "body": {"method": order.method, "params": order.params},
            "persisted": order.persistent,
            "retries": order.retries,
            "additionalInfo": parsed(&order.additional_info),
        },
        "response": parsed(&record.response),
        "status": record.state.name(),
        "additionalInfo": parsed(&order.additional_info).unwrap_or_else(|| json!({})),
    })
}
