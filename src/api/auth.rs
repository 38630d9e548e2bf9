//! `/api/auth`: login, refresh, logout, who am I, change of password (contract/admin-rest.md 1).

use super::body;
use super::endpoint::{get, post, tagged, Endpoint};
use super::error::{Answer, ApiError};
use super::extract::{Guard, Peer};
use super::json::{entity, no_customer, tenant};
use super::trace::Trace;
use super::ApiState;
use crate::auth::TokenPair;
use crate::model::operator::Operator;
use actix_web::web::{Data, Payload};
use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::{json, Value};

pub fn endpoints() -> Vec<Endpoint> {
    tagged(
        "auth",
        vec![
            post("/api/auth/login", login)
                .says("Log in; failed attempts are throttled")
                .open()
                .takes("Login")
                .gives("TokenPair")
                .fails(&[400, 401, 413, 429])
                .other_methods(|| ApiError::unauthorized("Authentication method not supported")),
            post("/api/auth/token", refresh)
                .says("A new token pair for a refresh token, which is good for one use")
                .open()
                .takes("RefreshToken")
                .gives("TokenPair")
                .fails(&[400, 401, 413]),
            post("/api/auth/logout", logout)
                .says("End this session: all its tokens become invalid"),
            get("/api/auth/user", user)
                .says("The operator who asks")
                .gives("User"),
            post("/api/auth/changePassword", change_password)
                .says("Change the own password; all older tokens become invalid")
                .takes("ChangePassword")
                .gives("TokenPair")
                .fails(&[400, 413, 429]),
        ],
    )
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

async fn login(trace: Trace, state: Data<ApiState>, peer: Peer, payload: Payload) -> Answer {
    let asked: Login = body::json_of_stranger(payload, &state).await?;
    trace.username(&asked.username);
    let operators = state.auth.operators();
    let tokens = operators
        .login(&asked.username, &asked.password, peer.0)
        .await
        .map_err(|error| state.login_refused(error))?;
    Ok(pair(&tokens))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefreshToken {
    refresh_token: String,
}

async fn refresh(state: Data<ApiState>, payload: Payload) -> Answer {
    let asked: RefreshToken = body::json_of_stranger(payload, &state).await?;
    let tokens = state.auth.operators().refresh(&asked.refresh_token).await?;
    Ok(pair(&tokens))
}

async fn logout(guard: Guard, state: Data<ApiState>) -> Answer {
    state.auth.operators().logout(&guard.0).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn user(guard: Guard, state: Data<ApiState>) -> Answer {
    let operator = state
        .auth
        .operators()
        .operator(guard.0.operator)
        .ok_or_else(|| ApiError::unauthorized("Authentication failed"))?;
    Ok(HttpResponse::Ok().json(show(&operator)))
}

/// An operator as ThingsBoard's tools know a user, and its role here.
pub fn show(user: &Operator) -> Value {
    json!({
        "id": entity("USER", user.id),
        "createdTime": user.created,
        "tenantId": tenant(),
        "customerId": no_customer(),
        "email": user.username,
        "name": user.username,
        "authority": user.role.authority(),
        "role": user.role.name(),
        "enabled": !user.disabled,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "phone": null,
        "additionalInfo": {"userCredentialsEnabled": !user.disabled},
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangePassword {
    current_password: String,
    new_password: String,
}

async fn change_password(
    guard: Guard,
    state: Data<ApiState>,
    peer: Peer,
    payload: Payload,
) -> Answer {
    let asked: ChangePassword = body::json_of_stranger(payload, &state).await?;
    let tokens = state
        .auth
        .operators()
        .change_password(
            &guard.0,
            &asked.current_password,
            &asked.new_password,
            peer.0,
        )
        .await
        .map_err(|error| state.login_refused(error))?;
    Ok(pair(&tokens))
}

fn pair(tokens: &TokenPair) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(json!({"token": tokens.token, "refreshToken": tokens.refresh_token}))
}
