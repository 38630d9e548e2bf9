//! Content formats: JSON unless CBOR is said or asked for (RFC 7252 section 12.3).

use crate::model::reject::{Reason, Rejection};
use crate::transport::coap::codec::{number, Code, Options};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Json,
    Cbor,
}

const TEXT: u32 = 0;
const LINKS: u32 = 40;
const OCTETS: u32 = 42;
const JSON: u32 = 50;
const CBOR: u32 = 60;

/// A format that is not spoken here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatError {
    pub code: Code,
    pub rejection: Rejection,
}

/// Whether a list of links will do as the answer.
///
/// # Errors
/// 4.06 when something else is asked for.
pub fn accepts_links(options: &Options<'_>) -> Result<(), FormatError> {
    match options.uint(number::ACCEPT, 2) {
        Ok(None | Some(LINKS)) => Ok(()),
        _ => Err(error(Code::NOT_ACCEPTABLE, "this is a list of links (40)")),
    }
}

impl Format {
    /// Of `/.well-known/core` (RFC 6690).
    pub const LINKS: u16 = LINKS as u16;

    pub fn number(self) -> u16 {
        match self {
            Format::Json => JSON as u16,
            Format::Cbor => CBOR as u16,
        }
    }

    /// What the payload is. Many clients say nothing, text or bytes and mean JSON.
    ///
    /// # Errors
    /// 4.15 for any other.
    pub fn of_payload(options: &Options<'_>) -> Result<Format, FormatError> {
        match options.uint(number::CONTENT_FORMAT, 2) {
            Ok(None | Some(TEXT | OCTETS | JSON)) => Ok(Format::Json),
            Ok(Some(CBOR)) => Ok(Format::Cbor),
            _ => Err(error(
                Code::UNSUPPORTED_FORMAT,
                "the Content-Format is neither JSON (50) nor CBOR (60)",
            )),
        }
    }

    /// What the answer is to be: as accepted, else as the payload was.
    ///
    /// # Errors
    /// 4.06 when something else is asked for.
    pub fn of_answer(options: &Options<'_>) -> Result<Format, FormatError> {
        match options.uint(number::ACCEPT, 2) {
            Ok(None) => Ok(match options.uint(number::CONTENT_FORMAT, 2) {
                Ok(Some(CBOR)) => Format::Cbor,
                _ => Format::Json,
            }),
            Ok(Some(JSON)) => Ok(Format::Json),
            Ok(Some(CBOR)) => Ok(Format::Cbor),
            _ => Err(error(
                Code::NOT_ACCEPTABLE,
                "answers are JSON (50) or CBOR (60)",
            )),
        }
    }
}

fn error(code: Code, what: &'static str) -> FormatError {
    FormatError {
        code,
        rejection: Rejection::new(Reason::BadShape, what),
    }
}
