//! `POST` and `GET /{token}/attributes` (contract/http.md 4).

use super::{json as answer, Call};
use crate::model::json;
use crate::model::reject::{Reason, Rejection};
use crate::model::uplink::{Outcome, Uplink};
use crate::transport::http::mapping;
use actix_web::web::Payload;
use actix_web::HttpResponse;

/// CLIENT scope; 200 with an empty body once it is on disk.
pub(super) async fn post(call: &Call, payload: Payload) -> Result<HttpResponse, Rejection> {
    let body = call
        .body(payload, call.room.config.max_body.bytes())
        .await?;
    let read = json::attributes(&body.bytes, &call.room.rules, call.device.profile);
    let (entries, nulls_skipped) = call.noted(read).await?;
    let uplink = Uplink::Attributes {
        entries,
        nulls_skipped,
    };
    call.stored(uplink, body).await
}

/// Sections without a hit are left out; nothing at all is `{}`.
pub(super) async fn get(call: &Call) -> Result<HttpResponse, Rejection> {
    let request = mapping::attribute_request(call.request.query_string());
    match call.submit(Uplink::AttributeRequest(request)).await? {
        Outcome::Attributes(reply) => {
            let mut out = String::new();
            json::write_attribute_reply(&reply, &mut out);
            Ok(answer(out))
        }
        _ => Err(Rejection::new(Reason::Internal, "an unexpected answer")),
    }
}
