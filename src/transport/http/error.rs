//! What each reason looks like over HTTP (contract/http.md 2): status, body, headers.

use crate::model::json;
use crate::model::reject::{Blame, Reason, Rejection};
use crate::model::Millis;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};
use std::fmt::Write;

/// The status that a refusal for `reason` has. Never 500 for a client's fault.
pub(super) fn status(reason: Reason) -> StatusCode {
    match reason.blames() {
        Blame::Speaker => StatusCode::UNAUTHORIZED,
        Blame::Words => StatusCode::BAD_REQUEST,
        Blame::Size => StatusCode::PAYLOAD_TOO_LARGE,
        Blame::Name => StatusCode::NOT_FOUND,
        Blame::Haste => StatusCode::TOO_MANY_REQUESTS,
        Blame::Delay => StatusCode::REQUEST_TIMEOUT,
        // An actor that died counts among them, since nothing of the request was acknowledged.
        Blame::Platform => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Seconds after which trying again may help.
fn retry_after(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some("1"),
        StatusCode::SERVICE_UNAVAILABLE => Some("5"),
        _ => None,
    }
}

/// ThingsBoard's error numbers, as far as they have one.
fn error_code(status: StatusCode) -> u8 {
    match status {
        StatusCode::NOT_FOUND => 32,
        StatusCode::TOO_MANY_REQUESTS => 33,
        _ if status.is_client_error() => 31,
        _ => 2,
    }
}

/// A refusal as a response: error JSON, but 401 with an empty body.
pub(super) fn refusal(rejection: &Rejection, now: Millis) -> HttpResponse {
    let status = status(rejection.reason);
    let mut response = HttpResponse::build(status);
    let known = rejection.retry_seconds().map(|seconds| seconds.to_string());
    if let Some(seconds) = known.or_else(|| retry_after(status).map(str::to_owned)) {
        response.insert_header((RETRY_AFTER, seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        return response.finish();
    }
    with_body(response, status, rejection, now)
}

/// 405 with the methods that would do.
pub(super) fn wrong_method(
    allowed: &'static str,
    rejection: &Rejection,
    now: Millis,
) -> HttpResponse {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = HttpResponse::build(status);
    response.insert_header((ALLOW, allowed));
    with_body(response, status, rejection, now)
}

fn with_body(
    mut response: HttpResponseBuilder,
    status: StatusCode,
    rejection: &Rejection,
    now: Millis,
) -> HttpResponse {
    response
        .content_type("application/json")
        .body(error_json(status, &rejection.detail, now))
}

fn error_json(status: StatusCode, message: &str, now: Millis) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write!(out, "{{\"status\":{},\"message\":", status.as_u16());
    json::write_string(message, &mut out);
    let _ = write!(
        out,
        ",\"errorCode\":{},\"timestamp\":{now}}}",
        error_code(status)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_json_has_the_contracts_four_fields() {
        let text = error_json(StatusCode::BAD_REQUEST, "a \"b\"", 1_700_000_000_000);
        assert_eq!(
            text,
            r#"{"status":400,"message":"a \"b\"","errorCode":31,"timestamp":1700000000000}"#
        );
    }

    #[test]
    fn only_our_own_faults_are_5xx() {
        use Reason::*;
        for reason in [
            StoreFull,
            StoreFailed,
            ShuttingDown,
            Internal,
            StaleEpoch,
            TakenOver,
        ] {
            assert_eq!(
                status(reason),
                StatusCode::SERVICE_UNAVAILABLE,
                "{reason:?}"
            );
        }
        for reason in [
            BadJson,
            BadShape,
            TooDeep,
            BadKey,
            BadValue,
            BadTimestamp,
            BadRequestId,
        ] {
            assert_eq!(status(reason), StatusCode::BAD_REQUEST, "{reason:?}");
        }
        assert_eq!(status(QueueFull), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(status(TooLarge), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn a_refusal_that_knows_its_time_says_it_in_whole_seconds() {
        for (millis, seconds) in [(1, "1"), (1_000, "1"), (1_001, "2")] {
            let limited = Rejection::new(Reason::RateLimited, "x").retry_after(millis);
            let response = refusal(&limited, 0);
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), seconds);
        }
    }

    #[test]
    fn what_may_be_tried_again_says_when() {
        for (reason, seconds) in [(Reason::QueueFull, "1"), (Reason::StoreFull, "5")] {
            let response = refusal(&Rejection::new(reason, "x"), 0);
            assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), seconds);
        }
    }
}
