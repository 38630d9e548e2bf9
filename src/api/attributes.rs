//! Attributes in their scopes: read, write, delete (contract/admin-rest.md 5). Shared changes
//! reach the device; 200 means on disk.

use super::endpoint::{delete, get, post, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::params::Params;
use super::telemetry::{named_keys, quote};
use super::ApiState;
use crate::model::attributes::{Attribute, Scope};
use crate::model::device::Device;
use crate::model::json::{self, write_value};
use crate::model::reject::{Reason, Rejection};
use crate::model::value::{Key, Value};
use crate::registry::Command;
use actix_web::web::{Data, Path, Payload};
use actix_web::HttpResponse;
use std::collections::BTreeSet;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "attributes",
        vec![
            get(
                "/api/plugins/telemetry/{entityType}/{entityId}/keys/attributes",
                keys,
            )
            .says("Attribute keys of all scopes")
            .gives("Keys")
            .fails(&[400, 404]),
            get(
                "/api/plugins/telemetry/{entityType}/{entityId}/keys/attributes/{scope}",
                keys_of_scope,
            )
            .says("Attribute keys of one scope")
            .gives("Keys")
            .fails(&[400, 404]),
            get(
                "/api/plugins/telemetry/{entityType}/{entityId}/values/attributes",
                values,
            )
            .says("Attributes of all scopes, typed")
            .asks("keys", "comma-separated keys; absent = all")
            .asks("key", "one key, may repeat and hold commas; wins over keys")
            .gives("Attributes")
            .fails(&[400, 404]),
            get(
                "/api/plugins/telemetry/{entityType}/{entityId}/values/attributes/{scope}",
                values_of_scope,
            )
            .says("Attributes of one scope, typed")
            .asks("keys", "comma-separated keys; absent = all")
            .asks("key", "one key, may repeat and hold commas; wins over keys")
            .gives("Attributes")
            .fails(&[400, 404]),
            post(
                "/api/plugins/telemetry/{entityType}/{entityId}/attributes/{scope}",
                save_entity,
            )
            .says("Save attributes in SERVER_SCOPE or SHARED_SCOPE")
            .takes("AttributeValues")
            .fails(&[400, 404, 413]),
            post(
                "/api/plugins/telemetry/{entityType}/{entityId}/{scope}",
                save_entity,
            )
            .says("Save attributes in SERVER_SCOPE or SHARED_SCOPE")
            .takes("AttributeValues")
            .fails(&[400, 404, 413]),
            delete(
                "/api/plugins/telemetry/{entityType}/{entityId}/{scope}",
                remove_entity,
            )
            .says("Delete attributes of any scope")
            .asks("keys", "comma-separated keys; these or key are needed")
            .asks("key", "one key, may repeat and hold commas; wins over keys")
            .fails(&[400, 404]),
            post("/api/plugins/telemetry/{deviceId}/{scope}", save_device)
                .says("Save attributes in SERVER_SCOPE or SHARED_SCOPE")
                .takes("AttributeValues")
                .fails(&[400, 404, 413]),
            delete("/api/plugins/telemetry/{deviceId}/{scope}", remove_device)
                .says("Delete attributes of any scope")
                .asks("keys", "comma-separated keys; these or key are needed")
                .asks("key", "one key, may repeat and hold commas; wins over keys")
                .fails(&[400, 404]),
        ],
    )
}

type EntityPath = Path<(String, String)>;
type ScopedPath = Path<(String, String, String)>;

async fn keys(_: Guard, state: Data<ApiState>, path: EntityPath) -> Answer {
    let device = state.entity(&path.0, &path.1).await?;
    list_keys(&state, &device, &Scope::ALL).await
}

async fn keys_of_scope(_: Guard, state: Data<ApiState>, path: ScopedPath) -> Answer {
    let device = state.entity(&path.0, &path.1).await?;
    list_keys(&state, &device, &[scope(&path.2)?]).await
}

async fn list_keys(state: &ApiState, device: &Device, scopes: &[Scope]) -> Answer {
    let mut keys = BTreeSet::new();
    for scope in scopes {
        let found = state.store.attributes(device.id, *scope, None).await?;
        keys.extend(found.into_iter().map(|attribute| attribute.key));
    }
    Ok(HttpResponse::Ok().json(keys))
}

async fn values(_: Guard, state: Data<ApiState>, path: EntityPath, params: Params) -> Answer {
    let device = state.entity(&path.0, &path.1).await?;
    list_values(&state, &device, &Scope::ALL, &params).await
}

