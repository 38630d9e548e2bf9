//! `POST /{token}/telemetry`: 200 with an empty body once it is on disk.

use super::{now, Call};
use crate::model::json;
use crate::model::reject::Rejection;
use crate::model::uplink::Uplink;
use actix_web::web::Payload;
use actix_web::HttpResponse;

pub(super) async fn post(call: &Call, payload: Payload) -> Result<HttpResponse, Rejection> {
    let body = call
        .body(payload, call.room.config.max_body.bytes())
        .await?;
    let read = json::telemetry(&body.bytes, now(), &call.room.rules, call.device.profile);
    let telemetry = call.noted(read).await?;
    call.stored(Uplink::Telemetry(telemetry), body).await
}
