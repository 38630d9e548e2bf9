//! Options that must be understood, or the request is refused (RFC 7252 section 5.4.1).

use super::effects::Answer;
use super::receive::Refused;
use crate::model::reject::{Reason, Rejection};
use crate::transport::coap::codec::{number, uint, Block, Code, Message};

/// # Errors
/// 4.02 for a critical option that is unknown, malformed or repeated, 5.05 for a proxy's.
pub(super) fn options(message: &Message<'_>) -> Result<(), Refused> {
    let mut last = None;
    for (number, value) in message.options.iter() {
        let critical = number & 1 == 1;
        let repeated = last == Some(number) && !may_repeat(number);
        if critical && (repeated || !is_good(number, value)) {
            return Err(bad(number));
        }
        last = Some(number);
    }
    Ok(())
}

/// Observe (RFC 7641 section 2), for GET only; of too great a length it is as if absent.
pub(super) fn observe(message: &Message<'_>) -> Option<u32> {
    let value = message.options.get(number::OBSERVE)?;
    let small = value.len() <= 3 && message.code == Code::GET;
    small.then(|| uint(value)).flatten()
}

fn may_repeat(number: u16) -> bool {
    matches!(number, number::URI_PATH | number::URI_QUERY)
}

/// Whether a critical option is one of ours and has a length that it may have.
fn is_good(number: u16, value: &[u8]) -> bool {
    match number {
        number::URI_HOST => (1..=255).contains(&value.len()),
        number::URI_PORT | number::ACCEPT => value.len() <= 2,
        number::URI_PATH | number::URI_QUERY => value.len() <= 255,
        number::BLOCK1 | number::BLOCK2 => Block::read(value).is_some(),
        _ => false,
    }
}

fn bad(number: u16) -> Refused {
    let code = match number {
        number::PROXY_URI | number::PROXY_SCHEME => Code::NO_PROXY,
        // The reserved block size has a code of its own (RFC 7959 section 2.2).
        number::BLOCK1 | number::BLOCK2 => Code::BAD_REQUEST,
        _ => Code::BAD_OPTION,
    };
    let what = format!("option {number} is not understood");
    Refused {
        answer: Answer::diagnostic(code, &what),
        rejection: Some(Rejection::new(Reason::ProtocolViolation, what)),
    }
}
