//! Client-side RPC: what a device may ask the platform (contract/rpc.md 5). A table of handlers;
//! what stands in none of its rows is answered promptly, not after a time-out.

use crate::model::Millis;

/// Answers with JSON text.
type Handler = fn(params: &str, now: Millis) -> Box<str>;

const HANDLERS: &[(&str, Handler)] = &[
    ("getTime", time),
    ("getCurrentTime", time),
    #[cfg(any(test, feature = "panic-injection"))]
    (PANIC_METHOD, |_, _| panic!("a panic was injected")),
];

/// In test builds this method makes the actor panic.
#[cfg(any(test, feature = "panic-injection"))]
pub const PANIC_METHOD: &str = "injectPanic";

/// More of an unknown method's name is not repeated.
const LONGEST_METHOD: usize = 100;

/// The answer, and whether something handled the method.
pub fn answer(method: &str, params: &str, now: Millis) -> (Box<str>, bool) {
    match HANDLERS.iter().find(|(name, _)| *name == method) {
        Some((_, handler)) => (handler(params, now), true),
        None => {
            let short: String = method.chars().take(LONGEST_METHOD).collect();
            let text = format!("Method `{short}` is not handled by the platform");
            let error = serde_json::json!({ "error": text });
            (error.to_string().into(), false)
        }
    }
}

/// The server's time, epoch ms.
fn time(_params: &str, now: Millis) -> Box<str> {
    format!("{{\"time\":{now}}}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_under_both_names() {
        for method in ["getTime", "getCurrentTime"] {
            assert_eq!(
                answer(method, "{}", 1_700_000_000_000),
                ("{\"time\":1700000000000}".into(), true)
            );
        }
    }

    #[test]
    fn an_unknown_method_is_answered_with_an_error_that_is_json_whatever_its_name() {
        let (text, handled) = answer("no\"such\n", "null", 0);
        assert!(!handled);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let error = value["error"].as_str().unwrap();
        assert!(error.contains("no\"such\n"), "{error}");
    }
}
