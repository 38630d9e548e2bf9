//! `/api/apiKey`, `/api/apiKeys`: keys for programs (contract/admin-rest.md 1, `X-Authorization:
//! ApiKey ...`). A key is shown when it is made, and never again.

use super::body;
use super::endpoint::{delete, get, post, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::Guard;
use super::json::entity;
use super::paging;
use super::params::{self, Params};
use super::ApiState;
use crate::auth::KeyOrder;
use crate::model::ids::ApiKeyId;
use crate::model::operator::{ApiKey, Role};
use crate::model::Millis;
use actix_web::web::{Data, Path, Payload};
use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::{json, Value};

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "API keys",
        vec![
            post("/api/apiKey", create)
                .says(
                    "Make an API key for the one who asks: it has at most the owner's role, and \
                     ends at `expirationTime` (epoch ms; 0 or left out = never). `value` is shown \
                     in this answer only; send it as `X-Authorization: ApiKey VALUE`",
                )
                .takes("SaveApiKey")
                .gives("NewApiKey")
                .fails(&[400, 413]),
            get("/api/apiKeys", list)
                .says("A page of the own API keys, oldest first; administrators see all")
                .needs("pageSize", "rows a page, 1 to api.max_page_size")
                .needs("page", "number of the page, from 0")
                .gives("PageOfApiKeys")
                .fails(&[400]),
            delete("/api/apiKey/{apiKeyId}", remove)
                .says("Revoke an API key of one's own; administrators revoke any")
                .fails(&[400, 404]),
        ],
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Save {
    description: Option<String>,
    role: Option<String>,
    #[serde(default)]
    read_only: bool,
    expiration_time: Option<Millis>,
}

async fn create(guard: Guard, state: Data<ApiState>, payload: Payload) -> Answer {
    let asked: Save = body::json(payload, &state).await?;
    let role = match asked.role.as_deref() {
        None => guard.0.role,
        Some(word) => Role::parse(word).ok_or_else(|| {
            ApiError::bad("Unknown role")
                .detail("known roles are VIEWER, OPERATOR and ADMINISTRATOR")
        })?,
    };
    let order = KeyOrder {
        description: asked.description.unwrap_or_default(),
        role,
        read_only: asked.read_only,
        expires: asked.expiration_time.filter(|end| *end != 0),
    };
    let made = state.auth.operators().create_key(&guard.0, order).await?;
    guard.about("API_KEY", made.record.id, &made.record.description);
    Ok(HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(new(&made.record, &made.key)))
}

async fn list(guard: Guard, state: Data<ApiState>, params: Params) -> Answer {
    let page = paging::request(&params, state.config.max_page_size)?;
    let only = (guard.0.role != Role::Administrator).then_some(guard.0.operator);
    let (rows, total) = paging::cut(state.auth.operators().keys(only), &page);
    let rows = rows.iter().map(show).collect();
    Ok(HttpResponse::Ok().json(paging::answer(rows, total, &page)))
}

async fn remove(guard: Guard, state: Data<ApiState>, path: Path<String>) -> Answer {
    let id = params::id(&path, ApiKeyId::parse)?;
    let only = (guard.0.role != Role::Administrator).then_some(guard.0.operator);
    let gone = state.auth.operators().delete_key(id, only).await?;
    guard.about("API_KEY", id, &gone.description);
    Ok(HttpResponse::Ok().finish())
}

/// A key without itself.
pub fn show(key: &ApiKey) -> Value {
    json!({
        "id": {"id": key.id.to_string()},
        "createdTime": key.created,
        "userId": entity("USER", key.owner),
        "description": key.description,
        "role": key.role.name(),
        "readOnly": key.read_only,
        "expirationTime": key.expires.unwrap_or(0),
    })
}

/// A key that was just made.
pub fn new(key: &ApiKey, value: &str) -> Value {
    let mut shown = show(key);
    if let Some(object) = shown.as_object_mut() {
        object.insert("value".to_owned(), json!(value));
    }
    shown
}
