//! The operator guard: a valid access token or API key, or 401; and the right to make this call, or
//! 403 (contract/admin-rest.md 1).

use super::error::{code, ApiError};
use super::permissions;
use super::trace::Trace;
use super::ApiState;
use crate::auth::{OperatorError, Speaker};
use actix_web::dev::Payload;
use actix_web::http::{header::HeaderMap, StatusCode};
use actix_web::{web, FromRequest, HttpRequest};
use std::fmt::Display;
use std::future::{ready, Ready};
use std::net::{IpAddr, Ipv4Addr};

/// Who asks. A handler that takes it is closed to everybody else.
pub struct Guard(pub Speaker, Trace);

impl Guard {
    /// What the change is about, for the audit log; never a secret.
    pub fn about(&self, kind: &str, id: impl Display, name: &str) {
        self.1.about(kind, id, name);
    }
}

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
    let operators = state.auth.operators();
    let speaker = match presented(request.headers()) {
        Some(Presented::Bearer(token)) => operators.verify(token)?,
        Some(Presented::ApiKey(key)) => operators.verify_key(key)?,
        None => return Err(ApiError::unauthorized("Authentication failed")),
    };
    let trace = Trace::of(request);
    trace.speaker(&speaker);
    let path = request.match_pattern().unwrap_or_default();
    match permissions::of(request.method(), &path) {
        Some(need) if need.is_none_or(|need| permissions::may(&speaker, need)) => {
            Ok(Guard(speaker, trace))
        }
        _ => Err(ApiError::forbidden()),
    }
}

enum Presented<'a> {
    Bearer(&'a str),
    ApiKey(&'a str),
}

/// `X-Authorization: Bearer ...` or `ApiKey ...`, else `Authorization: Bearer ...`.
fn presented(headers: &HeaderMap) -> Option<Presented<'_>> {
    ["x-authorization", "authorization"]
        .into_iter()
        .filter_map(|name| Some((name, headers.get(name)?.to_str().ok()?)))
        .find_map(|(name, value)| {
            let (scheme, secret) = value.trim().split_once(' ')?;
            let secret = Some(secret.trim()).filter(|secret| !secret.is_empty())?;
            if scheme.eq_ignore_ascii_case("bearer") {
                return Some(Presented::Bearer(secret));
            }
            let is_key = name == "x-authorization" && scheme.eq_ignore_ascii_case("apikey");
            is_key.then_some(Presented::ApiKey(secret))
        })
}

/// The caller's address, for throttling.
pub struct Peer(pub IpAddr);

impl FromRequest for Peer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

impl Peer {
    pub fn of(request: &HttpRequest) -> Self {
        let address = request.peer_addr().map(|peer| peer.ip());
        Self(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }
}

impl From<OperatorError> for ApiError {
    fn from(error: OperatorError) -> Self {
        let message = error.to_string();
        match error {
            OperatorError::BadLogin
            | OperatorError::Disabled
            | OperatorError::TokenInvalid
            | OperatorError::KeyInvalid => ApiError::unauthorized(message),
            OperatorError::KeyExpired => {
                ApiError::new(StatusCode::UNAUTHORIZED, code::CREDENTIALS_EXPIRED, message)
            }
            OperatorError::RoleTooHigh => ApiError::forbidden().detail(message),
            OperatorError::TooManyOperators(_) | OperatorError::TooManyKeys(_) => {
                ApiError::new(StatusCode::FORBIDDEN, code::TOO_MANY_ENTITIES, message)
            }
            OperatorError::Unknown(_) | OperatorError::KeyUnknown(_) => {
                ApiError::not_found(message)
            }
            OperatorError::TokenExpired => {
                ApiError::new(StatusCode::UNAUTHORIZED, code::TOKEN_EXPIRED, message)
            }
            OperatorError::Throttled { retry_after } => {
                ApiError::too_many(message, whole_seconds(retry_after))
            }
            OperatorError::PasswordUnfit
            | OperatorError::CurrentPasswordWrong
            | OperatorError::NameMissing
            | OperatorError::NameTooLong
            | OperatorError::NameTaken(_)
            | OperatorError::LastAdministrator
            | OperatorError::KeyExpiresInThePast => ApiError::bad(message),
            OperatorError::Store(error) => error.into(),
        }
    }
}

/// Rounded up: a client that waits as told must not be refused again.
fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