async fn values_of_scope(
    _: Guard,
    state: Data<ApiState>,
    path: ScopedPath,
    params: Params,
) -> Answer {
    let device = state.entity(&path.0, &path.1).await?;
    list_values(&state, &device, &[scope(&path.2)?], &params).await
}

async fn list_values(
    state: &ApiState,
    device: &Device,
    scopes: &[Scope],
    params: &Params,
) -> Answer {
    let keys = named_keys(params);
    let mut out = String::from("[");
    for scope in scopes {
        let found = state.store.attributes(device.id, *scope, keys.as_deref());
        for attribute in &found.await? {
            write_attribute(attribute, &mut out);
        }
    }
    out.push(']');
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(out))
}

/// `{"lastUpdateTs":1700000000000,"key":"a","value":42}`.
fn write_attribute(attribute: &Attribute, out: &mut String) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push_str("{\"lastUpdateTs\":");
    out.push_str(&attribute.last_update.to_string());
    out.push_str(",\"key\":");
    quote(&attribute.key, out);
    out.push_str(",\"value\":");
    write_value(&attribute.value, out);
    out.push('}');
}

async fn save_entity(
    _: Guard,
    state: Data<ApiState>,
    path: ScopedPath,
    payload: Payload,
) -> Answer {
    let device = state.entity(&path.0, &path.1).await?;
    save(&state, &device, &path.2, payload).await
}

async fn save_device(
    _: Guard,
    state: Data<ApiState>,
    path: EntityPath,
    payload: Payload,
) -> Answer {
    let device = state.device(&path.0).await?;
    save(&state, &device, &path.1, payload).await
}

async fn save(state: &ApiState, device: &Device, word: &str, payload: Payload) -> Answer {
    let scope = scope(word)?;
    if scope == Scope::Client {
        return Err(invalid_scope(word));
    }
    let limit = state.config.max_body;
    let body = state.body(device.id, payload, limit).await?;
    let entries = parse(&body, device, state).await?;
    if entries.is_empty() {
        return Err(ApiError::bad("No attributes data found in request body!"));
    }
    let command = Command::SaveAttributes { scope, entries };
    state.done(device.id, command).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn parse(
    body: &[u8],
    device: &Device,
    state: &ApiState,
) -> Result<Vec<(Key, Value)>, ApiError> {
    let profile = state.store.profile(device.profile).await?;
    let options = profile.map(|profile| profile.options).unwrap_or_default();
    let parsed = json::attributes(body, &state.payload, options).and_then(|(entries, nulls)| {
        if nulls == 0 {
            return Ok(entries);
        }
        let detail = "null is no value; nothing of this request was saved";
        Err(Rejection::new(Reason::NullValue, detail))
    });
    match parsed {
        Ok(entries) => Ok(entries),
        Err(rejection) => Err(refusal(state.refuse(device.id, rejection).await)),
    }
}

/// ThingsBoard's texts, with what and where beside them.
fn refusal(rejection: Rejection) -> ApiError {
    match rejection.reason {
        Reason::BadJson | Reason::TooDeep => ApiError::bad("Invalid JSON").detail(rejection.detail),
        Reason::BadShape => ApiError::bad("Request is not a JSON object").detail(rejection.detail),
        Reason::BadKey => bad_key(rejection),
        _ => rejection.into(),
    }
}

pub fn bad_key(rejection: Rejection) -> ApiError {
    if rejection.detail.contains("blank") {
        ApiError::bad("Key cannot be blank").detail(rejection.detail)
    } else {
        ApiError::bad(rejection.detail)
    }
}

async fn remove_entity(
    _: Guard,
    state: Data<ApiState>,
    path: ScopedPath,
    params: Params,
) -> Answer {
    let device = state.entity(&path.0, &path.1).await?;
    remove(&state, &device, &path.2, &params).await
}

async fn remove_device(
    _: Guard,
    state: Data<ApiState>,
    path: EntityPath,
    params: Params,
) -> Answer {
    let device = state.device(&path.0).await?;
    remove(&state, &device, &path.1, &params).await
}

async fn remove(state: &ApiState, device: &Device, word: &str, params: &Params) -> Answer {
    let scope = scope(word)?;
    let keys = named_keys(params).filter(|keys| !keys.is_empty());
    let keys = keys.ok_or_else(|| ApiError::bad("Empty keys: []"))?;
    let command = Command::DeleteAttributes { scope, keys };
    state.done(device.id, command).await?;
    Ok(HttpResponse::Ok().finish())
}

fn scope(word: &str) -> Result<Scope, ApiError> {
    Scope::parse(word).ok_or_else(|| invalid_scope(word))
}

fn invalid_scope(word: &str) -> ApiError {
    ApiError::bad(format!("Invalid scope: {word}"))
}
