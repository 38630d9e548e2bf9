//! Server-side RPC (contract/rpc.md 1): one-way and two-way, in the paths of both versions. They
//! differ in the status when nothing came of it: 504 in version 2, 409 or 408 in version 1.

use super::call::unreachable;
use super::endpoint::{post, tagged, Endpoint};
use super::error::{code, Answer, ApiError};
use super::extract::Guard;
use super::ApiState;
use crate::model::json::rpc_order;
use crate::model::reject::{Reason, Rejection};
use crate::model::rpc::RpcAnswer;
use crate::registry::{CallOutcome, Command, CommandReply};
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::HttpResponse;
use serde::de::IgnoredAny;
use serde_json::json;

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "rpc",
        vec![
            post("/api/rpc/oneway/{deviceId}", oneway)
                .says("Send a command; 200 when it was written, or (persistent) stored")
                .takes("Rpc")
                .fails(&[400, 404, 413, 504]),
            post("/api/rpc/twoway/{deviceId}", twoway)
                .says("Send a command and wait for the device's reply; persistent: answers rpcId at once")
                .takes("Rpc")
                .gives("RpcReply")
                .fails(&[400, 404, 406, 413, 504]),
            post("/api/plugins/rpc/oneway/{deviceId}", oneway_v1)
                .says("Like /api/rpc/oneway; 409 not connected, 408 no answer in time")
                .takes("Rpc")
                .fails(&[400, 404, 408, 409, 413]),
            post("/api/plugins/rpc/twoway/{deviceId}", twoway_v1)
                .says("Like /api/rpc/twoway; 409 not connected, 408 no answer in time")
                .takes("Rpc")
                .gives("RpcReply")
                .fails(&[400, 404, 406, 408, 409, 413]),
        ],
    )
}

#[derive(Clone, Copy)]
enum Version {
    V1,
    V2,
}

async fn oneway(guard: Guard, state: Data<ApiState>, path: Path<String>, body: Payload) -> Answer {
    send(guard, &state, &path, body, true, Version::V2).await
}

async fn twoway(guard: Guard, state: Data<ApiState>, path: Path<String>, body: Payload) -> Answer {
    send(guard, &state, &path, body, false, Version::V2).await
}

async fn oneway_v1(
    guard: Guard,
    state: Data<ApiState>,
    path: Path<String>,
    body: Payload,
) -> Answer {
    send(guard, &state, &path, body, true, Version::V1).await
}

async fn twoway_v1(
    guard: Guard,
    state: Data<ApiState>,
    path: Path<String>,
    body: Payload,
) -> Answer {
    send(guard, &state, &path, body, false, Version::V1).await
}

async fn send(
    guard: Guard,
    state: &ApiState,
    device: &str,
    payload: Payload,
    oneway: bool,
    version: Version,
) -> Answer {
    let device = state.device(device).await?;
    let limit = state.config.max_rpc_body;
    let body = state.body(device.id, payload, limit).await?;
    let order = rpc_order(
        &body,
        oneway,
        super::now(),
        state.rpc_retries,
        &state.payload,
    );
    let order = match order {
        Ok(order) => order,
        Err(rejection) => return Err(refusal(state.refuse(device.id, rejection).await)),
    };
    tracing::debug!(operator = %guard.0.username, device = %device.id, rpc = %order.id, "rpc");
    match state.registry.call(device.id, Command::Rpc(order)).await {
        CallOutcome::Reply(CommandReply::Rpc(answer)) => reply(answer, version),
        CallOutcome::Reply(CommandReply::Refused(rejection)) => Err(rejection.into()),
        CallOutcome::TimedOut => Err(no_reply(version)),
        other => Err(unreachable(&other)),
    }
}

fn refusal(rejection: Rejection) -> ApiError {
    match rejection.reason {
        Reason::TooLarge => rejection.into(),
        _ => ApiError::bad("Invalid request body").detail(rejection.detail),
    }
}

fn reply(answer: RpcAnswer, version: Version) -> Answer {
    match answer {
        RpcAnswer::Accepted(id) => Ok(HttpResponse::Ok().json(json!({"rpcId": id.to_string()}))),
        RpcAnswer::Delivered => Ok(HttpResponse::Ok().finish()),
        RpcAnswer::Reply(body) => device_reply(body),
        RpcAnswer::NotConnected => Err(not_connected(version)),
        RpcAnswer::NoReply => Err(no_reply(version)),
    }
}

/// The device's JSON as it came; 406 when it is none.
fn device_reply(body: Bytes) -> Answer {
    if body.is_empty() {
        return Ok(HttpResponse::Ok().finish());
    }
    if serde_json::from_slice::<IgnoredAny>(&body).is_err() {
        return Err(ApiError::new(
            StatusCode::NOT_ACCEPTABLE,
            code::GENERAL,
            "The device's reply is not JSON",
        ));
    }
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(body))
}

fn not_connected(version: Version) -> ApiError {
    let status = match version {
        Version::V1 => StatusCode::CONFLICT,
        Version::V2 => StatusCode::GATEWAY_TIMEOUT,
    };
    ApiError::new(
        status,
        code::GENERAL,
        "No active connection to the device until the request expired",
    )
}

fn no_reply(version: Version) -> ApiError {
    let status = match version {
        Version::V1 => StatusCode::REQUEST_TIMEOUT,
        Version::V2 => StatusCode::GATEWAY_TIMEOUT,
    };
    ApiError::new(
        status,
        code::GENERAL,
        "The request was sent, but the device did not answer in time",
    )
}
