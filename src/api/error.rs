//! The one error shape of the operator REST (contract/admin-rest.md 2 and 9.1):
//! `{"status":404,"message":"...","errorCode":32,"timestamp":1700000000000}`, with ThingsBoard's
//! texts as `message` and, where it helps to mend a request, a `detail`.

use crate::model::reject::{Reason, Rejection};
use crate::store::StoreError;
use actix_web::http::{header, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;
use std::borrow::Cow;
use std::fmt;

/// ThingsBoard's error codes, as far as they are used here.
pub mod code {
    pub const GENERAL: u16 = 2;
    pub const AUTHENTICATION: u16 = 10;
    pub const TOKEN_EXPIRED: u16 = 11;
    pub const CREDENTIALS_EXPIRED: u16 = 15;
    pub const PERMISSION: u16 = 20;
    pub const PARAMETERS: u16 = 31;
    pub const NOT_FOUND: u16 = 32;
    pub const TOO_MANY_REQUESTS: u16 = 33;
    pub const VERSION_CONFLICT: u16 = 35;
    pub const TOO_MANY_ENTITIES: u16 = 41;
    pub const DATABASE: u16 = 46;
}

/// Seconds after which a refused write may be tried again (store full, stopping, overloaded).
const RETRY_SECONDS: u64 = 5;

/// An answer that is not the wanted one. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: u16,
    message: Cow<'static, str>,
    detail: Option<String>,
    retry_after: Option<u64>,
    allow: Option<String>,
}

/// What handlers answer.
pub type Answer = Result<HttpResponse, ApiError>;

impl ApiError {
    pub fn new(status: StatusCode, code: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            detail: None,
            retry_after: None,
            allow: None,
        }
    }

    /// 400, code 31.
    pub fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::PARAMETERS, message)
    }

    /// 401, code 10.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code::AUTHENTICATION, message)
    }

    /// 403, code 20.
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            code::PERMISSION,
            "You don't have permission to perform this operation!",
        )
    }

    /// 404, code 32.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, message)
    }

    /// 404 for a device that is named by the telemetry and RPC controllers.
    pub fn no_such_device() -> Self {
        Self::not_found("Device with requested id wasn't found!")
    }

    /// 404 in the words of the entity controllers, e.g. `Device with id [...] is not found`.
    pub fn no_such(kind: &str, id: impl fmt::Display) -> Self {
        Self::not_found(format!("{kind} with id [{id}] is not found"))
    }

    /// 409, code 35.
    pub fn version_conflict() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            code::VERSION_CONFLICT,
            "Entity already changed by someone else",
        )
    }

    /// 429 with `Retry-After`.
    pub fn too_many(message: impl Into<Cow<'static, str>>, retry_after: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            code::TOO_MANY_REQUESTS,
            message,
        )
        .retry_after(retry_after)
    }

    /// 503 with `Retry-After`.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code::GENERAL, message)
            .retry_after(RETRY_SECONDS)
    }

    /// 500, code 2: a fault of ours.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code::GENERAL, message)
    }

    /// 405 with `Allow`.
    pub fn method_not_allowed(allow: String) -> Self {
        let mut error = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            code::PARAMETERS,
            format!("Request method is not supported here; allowed: {allow}"),
        );
        error.allow = Some(allow);
        error
    }

    /// Adds what and where.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut body = json!({
            "status": self.status.as_u16(),
            "message": self.message,
            "errorCode": self.code,
            "timestamp": super::now(),
        });
        if let (Some(detail), Some(object)) = (&self.detail, body.as_object_mut()) {
            object.insert("detail".to_owned(), json!(detail));
        }
        let mut answer = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after {
            answer.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = &self.allow {
            answer.insert_header((header::ALLOW, allow.clone()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        answer.json(body)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Rejection::from(error).into()
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let seconds = rejection.retry_seconds().unwrap_or(RETRY_SECONDS);
        let Rejection { reason, detail, .. } = rejection;
        match reason {
            Reason::StoreFull | Reason::ShuttingDown | Reason::StaleEpoch => {
                Self::unavailable(reason.label()).detail(detail)
            }
            Reason::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, code::PARAMETERS, detail),
            Reason::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, code::GENERAL, detail),
            Reason::QueueFull | Reason::RateLimited | Reason::TooManyConnections => {
                Self::too_many("Too many requests for this device!", seconds).detail(detail)
            }
            Reason::DeviceDeleted => Self::no_such_device(),
            Reason::DeviceDisabled => Self::new(
                StatusCode::CONFLICT,
                code::GENERAL,
                "The device is disabled",
            )
            .detail(detail),
            Reason::UnknownRpc => Self::not_found("RPC with requested id wasn't found!"),
            Reason::StoreFailed => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                code::DATABASE,
                "The store could not do this",
            )
            .detail(detail),
            Reason::Internal => Self::internal("Internal error").detail(detail),
            _ => Self::bad(detail),
        }
    }
}
