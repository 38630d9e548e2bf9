//! Request bodies: any Content-Type, bounded in size and time, also when sent in chunks
//! (contract/admin-rest.md 5: tb-rest-client posts JSON as text/plain).

use super::error::ApiError;
use super::ApiState;
use crate::model::reject::{Reason, Rejection};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Reads a whole body of at most `limit` bytes.
/// Errors: `TooLarge`, `TooSlow` (longer than `api.body_timeout`), `ProtocolViolation` (broken off).
pub async fn read(
    mut payload: Payload,
    state: &ApiState,
    limit: usize,
) -> Result<Bytes, Rejection> {
    let collect = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| {
                Rejection::new(Reason::ProtocolViolation, "The request body broke off")
            })?;
            if body.len().saturating_add(chunk.len()) > limit {
                let detail = format!("Payload size exceeds the limit of {limit} bytes");
                return Err(Rejection::new(Reason::TooLarge, detail));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    actix_web::rt::time::timeout(state.config.body_timeout.0, collect)
        .await
        .unwrap_or_else(|_| {
            let detail = "The request body took too long to arrive";
            Err(Rejection::new(Reason::TooSlow, detail))
        })
}

/// Reads a body of at most `api.max_body` bytes and parses it as JSON of this shape.
pub async fn json<T: DeserializeOwned>(payload: Payload, state: &ApiState) -> Result<T, ApiError> {
    json_at_most(payload, state, state.config.max_body.bytes()).await
}

/// The same for callers that nobody knows yet: at most `api.max_login_body` bytes.
pub async fn json_of_stranger<T: DeserializeOwned>(
    payload: Payload,
    state: &ApiState,
) -> Result<T, ApiError> {
    json_at_most(payload, state, state.config.max_login_body.bytes()).await
}

async fn json_at_most<T: DeserializeOwned>(
    payload: Payload,
    state: &ApiState,
    limit: usize,
) -> Result<T, ApiError> {
    let body = read(payload, state, limit).await;
    parse(&body.inspect_err(|rejection| state.count(rejection.reason))?)
}

/// Parses JSON. The error says where, and never repeats what was sent (it may be a password).
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            Category::Eof => "JSON ends too early",
            Category::Data => "a field is missing or has the wrong type",
            Category::Syntax | Category::Io => "not JSON",
        };
        let (line, column) = (error.line(), error.column());
        ApiError::bad("Invalid request body")
            .detail(format!("{what}, at line {line} column {column}"))
    })
}
