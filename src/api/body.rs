//! Request bodies: any Content-Type, bounded in size and time, also when sent in chunks
//! (contract/admin-rest.md 5: tb-rest-client posts JSON as text/plain).

use super::error::ApiError;
use super::ApiState;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Reads a whole body of at most `api.max_body` bytes.
/// Errors: 413 above the limit, 408 when it took longer than `api.body_timeout`, 400 when broken off.
pub async fn read(payload: Payload, state: &ApiState) -> Result<Bytes, ApiError> {
    read_at_most(payload, state, state.config.max_body.bytes()).await
}

/// Like [`read`], with a limit of its own.
pub async fn read_at_most(
    mut payload: Payload,
    state: &ApiState,
    limit: usize,
) -> Result<Bytes, ApiError> {
    let collect = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| ApiError::bad("Request body broke off"))?;
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(ApiError::too_large(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    actix_web::rt::time::timeout(state.config.body_timeout.0, collect)
        .await
        .unwrap_or_else(|_| Err(ApiError::too_slow()))
}

/// Reads a body and parses it as JSON of this shape.
pub async fn json<T: DeserializeOwned>(payload: Payload, state: &ApiState) -> Result<T, ApiError> {
    parse(&read(payload, state).await?)
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
