//! From bytes to a parse: UTF-8, strict JSON, then perhaps JSON5; and what each failure becomes.

use super::lenient;
use super::rules::Rules;
use crate::model::reject::{Reason, Rejection};
use serde::de::DeserializeSeed;

/// Why a strict parse ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// Not strict JSON: a lenient reading may still help.
    Syntax(Rejection),
    /// JSON, but not acceptable.
    Refused(Rejection),
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Failure::Refused(rejection)
    }
}

/// Reads `body` by `parse`, strictly first.
pub(super) fn read<T>(
    body: &[u8],
    rules: &Rules,
    parse: impl Fn(&str) -> Result<T, Failure>,
) -> Result<T, Rejection> {
    let text = utf8(body)?;
    let strict = match parse(text) {
        Ok(value) => return Ok(value),
        Err(Failure::Refused(rejection)) => return Err(rejection),
        Err(Failure::Syntax(rejection)) => rejection,
    };
    if !rules.lenient {
        return Err(strict);
    }
    // What is no JSON5 either is reported as the strict parser saw it.
    let text = lenient::to_strict(text, rules)?.ok_or(strict)?;
    parse(&text).map_err(|failure| match failure {
        Failure::Syntax(rejection) | Failure::Refused(rejection) => rejection,
    })
}

fn utf8(body: &[u8]) -> Result<&str, Rejection> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let detail = format!("not UTF-8 at byte {}", error.valid_up_to() + 1);
        Rejection::new(Reason::BadJson, detail)
    })?;
    if text.trim_ascii().is_empty() {
        return Err(Rejection::new(Reason::BadJson, "the payload is empty"));
    }
    Ok(text)
}

/// What a seed leaves behind when it stops the parse for a reason of its own.
pub(super) type Stopped = Option<Rejection>;

/// Runs `seed` over the whole of `text`. `stopped` tells its own refusal from the parser's, and
/// `shape` says what was expected when the JSON is something else.
pub(super) fn strict<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    seed: S,
    stopped: &std::cell::Cell<Stopped>,
    shape: impl FnOnce() -> String,
) -> Result<S::Value, Failure> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = seed
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    result.map_err(|error| match stopped.take() {
        Some(rejection) => Failure::Refused(rejection),
        // Never serde_json's own message here: it would echo the value.
        None if error.is_data() => Failure::Refused(Rejection::new(
            Reason::BadShape,
            format!(
                "{} (line {}, column {})",
                shape(),
                error.line(),
                error.column()
            ),
        )),
        None => Failure::Syntax(Rejection::new(
            Reason::BadJson,
            format!("not valid JSON: {error}"),
        )),
    })
}
