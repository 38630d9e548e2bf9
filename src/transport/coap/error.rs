//! What each reason looks like over CoAP (contract/coap.md 2): code, Max-Age, diagnostic text.

use super::codec::Code;
use super::session::Answer;
use crate::model::reject::{Reason, Rejection};

/// The code of a refusal for `reason`.
pub(super) fn code(reason: Reason) -> Code {
    use Reason::*;
    match reason {
        CredentialsMissing
        | CredentialsUnknown
        | ClientIdUnknown
        | PasswordWrong
        | CertificateUnknown
        | CertificateExpired
        | CertificateNotYetValid
        | CertificateRevoked
        | DeviceDisabled
        | TransportNotAllowed
        | DeviceDeleted
        | CredentialsChanged => Code::UNAUTHORIZED,
        ProtocolViolation | BadJson | BadShape | TooDeep | BadKey | BadValue | BadTimestamp
        | BadRequestId | NullValue => Code::BAD_REQUEST,
        TooLarge => Code::TOO_LARGE,
        UnknownTopic | UnknownFilter | NotAGateway | UnknownRpc => Code::NOT_FOUND,
        QueueFull | RateLimited | TooManyConnections => Code::TOO_MANY_REQUESTS,
        TooSlow | KeepaliveExpired | Expired => Code::TIMEOUT,
        // Not refused for good: the same request may succeed later.
        _ => Code::UNAVAILABLE,
    }
}

/// A refusal as an answer. 4.01 says nothing more; the others say what to mend.
pub(super) fn refusal(rejection: &Rejection) -> Answer {
    with_code(code(rejection.reason), rejection)
}

pub(super) fn with_code(code: Code, rejection: &Rejection) -> Answer {
    if code == Code::UNAUTHORIZED {
        return Answer::empty(code);
    }
    let mut answer = Answer::diagnostic(code, &rejection.detail);
    answer.max_age = match code {
        Code::TOO_MANY_REQUESTS => Some(1),
        Code::UNAVAILABLE => Some(5),
        _ => None,
    };
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_tried_again_says_when() {
        for (reason, code, seconds) in [
            (Reason::QueueFull, Code::TOO_MANY_REQUESTS, Some(1)),
            (Reason::StoreFull, Code::UNAVAILABLE, Some(5)),
            (Reason::BadJson, Code::BAD_REQUEST, None),
            (Reason::Expired, Code::TIMEOUT, None),
        ] {
            let answer = refusal(&Rejection::new(reason, "why"));
            assert_eq!((answer.code, answer.max_age), (code, seconds), "{reason:?}");
            assert_eq!(&answer.payload[..], b"why");
        }
    }

    #[test]
    fn who_is_not_let_in_hears_no_more_than_that() {
        let answer = refusal(&Rejection::new(Reason::DeviceDisabled, "why"));
        assert_eq!(answer, Answer::empty(Code::UNAUTHORIZED));
    }
}
