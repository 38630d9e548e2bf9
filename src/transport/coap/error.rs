//! What each reason looks like over CoAP (contract/coap.md 2): code, Max-Age, diagnostic text.

use super::codec::Code;
use super::session::Answer;
use crate::model::reject::{Blame, Reason, Rejection};

/// The code of a refusal for `reason`.
pub(super) fn code(reason: Reason) -> Code {
    match reason.blames() {
        Blame::Speaker => Code::UNAUTHORIZED,
        Blame::Words => Code::BAD_REQUEST,
        Blame::Size => Code::TOO_LARGE,
        Blame::Name => Code::NOT_FOUND,
        Blame::Haste => Code::TOO_MANY_REQUESTS,
        Blame::Delay => Code::TIMEOUT,
        Blame::Platform => Code::UNAVAILABLE,
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
    answer.max_age = max_age(code, rejection);
    answer
}

/// Seconds after which trying again may help (RFC 7252 section 5.9.3.4, RFC 8516).
fn max_age(code: Code, rejection: &Rejection) -> Option<u32> {
    let usual = match code {
        Code::TOO_MANY_REQUESTS => 1,
        Code::UNAVAILABLE => 5,
        _ => return None,
    };
    let known = rejection.retry_seconds().map(u32::try_from);
    Some(known.map_or(usual, |known| known.unwrap_or(u32::MAX)))
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
    fn a_refusal_that_knows_its_time_says_it_in_whole_seconds() {
        for (millis, seconds) in [(1, 1), (1_000, 1), (1_001, 2), (3_600_000, 3_600)] {
            let limited = Rejection::new(Reason::RateLimited, "x").retry_after(millis);
            assert_eq!(refusal(&limited).max_age, Some(seconds));
        }
    }

    #[test]
    fn who_is_not_let_in_hears_no_more_than_that() {
        let answer = refusal(&Rejection::new(Reason::DeviceDisabled, "why"));
        assert_eq!(answer, Answer::empty(Code::UNAUTHORIZED));
    }
}
