//! `POST /{token}/rpc` and `POST /{token}/rpc/{id}` (contract/http.md 6).

use super::{json as answer, Call};
use crate::model::json;
use crate::model::reject::{Reason, Rejection};
use crate::model::uplink::{Outcome, Uplink};
use actix_web::web::Payload;
use actix_web::HttpResponse;

/// Client-side RPC: 200 with whatever answers it.
pub(super) async fn call(call: &Call, payload: Payload) -> Result<HttpResponse, Rejection> {
    let body = call
        .body(payload, call.room.config.max_rpc_body.bytes())
        .await?;
    let read = json::rpc_call(&body.bytes, &call.room.rules);
    let (method, params) = call.noted(read).await?;
    let uplink = Uplink::RpcCall { method, params };
    let _credit = body.becomes(&uplink);
    match call.submit(uplink).await? {
        Outcome::RpcResult(result) => Ok(answer(result.into())),
        _ => Err(Rejection::new(Reason::Internal, "an unexpected answer")),
    }
}

/// The reply to a polled request: any bytes; 200 also for an unknown or expired id.
pub(super) async fn reply(
    call: &Call,
    request_id: i32,
    payload: Payload,
) -> Result<HttpResponse, Rejection> {
    let body = call
        .body(payload, call.room.config.max_rpc_body.bytes())
        .await?;
    let uplink = Uplink::RpcReply {
        request_id,
        body: body.bytes.clone(),
    };
    call.stored(uplink, body).await
}
