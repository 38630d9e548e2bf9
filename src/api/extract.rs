//! The operator guard: a valid access token, or 401 (contract/admin-rest.md 1).

use super::error::{code, ApiError};
use super::ApiState;
use crate::auth::{OperatorError, Speaker};
use actix_web::dev::Payload;
use actix_web::http::{header::HeaderMap, StatusCode};
use actix_web::{web, FromRequest, HttpRequest};
use std::future::{ready, Ready};
use std::net::{IpAddr, Ipv4Addr};

/// Who asks. A handler that takes it is closed to everybody else.
pub struct Guard(pub Speaker);

impl FromRequest for Guard {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(verify(request))
    }
}

fn verify(request: &HttpRequest) -> Result<Guard, ApiError> {
    let state = request
        .app_data::<web::Data<ApiState>>()
        .ok_or_else(|| ApiError::internal("the API is not mounted"))?;
    let token =
        bearer(request.headers()).ok_or_else(|| ApiError::unauthorized("Authentication failed"))?;
    Ok(Guard(state.auth.operators().verify(token)?))
}

/// The token of `X-Authorization: Bearer ...`, else of `Authorization: Bearer ...`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    ["x-authorization", "authorization"]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .find_map(|value| {
            let (scheme, token) = value.trim().split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(token.trim())
        })
        .filter(|token| !token.is_empty())
}

/// The caller's address, for throttling.
pub struct Peer(pub IpAddr);

impl FromRequest for Peer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let address = request.peer_addr().map(|peer| peer.ip());
        ready(Ok(Self(
            address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        )))
    }
}

impl From<OperatorError> for ApiError {
    fn from(error: OperatorError) -> Self {
        let message = error.to_string();
        match error {
            OperatorError::BadLogin | OperatorError::TokenInvalid => {
                ApiError::unauthorized(message)
            }
            OperatorError::TokenExpired => {
                ApiError::new(StatusCode::UNAUTHORIZED, code::TOKEN_EXPIRED, message)
            }
            OperatorError::Throttled { retry_after } => {
                ApiError::too_many(message, whole_seconds(retry_after))
            }
            OperatorError::PasswordUnfit | OperatorError::CurrentPasswordWrong => {
                ApiError::bad(message)
            }
            OperatorError::Store(error) => error.into(),
        }
    }
}

/// Rounded up: a client that waits as told must not be refused again.
fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
