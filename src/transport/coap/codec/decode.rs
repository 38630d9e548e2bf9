//! A datagram to a message.

use super::error::{DecodeError, Malformed};
use super::message::{Code, Kind, Message, Token};
use super::options::Options;

/// A message with at most so many options.
///
/// # Errors
/// What is wrong with it, and what a reset would answer.
pub fn decode(datagram: &[u8], most_options: usize) -> Result<Message<'_>, Malformed> {
    let headless = |error| Malformed { error, head: None };
    let [first, code, high, low, rest @ ..] = datagram else {
        return Err(headless(DecodeError::Short));
    };
    if first >> 6 != 1 {
        return Err(headless(DecodeError::Version(first >> 6)));
    }
    let kind = match first >> 4 & 3 {
        0 => Kind::Con,
        1 => Kind::Non,
        2 => Kind::Ack,
        _ => Kind::Rst,
    };
    let id = u16::from_be_bytes([*high, *low]);
    let (code, token_length) = (Code(*code), first & 15);
    let head = Some((kind, id));
    body(code, token_length, rest, most_options)
        .map(|(token, options, payload)| Message {
            kind,
            code,
            id,
            token,
            options,
            payload,
        })
        .map_err(|error| Malformed { error, head })
}

type Body<'a> = (Token, Options<'a>, &'a [u8]);

fn body(
    code: Code,
    token_length: u8,
    rest: &[u8],
    most_options: usize,
) -> Result<Body<'_>, DecodeError> {
    if token_length > 8 {
        return Err(DecodeError::TokenLength(token_length));
    }
    if code == Code::EMPTY && (token_length > 0 || !rest.is_empty()) {
        return Err(DecodeError::Empty);
    }
    let (token, rest) = rest
        .split_at_checked(usize::from(token_length))
        .ok_or(DecodeError::Token)?;
    let token = Token::new(token).ok_or(DecodeError::Token)?;
    let (options, payload) = Options::read(rest, most_options)?;
    Ok((token, options, payload))
}
